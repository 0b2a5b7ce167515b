"""Backing up a volume."""

from collections.abc import Callable

from drsync.clock import Cancellation, Clock
from drsync.repository.repository import Repository
from drsync.volumes.job import BackupJob, BackupResult, Progress


def backup_volume(
    repository: Repository, job: BackupJob, *, progress: Callable[[Progress], None], cancel: Cancellation, clock: Clock
) -> BackupResult:
    """Stores what is at `job.path` as one sealed session."""
    raise NotImplementedError
