"""Backing up a block volume: fixed blocks of a device or an image file, zeros left out."""

import os
import stat as modes

from drsync.model.volume import VolumeMode
from drsync.repository.session import Session
from drsync.volumes.content import LargeReader
from drsync.volumes.entry import FileEntry, FileKind
from drsync.volumes.filesystem import explain
from drsync.volumes.job import BackupJob, BackupResult
from drsync.volumes.manifest_writer import ManifestTotals, ManifestWriter
from drsync.volumes.meter import Meter


def backup_image(session: Session, job: BackupJob, handle: int, meter: Meter) -> BackupResult:
    """Reads it as a whole: what of it has changed, only its content tells. A read error is an error of the volume."""
    size = os.lseek(handle, 0, os.SEEK_END)
    meter.total_bytes = size
    reader = LargeReader(session)
    torn = False
    try:
        for _ in range(2):
            before = os.fstat(handle)
            for step in reader.read(handle, size, fixed=True):
                meter.add(step)
            after = os.fstat(handle)
            # A device has no times that would tell; an image file has.
            torn = modes.S_ISREG(before.st_mode) and (before.st_mtime_ns, before.st_size) != (
                after.st_mtime_ns,
                after.st_size,
            )
            if not torn:
                break
            meter.done_bytes = 0
    except OSError as error:
        raise explain(error, f"{job.path} cannot be read") from error
    content = reader.result
    writer = ManifestWriter(session, settle=_nothing)
    entry = FileEntry(
        path=b"", kind=FileKind.IMAGE, size_bytes=size, torn=torn, pages=content.pages, packs=content.packs
    )
    writer.add(entry, content.parts)
    names = (os.path.basename(job.path),) if torn else ()
    totals = ManifestTotals(
        mode=VolumeMode.BLOCK, scan_started_ns=0, size_bytes=size, data_bytes=content.data_bytes, torn=names
    )
    stats = session.seal(writer.finish(totals))
    return BackupResult(
        session=session.id,
        size_bytes=size,
        added_bytes=stats.uploaded_bytes,
        files=1,
        torn=names,
        reused_bytes=stats.reused_bytes,
    )


def _nothing() -> None:
    """There are no segments in an image."""
