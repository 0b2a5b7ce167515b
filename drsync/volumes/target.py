"""The target of a restore: each change to it, by open directory and one name, marked until all is done."""

import errno
import os
import shutil
import stat as modes
from collections.abc import Iterator

from drsync.errors import Conflict
from drsync.repository.seal import damaged
from drsync.volumes.directories import DirectoryChain
from drsync.volumes.entry import FileEntry, FileKind
from drsync.volumes.filesystem import look, open_for_reading, sync_filesystem
from drsync.volumes.findings import Findings
from drsync.volumes.job import RestoreJob, RestoreResult
from drsync.volumes.marks import INCOMPLETE, is_partial_name, new_partial_name
from drsync.volumes.paths import print_path
from drsync.volumes.restore_attributes import AttributeWriter

_LINK_LIMIT = 4096
_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

Pieces = Iterator[tuple[int, memoryview]]


class Target:
    """A directory that is being restored into."""

    def __init__(self, root: int, job: RestoreJob, session: str) -> None:
        self._root = root
        self._session = session
        self._delete_extra = job.delete_extra
        self._privileged = job.privileged
        self._refused, self._extra = Findings(), Findings()
        self._attributes = AttributeWriter(self._refused, privileged=job.privileged)
        self._chain = DirectoryChain(root)
        self._links = DirectoryChain(root)
        self._made: dict[bytes, tuple[int, int]] = {}
        self._root_entry: FileEntry | None = None
        self._created: set[bytes] = set()
        self._marked = False
        self._files = self._unchanged = self._bytes = self._deleted = 0

    def enter(self, entry: FileEntry) -> None:
        """Steps into a directory, made if there is none; a symlink or file in its place gives way."""
        if not entry.path:
            return
        name = _name(entry)
        try:
            self._chain.enter(name)
        except OSError as error:
            if error.errno not in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}:
                raise
            self._mark()
            if error.errno != errno.ENOENT:
                os.unlink(name, dir_fd=self._chain.handle)
            os.mkdir(name, 0o700, dir_fd=self._chain.handle)
            self._chain.enter(name)
            self._created.add(entry.path)

    def leave(self, entry: FileEntry, names: frozenset[bytes], *, selected: bool) -> None:
        """A directory is done: what else is in it is told or removed, then its times are set."""
        if selected:
            self._sweep(entry, names)
        if selected or entry.path in self._created:
            self._created.discard(entry.path)
            self._attributes.report(entry)
            if not entry.path:
                self._root_entry = entry
            elif self._attributes.differs(entry, self._chain.handle):
                self._mark()
                self._attributes.apply(entry, self._chain.handle)
        if entry.path:
            self._chain.leave()

    def write(self, entry: FileEntry, pieces: Pieces, *, compare: bool) -> bool:
        """A file with this content; True when it had to be written. Takes every piece in any case."""
        if compare:
            held = [(offset, bytes(piece)) for offset, piece in pieces]
            if self._holds(entry, held):
                self.keep(entry)
                return False
            pieces = iter([(offset, memoryview(piece)) for offset, piece in held])
        self._mark()
        name, directory = _name(entry), self._chain.handle
        # A new file needs no other name: until the mark is gone nobody takes it for whole.
        temporary = new_partial_name() if self._clear(name, entry) else name
        handle = os.open(temporary, _CREATE, 0o600, dir_fd=directory)
        try:
            self._bytes += _write_pieces(handle, pieces, entry.size_bytes)
            self._attributes.apply(entry, handle)
            self._remember(entry, handle)
            if temporary != name:
                os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
        except BaseException:
            os.unlink(temporary, dir_fd=directory)
            raise
        finally:
            os.close(handle)
        self._attributes.report(entry)
        self._files += 1
        return True

    def keep(self, entry: FileEntry) -> None:
        """A file whose content is there; its attributes may still differ."""
        handle = open_for_reading(_name(entry), self._chain.handle)
        try:
            if self._attributes.differs(entry, handle):
                self._mark()
                self._attributes.apply(entry, handle)
            self._remember(entry, handle)
        finally:
            os.close(handle)
        self._attributes.report(entry)
        self._unchanged += 1

    def link(self, entry: FileEntry) -> None:
        """Another name of a file that this restore made or found whole; of nothing else."""
        identity = self._made.get(entry.link)
        if identity is None:
            raise damaged(f"The manifest's entry {print_path(entry.path)!r}", "it links to what is not in this restore")
        name, directory = _name(entry), self._chain.handle
        there = look(name, directory)
        if there is not None and (there.st_dev, there.st_ino) == identity:
            self._unchanged += 1
            return
        self._mark()
        parent, _, source = entry.link.rpartition(b"/")
        temporary = new_partial_name()
        os.link(source, temporary, src_dir_fd=self._links.go(parent), dst_dir_fd=directory, follow_symlinks=False)
        made = look(temporary, directory)
        if made is None or (made.st_dev, made.st_ino) != identity:
            os.unlink(temporary, dir_fd=directory)
            raise Conflict(
                f"{print_path(entry.link)} was changed by another process during the restore.",
                remedy="let nothing else write into the target, then run the same command again",
            )
        self._clear(name, entry)
        os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
        self._files += 1

    def make(self, entry: FileEntry) -> None:
        """A symlink, FIFO or device."""
        if entry.kind is not FileKind.SYMLINK and not self._privileged:
            self._refused.add(entry.path, entry.kind.value)
            return
        if self._is_made(entry):
            self._unchanged += 1
            return
        self._mark()
        name, directory = _name(entry), self._chain.handle
        self._clear(name, entry)
        temporary = new_partial_name()
        if entry.kind is FileKind.SYMLINK:
            if not 0 < len(entry.link) <= _LINK_LIMIT or b"\0" in entry.link:
                raise damaged(f"The manifest's entry {print_path(entry.path)!r}", "it is no symlink that could be")
            os.symlink(entry.link, temporary, dir_fd=directory)
        else:
            os.mknod(temporary, _type(entry.kind) | 0o600, entry.device, dir_fd=directory)
        self._attributes.apply_by_name(entry, temporary, directory)
        os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
        self._files += 1

    def finish(self) -> None:
        """Everything is on the disk, and only then the mark goes. Raises OSError."""
        entry = self._root_entry
        marked = self._marked or look(INCOMPLETE, self._root) is not None
        if entry is not None and not marked and self._attributes.differs(entry, self._root):
            self._mark()
            marked = True
        if not marked:
            return
        sync_filesystem(self._root)
        os.unlink(INCOMPLETE, dir_fd=self._root)
        if entry is not None:
            self._attributes.apply(entry, self._root)
        os.fsync(self._root)

    def result(self, *, missing: tuple[str, ...]) -> RestoreResult:
        return RestoreResult(
            files=self._files,
            bytes=self._bytes,
            unchanged=self._unchanged,
            refused=self._refused.lines(),
            extra=self._extra.lines(),
            deleted=self._deleted,
            missing_paths=missing,
        )

    def close(self) -> None:
        self._chain.close()
        self._links.close()

    def _mark(self) -> None:
        if self._marked:
            return
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(INCOMPLETE, flags, 0o600, dir_fd=self._root)
        try:
            os.ftruncate(handle, 0)
            os.write(handle, f"drsync restores session {self._session} into this directory.\n".encode())
            os.fsync(handle)
        finally:
            os.close(handle)
        os.fsync(self._root)
        self._marked = True

    def _clear(self, name: bytes, entry: FileEntry) -> bool:
        """Makes way for a file; True when a file is there that a rename will replace."""
        there = look(name, self._chain.handle)
        if there is None or not modes.S_ISDIR(there.st_mode):
            return there is not None
        if self._delete_extra:
            self._remove(name)
            return False
        try:
            os.rmdir(name, dir_fd=self._chain.handle)
        except OSError as error:
            raise Conflict(
                f"{print_path(entry.path)} is a directory with content in the target and none in the point.",
                remedy="restore into an empty volume, or let the restore delete what the point does not have",
            ) from error
        return False

    def _sweep(self, entry: FileEntry, names: frozenset[bytes]) -> None:
        handle = self._chain.handle
        for name in sorted({os.fsencode(n) for n in os.listdir(handle)} - names):
            path = entry.path + b"/" + name if entry.path else name
            if path in {INCOMPLETE, b"lost+found"}:
                continue
            left_over = is_partial_name(name)
            if left_over or self._delete_extra:
                self._mark()
                self._remove(name)
                self._deleted += not left_over
            else:
                self._extra.add(path)

    def _remove(self, name: bytes) -> None:
        there = look(name, self._chain.handle)
        if there is not None and modes.S_ISDIR(there.st_mode):
            # Walks by directory handles itself and follows no symlink.
            shutil.rmtree(os.fsdecode(name), dir_fd=self._chain.handle)
        elif there is not None:
            os.unlink(name, dir_fd=self._chain.handle)

    def _holds(self, entry: FileEntry, pieces: list[tuple[int, bytes]]) -> bool:
        there = look(_name(entry), self._chain.handle)
        if there is None or not modes.S_ISREG(there.st_mode) or there.st_size != entry.size_bytes:
            return False
        handle = open_for_reading(_name(entry), self._chain.handle)
        try:
            return sum(len(p) for _, p in pieces) == entry.size_bytes and all(
                os.pread(handle, len(piece), offset) == piece for offset, piece in pieces
            )
        finally:
            os.close(handle)

    def _remember(self, entry: FileEntry, handle: int) -> None:
        if entry.links > 1:
            stat = os.fstat(handle)
            self._made[entry.path] = (stat.st_dev, stat.st_ino)

    def _is_made(self, entry: FileEntry) -> bool:
        there = look(_name(entry), self._chain.handle)
        if there is None or modes.S_IFMT(there.st_mode) != _type(entry.kind) or there.st_mtime_ns != entry.mtime_ns:
            return False
        if (there.st_uid, there.st_gid) != (entry.uid, entry.gid) and os.geteuid() == 0:
            return False
        if entry.kind is FileKind.SYMLINK:
            return os.readlink(_name(entry), dir_fd=self._chain.handle) == entry.link
        return there.st_rdev == entry.device and there.st_mode & 0o7777 == entry.mode


def _name(entry: FileEntry) -> bytes:
    return entry.path.rpartition(b"/")[2]


def _type(kind: FileKind) -> int:
    return {
        FileKind.SYMLINK: modes.S_IFLNK,
        FileKind.FIFO: modes.S_IFIFO,
        FileKind.CHARACTER: modes.S_IFCHR,
        FileKind.BLOCK: modes.S_IFBLK,
    }[kind]


def _write_pieces(handle: int, pieces: Pieces, size: int) -> int:
    written = end = 0
    for offset, piece in pieces:
        at = 0
        while at < len(piece):
            at += os.pwrite(handle, piece[at:], offset + at)
        written += len(piece)
        end = offset + len(piece)
    if end < size:
        os.ftruncate(handle, size)
    return written
