"""Backing up a volume: what changed is read, what did not is referred to, what cannot be read is named."""

import os
import stat as modes
from collections.abc import Callable, Sequence

import msgspec

from drsync.clock import Cancellation, Clock
from drsync.errors import NotFound, Stopped, Unreachable, UserError
from drsync.model.volume import VolumeMode
from drsync.repository.repository import Repository
from drsync.repository.session import Session
from drsync.volumes.attributes import path_by_handle, read_attributes
from drsync.volumes.content import LARGE, LargeReader, Part, SegmentWriter
from drsync.volumes.entry import FileEntry, FileKind
from drsync.volumes.filesystem import explain, open_for_reading
from drsync.volumes.findings import Findings
from drsync.volumes.image_backup import backup_image
from drsync.volumes.job import BackupJob, BackupResult, Progress
from drsync.volumes.manifest_writer import ManifestTotals, ManifestWriter
from drsync.volumes.marks import INCOMPLETE, is_partial_name
from drsync.volumes.meter import Meter
from drsync.volumes.parent import ParentFiles
from drsync.volumes.scan import Found, walk

_KINDS = {
    modes.S_IFIFO: FileKind.FIFO,
    modes.S_IFCHR: FileKind.CHARACTER,
    modes.S_IFBLK: FileKind.BLOCK,
    modes.S_IFLNK: FileKind.SYMLINK,
    modes.S_IFDIR: FileKind.DIRECTORY,
}


def backup_volume(
    repository: Repository, job: BackupJob, *, progress: Callable[[Progress], None], cancel: Cancellation, clock: Clock
) -> BackupResult:
    """Stores what is at `job.path` as one sealed session.

    When it is stopped, what was read so far is uploaded and indexed, and the next backup of the same
    source goes on from there. Raises NotFound when nothing is at the path.
    """
    root = _open_root(job)
    try:
        meter = Meter(progress, cancel, clock)
        with repository.begin(source=job.source, parent=job.parent, writer=job.writer) as session:
            try:
                if job.mode is VolumeMode.BLOCK:
                    return backup_image(session, job, root, meter)
                parent = ParentFiles(repository, job.parent, job.mode)
                return _Capture(session, parent, meter, clock).run(root, job)
            except Stopped:
                session.checkpoint()
                raise
    finally:
        os.close(root)


def _open_root(job: BackupJob) -> int:
    block = job.mode is VolumeMode.BLOCK
    try:
        handle = os.open(job.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | (0 if block else os.O_DIRECTORY))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFound(
            f"There is no {'device or image' if block else 'directory'} at {job.path}.",
            remedy="look whether the volume is mounted on this host",
        ) from error
    except OSError as error:
        raise explain(error, f"{job.path} cannot be opened") from error
    mode = os.fstat(handle).st_mode
    if block and not (modes.S_ISREG(mode) or modes.S_ISBLK(mode)):
        os.close(handle)
        raise UserError(f"{job.path} is no device or image file.", remedy="capture it as a Filesystem volume")
    return handle


