"""What a restore has to do, entry by entry: decided by looking at the target, before anything is written."""

import os
import stat as modes
from collections.abc import Iterator, Sequence

import msgspec

from drsync.errors import IntegrityError
from drsync.repository.reader import SessionReader
from drsync.repository.seal import damaged
from drsync.volumes.content import data_ranges, is_zero
from drsync.volumes.directories import DirectoryChain
from drsync.volumes.entry import Extent, FileEntry, FileKind, below
from drsync.volumes.filesystem import look, open_for_reading
from drsync.volumes.manifest import VolumeManifest
from drsync.volumes.marks import INCOMPLETE
from drsync.volumes.paths import order_key, print_path

_READ = 1024 * 1024


class Enter(msgspec.Struct, frozen=True):
    """Go into a directory, made if need be."""

    entry: FileEntry
    selected: bool
    """Whether it is restored itself, and not only on the way to what is."""


class Leave(msgspec.Struct, frozen=True):
    """All that is in the directory is done; `names` are those that the point has there."""

    entry: FileEntry
    selected: bool
    names: frozenset[bytes]


class Write(msgspec.Struct, frozen=True):
    """A file whose content is to be fetched. `compare`: it may be there already, which only the bytes tell."""

    entry: FileEntry
    extents: Sequence[Extent]
    compare: bool


class Keep(msgspec.Struct, frozen=True):
    """A file whose content is there already."""

    entry: FileEntry


class Link(msgspec.Struct, frozen=True):
    """Another name of a file."""

    entry: FileEntry


class Make(msgspec.Struct, frozen=True):
    """A symlink, FIFO or device."""

    entry: FileEntry


Step = Enter | Leave | Write | Keep | Link | Make


class RestorePlan:
    """Reads the manifest and the target, ahead of the writer; changes nothing."""

    def __init__(self, manifest: VolumeManifest, reader: SessionReader, root: int, paths: Sequence[bytes]) -> None:
        self._manifest = manifest
        self._reader = reader
        self._chain = DirectoryChain(root)
        self._paths = _outermost(paths)
        self._open: list[tuple[FileEntry, bool, set[bytes]]] = []
        self._fresh = 0
        """How many directories of the chain are not there yet."""
        self._entries = self._bytes = 0
        self._aliases: dict[bytes, bytes] = {}
        self.missing: list[bytes] = []

    def steps(self) -> Iterator[Step]:
        """In the manifest's order. Raises IntegrityError for a manifest that is not a tree as it declares."""
        try:
            for entry, selected in self._wanted():
                self._count(entry)
                yield from self._leave_to(entry.path.rpartition(b"/")[0] if entry.path else None)
                yield from self._step(entry, selected=selected)
            yield from self._leave_to(None)
        finally:
            self._chain.close()

    def _wanted(self) -> Iterator[tuple[FileEntry, bool]]:
        if not self._paths:
            for entry in self._manifest.entries():
                yield entry, True
            return
        passed: set[bytes] = set()
        for path in self._paths:
            found = self._manifest.entry(path)
            if found is None:
                self.missing.append(path)
                continue
            for parent in _parents(path):
                entry = self._manifest.entry(parent) if parent not in passed else None
                if entry is not None:
                    passed.add(parent)
                    yield entry, False
            yield from ((entry, True) for entry in self._manifest.entries(path))

    def _count(self, entry: FileEntry) -> None:
        root = self._manifest.root
        self._entries += 1
        if entry.kind is FileKind.FILE:
            self._bytes += entry.size_bytes
        if self._entries > root.entries or self._bytes > root.size_bytes:
            raise _hostile(entry, "there is more in it than it declares")

    def _step(self, entry: FileEntry, *, selected: bool) -> Iterator[Step]:
        name = entry.path.rpartition(b"/")[2]
        self._check_parent(entry, name)
        if entry.kind is FileKind.DIRECTORY:
            yield Enter(entry, selected)
            self._open.append((entry, selected, set()))
            if entry.path:
                self._descend(name)
        elif not selected or entry.kind is FileKind.IMAGE:
            raise _hostile(entry, "it is not what its place in the tree allows")
        elif entry.kind is FileKind.FILE:
            yield self._file(entry, name)
        elif entry.kind is FileKind.HARD_LINK:
            yield self._link(entry, name)
        else:
            yield Make(entry)

    def _check_parent(self, entry: FileEntry, name: bytes) -> None:
        """Everything but the root lies in a directory that the manifest has named, and that is open."""
        if not entry.path:
            if entry.kind is not FileKind.DIRECTORY:
                raise _hostile(entry, "the root is no directory")
            return
        if not self._open or self._open[-1][0].path != entry.path.rpartition(b"/")[0]:
            raise _hostile(entry, "its directory is not in the manifest")
        if entry.path == INCOMPLETE:
            raise _hostile(entry, "it is a name of drsync's own")
        self._open[-1][2].add(name)

    def _leave_to(self, directory: bytes | None) -> Iterator[Step]:
        while self._open and (directory is None or not below(directory, self._open[-1][0].path)):
            entry, selected, names = self._open.pop()
            if self._fresh:
                self._fresh -= 1
            elif entry.path:
                self._chain.leave()
            yield Leave(entry, selected, frozenset(names))

    def _descend(self, name: bytes) -> None:
        if self._fresh:
            self._fresh += 1
            return
        try:
            self._chain.enter(name)
        except OSError:
            # Not there, or no directory: all below it is new. Whoever writes looks again.
            self._fresh = 1

    def _link(self, entry: FileEntry, name: bytes) -> Step:
        """A hard link; a file of its own where the first name is not among what is restored."""
        if order_key(entry.link) >= order_key(entry.path):
            raise _hostile(entry, "it links to what comes after it")
        if not self._paths or any(below(entry.link, path) for path in self._paths):
            return Link(entry)
        alias = self._aliases.get(entry.link)
        if alias is not None:
            return Link(msgspec.structs.replace(entry, link=alias))
        first = self._manifest.entry(entry.link)
        if first is None or first.kind is not FileKind.FILE:
            raise _hostile(entry, "it links to what is no file")
        self._aliases[entry.link] = entry.path
        return self._file(msgspec.structs.replace(first, path=entry.path), name)

    def _file(self, entry: FileEntry, name: bytes) -> Step:
        extents = tuple(self._manifest.extents(entry))
        stat = None if self._fresh else look(name, self._chain.handle)
        if stat is None or not _same_times(entry, stat):
            return Write(entry, extents, compare=False)
        if not extents or all(e.start == 0 and e.length == e.chunk.ref.size for e in extents):
            return Keep(entry) if self._holds(entry, extents, name) else Write(entry, extents, compare=False)
        return Write(entry, extents, compare=True)

    def _holds(self, entry: FileEntry, extents: Sequence[Extent], name: bytes) -> bool:
        """Whether the file in the target has this content; hashes tell, nothing is fetched."""
        try:
            handle = open_for_reading(name, self._chain.handle)
        except OSError:
            return False
        try:
            for extent in extents:
                if not self._reader.matches(extent.chunk, os.pread(handle, extent.length, extent.offset)):
                    return False
            return holes_are_zero(handle, entry, extents)
        finally:
            os.close(handle)


