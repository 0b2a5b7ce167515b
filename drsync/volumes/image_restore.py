"""Restoring a block volume: only blocks that differ are fetched and written, the first of them last.

While anything else is being written the first block is zeros, so that nobody can take a half-restored
device for a file system.
"""

import os
import stat as modes
from collections import deque
from collections.abc import Iterator

from drsync.errors import NotFound, QuotaExceeded, UserError
from drsync.repository.chunk import PlacedRef
from drsync.repository.reader import SessionReader
from drsync.repository.seal import damaged
from drsync.volumes.content import BLOCK, data_ranges, is_zero
from drsync.volumes.entry import Extent, FileEntry, FileKind
from drsync.volumes.filesystem import explain
from drsync.volumes.job import RestoreJob, RestoreResult
from drsync.volumes.manifest import VolumeManifest
from drsync.volumes.meter import Meter

_PIECE = 1024 * 1024
_ZEROS = bytes(_PIECE)


def restore_image(manifest: VolumeManifest, reader: SessionReader, job: RestoreJob, meter: Meter) -> RestoreResult:
    """Makes a device or an image file equal, bit for bit; a device may be larger."""
    if job.paths:
        raise UserError("A block volume has no paths.", remedy="restore it as a whole")
    entry = _image(manifest)
    handle, fresh = _open(job.path, entry.size_bytes)
    try:
        meter.total_bytes = entry.size_bytes
        image = _Image(handle, manifest, reader, meter, fresh=fresh)
        image.restore(entry)
        return RestoreResult(files=1 if image.written else 0, bytes=image.written, unchanged=0 if image.written else 1)
    except OSError as error:
        raise explain(error, f"{job.path} cannot be restored") from error
    finally:
        os.close(handle)


def _image(manifest: VolumeManifest) -> FileEntry:
    entries = list(manifest.entries())
    if len(entries) != 1 or entries[0].kind is not FileKind.IMAGE or entries[0].size_bytes > manifest.root.size_bytes:
        raise damaged("The manifest of the volume", "it is not that of a block volume")
    return entries[0]


def _open(path: str, size: int) -> tuple[int, bool]:
    """The target, and whether it is a new file, all zeros."""
    flags = os.O_RDWR | os.O_CLOEXEC
    try:
        # Nothing is made below /dev: a device that is missing is missing.
        there = os.path.exists(path) or path.startswith("/dev/")
        handle = os.open(path, flags if there else flags | os.O_CREAT | os.O_EXCL, 0o600)
    except FileNotFoundError as error:
        raise NotFound(f"There is no device at {path}.", remedy="look whether the volume is attached") from error
    except OSError as error:
        raise explain(error, f"{path} cannot be opened") from error
    try:
        mode, length = os.fstat(handle).st_mode, os.lseek(handle, 0, os.SEEK_END)
        if modes.S_ISREG(mode) and length != size:
            os.ftruncate(handle, size)
        elif length < size:
            raise QuotaExceeded(
                f"{path} has {length} bytes; the volume has {size}.", remedy="restore it into a larger volume"
            )
    except BaseException:
        os.close(handle)
        raise
    return handle, modes.S_ISREG(mode) and length == 0


class _Image:
    """One restore of one image."""

    def __init__(
        self, handle: int, manifest: VolumeManifest, reader: SessionReader, meter: Meter, *, fresh: bool
    ) -> None:
        self._handle = handle
        self._manifest = manifest
        self._reader = reader
        self._meter = meter
        self._fresh = fresh
        self._first: list[Extent] = []
        self._first_differs = fresh
        self._begun = False
        self.written = 0

    def restore(self, entry: FileEntry) -> None:
        asked: deque[Extent] = deque()
        for data in self._reader.read(self._differing(entry, asked)):
            self._write(asked.popleft(), data)
        if not self._begun and not self._first_differs:
            return
        os.fsync(self._handle)
        for extent, data in zip(self._first, self._reader.read(e.chunk for e in self._first), strict=True):
            self._write(extent, data)
        os.fsync(self._handle)

    def _differing(self, entry: FileEntry, asked: deque[Extent]) -> Iterator[PlacedRef]:
        """What must be fetched, in order. Runs ahead of the fetching and writes nothing but zeros."""
        at = 0
        for extent in self._manifest.extents(entry):
            self._clear(at, extent.offset)
            at = extent.offset + extent.length
            same = self._matches(extent)
            self._meter.add(extent.length)
            if extent.offset < BLOCK:
                self._first.append(extent)
                self._first_differs |= not same
            elif not same:
                asked.append(extent)
                yield extent.chunk
        self._clear(at, entry.size_bytes)

    def _matches(self, extent: Extent) -> bool:
        whole = extent.start == 0 and extent.length == extent.chunk.ref.size
        if self._fresh or not whole:
            return False
        return self._reader.matches(extent.chunk, os.pread(self._handle, extent.length, extent.offset))

    def _clear(self, start: int, end: int) -> None:
        """Zeros where the point has a hole and the target has not."""
        if self._fresh or start >= end:
            return
        for begin, stop in data_ranges(self._handle, end, start=start):
            at = begin
            while at < stop:
                data = os.pread(self._handle, min(_PIECE, stop - at), at)
                if not data:
                    return
                if not is_zero(data):
                    self._put(at, _ZEROS[: len(data)])
                at += len(data)

    def _write(self, extent: Extent, data: bytes) -> None:
        self._put(extent.offset, data[extent.start : extent.start + extent.length])

    def _put(self, offset: int, data: bytes) -> None:
        if not self._begun:
            self._begun = True
            if not self._fresh:
                os.pwrite(self._handle, _ZEROS[: min(BLOCK, os.lseek(self._handle, 0, os.SEEK_END))], 0)
                os.fsync(self._handle)
        self.written += len(data)
        view = memoryview(data)
        while view:
            count = os.pwrite(self._handle, view, offset)
            view, offset = view[count:], offset + count