class _Capture:
    """One run over one volume."""

    def __init__(self, session: Session, parent: ParentFiles, meter: Meter, clock: Clock) -> None:
        self._session = session
        self._parent = parent
        self._meter = meter
        self._started_ns = int(clock.now().timestamp() * 1_000_000_000)
        self._segments = SegmentWriter(session)
        self._large = LargeReader(session)
        self._writer = ManifestWriter(session, settle=self._segments.close)
        self._links: dict[tuple[int, int], bytes] = {}
        self._torn, self._unreadable, self._skipped = Findings(), Findings(), Findings()
        self._size = self._data = 0

    def run(self, root: int, job: BackupJob) -> BackupResult:
        self._meter.total_bytes = self._parent.size_bytes
        self._session.expect(self._parent.pages)
        self._add_special(b"", root, os.fstat(root), FileKind.DIRECTORY)
        for found in walk(root, unreadable=self._unreadable.add):
            self._visit(found)
        _check_still_there(root, job.path)
        manifest = self._writer.finish(
            ManifestTotals(
                mode=VolumeMode.FILESYSTEM,
                scan_started_ns=self._started_ns,
                size_bytes=self._size,
                data_bytes=self._data,
                unreadable=self._unreadable.lines(),
                torn=self._torn.lines(),
                skipped=self._skipped.lines(),
            )
        )
        stats = self._session.seal(manifest)
        return BackupResult(
            session=self._session.id,
            size_bytes=self._size,
            added_bytes=stats.uploaded_bytes,
            files=self._meter.files,
            torn=self._torn.lines(),
            unreadable=self._unreadable.lines(),
            reused_bytes=stats.reused_bytes,
            skipped=self._skipped.lines(),
        )

    def _visit(self, found: Found) -> None:
        if found.path == INCOMPLETE:
            self._unreadable.add(found.path, "a restore into this volume did not end")
        elif is_partial_name(found.name):
            self._skipped.add(found.path, "left by a restore that did not end")
        elif modes.S_ISSOCK(found.stat.st_mode):
            self._skipped.add(found.path, "a socket; programs make it again")
        else:
            try:
                self._capture(found)
            except FileNotFoundError:
                return
            except OSError as error:
                self._unreadable.add(found.path, error.strerror or "it cannot be read")

    def _capture(self, found: Found) -> None:
        entry = self._parent.unchanged(found.path, found.stat)
        if not modes.S_ISREG(found.stat.st_mode):
            kind = _KINDS[modes.S_IFMT(found.stat.st_mode)]
            if entry is not None and entry.kind is kind:
                self._writer.add(entry)
            else:
                self._add_special(found.path, path_by_handle(found.name, found.directory), found.stat, kind)
            self._meter.add()
            return
        identity = (found.stat.st_dev, found.stat.st_ino)
        first = self._links.get(identity) if found.stat.st_nlink > 1 else None
        if first is not None:
            self._writer.add(_entry(found.path, found.stat, FileKind.HARD_LINK, link=first))
            self._meter.add(files=1)
            return
        if entry is not None and entry.kind is FileKind.FILE:
            self._reuse(entry)
        else:
            self._read(found)
        if found.stat.st_nlink > 1:
            self._links[identity] = found.path

    def _add_special(self, path: bytes, target: int | bytes, stat: os.stat_result, kind: FileKind) -> None:
        link = b""
        if kind is FileKind.SYMLINK and isinstance(target, bytes):
            link = os.readlink(target)
        device = stat.st_rdev if kind in {FileKind.CHARACTER, FileKind.BLOCK} else 0
        entry = _entry(path, stat, kind, link=link, device=device)
        self._writer.add(msgspec.structs.replace(entry, xattrs=read_attributes(target)))

    def _reuse(self, entry: FileEntry) -> None:
        for extent in entry.extents:
            self._session.reuse(extent.chunk)
        for page in entry.pages:
            self._session.reuse(page)
        for pack in entry.packs:
            self._session.need(pack)
        self._size += entry.size_bytes
        self._data += entry.size_bytes if entry.pages else sum(extent.length for extent in entry.extents)
        self._writer.add(entry)
        self._meter.add(entry.size_bytes, files=1)

    def _read(self, found: Found) -> None:
        start = self._meter.done_bytes
        read = self._read_once(found, final=False)
        if read is None:
            self._meter.done_bytes = start
            read = self._read_once(found, final=True)
        if read is None:
            raise AssertionError("a final reading has a result")
        entry, parts = read
        if entry.torn:
            self._torn.add(found.path)
        self._size += entry.size_bytes
        self._writer.add(entry, parts)
        self._meter.done_bytes = start + entry.size_bytes
        self._meter.add(files=1)

    def _read_once(self, found: Found, *, final: bool) -> tuple[FileEntry, Sequence[Part]] | None:
        """The file as it is now. None when it changed meanwhile, unless this is `final`: then it is torn."""
        handle = open_for_reading(found.name, found.directory)
        try:
            before = os.fstat(handle)
            if not modes.S_ISREG(before.st_mode):
                raise FileNotFoundError
            sparse = before.st_blocks * 512 < before.st_size
            small = before.st_size < LARGE and not sparse
            if small:
                data = _read_small(handle, before.st_size)
                size = len(data)
            else:
                for step in self._large.read(handle, before.st_size, fixed=False):
                    self._meter.add(step)
                data, size = b"", self._large.result.size_bytes
            xattrs = read_attributes(handle)
            torn = size != before.st_size or _changed(before, os.fstat(handle))
        finally:
            os.close(handle)
        if torn and not final:
            return None
        entry = _entry(found.path, before, FileKind.FILE, size=size)
        entry = msgspec.structs.replace(entry, xattrs=xattrs, torn=torn)
        if small:
            self._data += size
            return entry, (self._segments.add(found.path, data),) if size else ()
        content = self._large.result
        self._data += content.data_bytes
        return msgspec.structs.replace(entry, pages=content.pages, packs=content.packs), content.parts


def _read_small(handle: int, size: int) -> bytes:
    # One byte more than there should be tells a file that grows.
    data = os.read(handle, size + 1)
    while len(data) < size:
        more = os.read(handle, size + 1 - len(data))
        if not more:
            break
        data += more
    return data[:size]


def _entry(
    path: bytes, stat: os.stat_result, kind: FileKind, *, link: bytes = b"", device: int = 0, size: int = 0
) -> FileEntry:
    return FileEntry(
        path=path,
        kind=kind,
        mode=stat.st_mode & 0o7777,
        uid=stat.st_uid,
        gid=stat.st_gid,
        mtime_ns=stat.st_mtime_ns,
        ctime_ns=stat.st_ctime_ns,
        ino=stat.st_ino,
        size_bytes=size,
        links=stat.st_nlink,
        device=device,
        link=link,
    )


def _changed(before: os.stat_result, after: os.stat_result) -> bool:
    return (before.st_size, before.st_mtime_ns, before.st_ctime_ns) != (
        after.st_size,
        after.st_mtime_ns,
        after.st_ctime_ns,
    )


def _check_still_there(root: int, path: str) -> None:
    """A volume that was unmounted or removed under the scan looks like a volume of fewer files."""
    try:
        now, then = os.stat(path), os.fstat(root)
        there = (now.st_dev, now.st_ino) == (then.st_dev, then.st_ino)
    except OSError:
        there = False
    if not there:
        raise Unreachable(
            f"The volume at {path} vanished while it was read.",
            remedy="mount it again, then run the same command again",
        )