def holes_are_zero(handle: int, entry: FileEntry, extents: Sequence[Extent]) -> bool:
    """Whether the file has nothing but zeros where the point has holes."""
    ends = [0, *(extent.offset + extent.length for extent in extents)]
    starts = [*(extent.offset for extent in extents), entry.size_bytes]
    gaps = [(a, b) for a, b in zip(ends, starts, strict=True) if a < b]
    if not gaps:
        return True
    gap = 0
    for start, end in data_ranges(handle, entry.size_bytes):
        while gap < len(gaps) and gaps[gap][1] <= start:
            gap += 1
        for a, b in gaps[gap:]:
            if a >= end:
                break
            if not _zeros(handle, max(a, start), min(b, end)):
                return False
    return True


def _zeros(handle: int, start: int, end: int) -> bool:
    while start < end:
        data = os.pread(handle, min(_READ, end - start), start)
        if not data:
            return True
        if not is_zero(data):
            return False
        start += len(data)
    return True


def _same_times(entry: FileEntry, stat: os.stat_result) -> bool:
    return modes.S_ISREG(stat.st_mode) and (stat.st_size, stat.st_mtime_ns) == (entry.size_bytes, entry.mtime_ns)


def _outermost(paths: Sequence[bytes]) -> list[bytes]:
    """Without those that lie below another, in the manifest's order."""
    kept: list[bytes] = []
    for path in sorted(set(paths), key=lambda p: p.replace(b"/", b"\0")):
        if not any(below(path, other) for other in kept):
            kept.append(path)
    return kept


def _parents(path: bytes) -> list[bytes]:
    names = path.split(b"/")
    return [b"/".join(names[:count]) for count in range(len(names))]


def _hostile(entry: FileEntry, why: str) -> IntegrityError:
    return damaged(f"The manifest's entry {print_path(entry.path) or '.'!r}", why)
