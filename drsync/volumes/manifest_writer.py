"""Writing a manifest: entries in order, page by page, while the volume is still being read."""

from collections.abc import Callable, Sequence
from zlib import crc32

import msgspec

from drsync.model.volume import VolumeMode
from drsync.repository.chunk import ChunkRef
from drsync.repository.records import encode
from drsync.repository.references import encode_references
from drsync.repository.session import Session
from drsync.volumes.content import Part
from drsync.volumes.entry import Extent, FileEntry
from drsync.volumes.manifest import VolumeRoot
from drsync.volumes.pages import ENTRIES_LIMIT, PAGE_EXTENTS, encode_entries

_PAGE_MIN = 1024
_PAGE_MASK = 0x7FF
"""A page ends at a path that its hash picks, so that one file more moves no other boundary."""


class ManifestTotals(msgspec.Struct, frozen=True, kw_only=True):
    """What the root says beside the pages."""

    mode: VolumeMode
    scan_started_ns: int
    size_bytes: int
    data_bytes: int
    unreadable: tuple[str, ...] = ()
    torn: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()


class ManifestWriter:
    """Takes entries in the manifest's order; keeps one page of them."""

    def __init__(self, session: Session, *, settle: Callable[[], None]) -> None:
        self._session = session
        self._settle = settle
        self._drafts: list[tuple[FileEntry, Sequence[Part]]] = []
        self._extents = 0
        self._pages: list[ChunkRef] = []
        self._first: list[bytes] = []
        self.entries = 0

    def add(self, entry: FileEntry, parts: Sequence[Part] = ()) -> None:
        """An entry; `parts` are its content where the entry does not name it yet."""
        self._drafts.append((entry, parts))
        self._extents += len(parts) + len(entry.extents)
        self.entries += 1
        count = len(self._drafts)
        picked = count >= _PAGE_MIN and not crc32(entry.path) & _PAGE_MASK
        if picked or count >= ENTRIES_LIMIT or self._extents >= PAGE_EXTENTS:
            self._flush()

    def finish(self, totals: ManifestTotals) -> bytes:
        """The root to seal the session with."""
        if self._drafts:
            self._flush()
        root = VolumeRoot(
            mode=totals.mode,
            entries=self.entries,
            size_bytes=totals.size_bytes,
            data_bytes=totals.data_bytes,
            scan_started_ns=totals.scan_started_ns,
            pages=encode_references(self._session.placed(page) for page in self._pages),
            first=tuple(self._first),
            unreadable=totals.unreadable,
            torn=totals.torn,
            skipped=totals.skipped,
        )
        return encode(root)

    def _flush(self) -> None:
        self._settle()
        entries = [self._complete(entry, parts) for entry, parts in self._drafts]
        self._first.append(entries[0].path)
        self._pages.append(self._session.add_page(encode_entries(entries)))
        self._drafts = []
        self._extents = 0

    def _complete(self, entry: FileEntry, parts: Sequence[Part]) -> FileEntry:
        if not parts:
            return entry
        extents = tuple(
            Extent(part.offset, part.length, part.start, self._session.placed(part.chunk.name())) for part in parts
        )
        return msgspec.structs.replace(entry, extents=extents)
