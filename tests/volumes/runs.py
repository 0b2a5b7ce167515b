"""Backups and restores as a test asks for them: one line each."""

from datetime import UTC, datetime, timedelta

from drsync.clock import Cancellation, SystemClock
from drsync.model.volume import VolumeMode
from drsync.volumes.backup import backup_volume
from drsync.volumes.job import BackupJob, RestoreJob
from drsync.volumes.restore import restore_volume


class LaterClock(SystemClock):
    """This host's clock a minute on: files made a moment ago count as settled."""

    def now(self):
        return datetime.now(UTC) + timedelta(minutes=1)


def ignore(_progress):
    """Progress that nobody wants."""


def back_up(repository, path, *, parent=None, mode=VolumeMode.FILESYSTEM, source="volume", cancel=None):
    job = BackupJob(store_url="", key_files=(), source=source, parent=parent, path=str(path), mode=mode)
    return backup_volume(repository, job, progress=ignore, cancel=cancel or Cancellation(), clock=LaterClock())


def restore(repository, session, path, *, cancel=None, progress=ignore, **how):
    job = RestoreJob(store_url="", key_files=(), session=session, path=str(path), **how)
    return restore_volume(repository, job, progress=progress, cancel=cancel or Cancellation())
