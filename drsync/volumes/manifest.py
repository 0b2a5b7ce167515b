"""Manifest: the files of a captured volume, in pages that are found and read one by one."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence

import msgspec

from drsync.model.volume import VolumeMode
from drsync.repository.chunk import PlacedRef
from drsync.repository.reader import SessionReader
from drsync.repository.records import decode
from drsync.repository.references import References, decode_references
from drsync.repository.seal import damaged
from drsync.volumes.entry import Extent, FileEntry, FileKind, below
from drsync.volumes.pages import decode_entries, decode_extents
from drsync.volumes.paths import check_path, order_key

SIZE_LIMIT = 1 << 50
"""No file is larger than a pebibyte; a manifest that says so is no backup."""
_HOLE = bytes(256 * 1024)


class VolumeRoot(msgspec.Struct, frozen=True, kw_only=True, tag="volume", tag_field="type"):
    """What a volume's session is sealed with."""

    mode: VolumeMode
    entries: int
    size_bytes: int
    """Of all files' content, holes included; a hard link's content counts once."""
    data_bytes: int
    """Without holes."""
    scan_started_ns: int
    """By the host's clock. Files that changed less than 2 s before are read again next time."""
    pages: References
    first: tuple[bytes, ...]
    """The first path of each page."""
    unreadable: tuple[str, ...] = ()
    torn: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()


class VolumeManifest:
    """The files of a sealed session."""

    def __init__(self, reader: SessionReader) -> None:
        self._reader = reader
        self._what = f"The manifest of session {reader.id}"
        self.root: VolumeRoot = decode(VolumeRoot, reader.root(), what=self._what)
        self.pages: Sequence[PlacedRef] = decode_references(self.root.pages, what=self._what)
        self._first = [order_key(path) for path in self.root.first]
        if len(self._first) != len(self.pages) or self._first != sorted(self._first):
            raise damaged(self._what, "its pages are not in order")

    def entries(self, prefix: bytes = b"") -> Iterator[FileEntry]:
        """Every path in order, a directory before what is in it; only `prefix` and what is below it.

        Raises IntegrityError for a path that is not safe, comes twice or out of order.
        """
        start = max(0, bisect_right(self._first, order_key(prefix)) - 1)
        before: bytes | None = None
        for number, data in enumerate(self._reader.read(self.pages[start:]), start):
            for entry in self._page(number, data):
                key = order_key(entry.path)
                if before is not None and key <= before:
                    raise damaged(self._what, "its paths are not in order")
                before = key
                if below(entry.path, prefix):
                    yield entry
            past = before is not None and before > order_key(prefix)
            if before is not None and past and not below(before.replace(b"\0", b"/"), prefix):
                return

    def entry(self, path: bytes) -> FileEntry | None:
        """One path; reads one page."""
        start = bisect_right(self._first, order_key(path)) - 1
        if start < 0:
            return None
        page = self._page(start, self._reader.read_one(self.pages[start]))
        return next((entry for entry in page if entry.path == path), None)

    def extents(self, entry: FileEntry) -> Iterator[Extent]:
        """Where a file's content is. Raises IntegrityError for what reaches beyond the file or its chunk."""
        at = 0
        for extent in self._extents(entry):
            end = extent.offset + extent.length
            if extent.offset < at or end > entry.size_bytes or extent.start + extent.length > extent.chunk.ref.size:
                raise damaged(self._what, "a file's content does not fit into the file")
            at = end
            yield extent

    def content(self, entry: FileEntry) -> Iterator[bytes]:
        """What is in one file, holes as zeros. A hard link's content is that of the path it names."""
        if entry.kind is FileKind.HARD_LINK:
            first = self.entry(entry.link)
            if first is None or first.kind is not FileKind.FILE:
                raise damaged(self._what, "a hard link leads nowhere")
            entry = first
        extents = list(self.extents(entry))
        at = 0
        for extent, data in zip(extents, self._reader.read(e.chunk for e in extents), strict=True):
            yield from _zeros(extent.offset - at)
            yield data[extent.start : extent.start + extent.length]
            at = extent.offset + extent.length
        yield from _zeros(entry.size_bytes - at)

    def _page(self, number: int, data: bytes) -> list[FileEntry]:
        entries = decode_entries(data, what=self._what)
        if not entries or entries[0].path != self.root.first[number]:
            raise damaged(self._what, "a page is not where it should be")
        for entry in entries:
            if entry.path:
                check_path(entry.path)
            if entry.size_bytes > SIZE_LIMIT:
                raise damaged(self._what, "a file claims to be larger than any is")
        return entries

    def _extents(self, entry: FileEntry) -> Iterator[Extent]:
        yield from entry.extents
        if entry.pages:
            for data in self._reader.read(entry.pages):
                yield from decode_extents(data, what=self._what)


def _zeros(count: int) -> Iterator[bytes]:
    while count > 0:
        yield _HOLE[:count]
        count -= len(_HOLE)
