"""Pages: runs of entries and runs of extents as columns."""

from array import array
from collections.abc import Iterator, Sequence

import msgspec

from drsync.repository.chunk import PackId
from drsync.repository.columns import pack_columns, rows, unpack_columns
from drsync.repository.records import NeededPack, decode, encode
from drsync.repository.references import References, decode_references, encode_references
from drsync.repository.seal import damaged
from drsync.volumes.entry import Extent, FileEntry, FileKind

ENTRIES_LIMIT = 8192
EXTENTS_LIMIT = 4096
"""A file with more has pages of its own for them."""
PAGE_EXTENTS = 32_768

_ENTRY_TYPES = ("B", "I", "I", "I", "q", "q", "Q", "Q", "I", "Q", "B", "I", "I", "I", "I", "I", "I")
"""kind, mode, uid, gid, mtime, ctime, ino, size, links, device, torn, directory, name length, link
length, attributes, extents, pages."""
_EXTENT_TYPES = ("Q", "I", "I", "I")
"""offset, length, start, chunk."""
_KINDS = tuple(FileKind)
_NUMBERS = {kind: number for number, kind in enumerate(_KINDS)}
_XATTRS_LIMIT = 1024

Attributes = tuple[tuple[bytes, bytes], ...]


class _ExtentPage(msgspec.Struct, frozen=True, array_like=True):
    count: int
    columns: bytes
    chunks: References


class _EntryPage(msgspec.Struct, frozen=True, array_like=True):
    count: int
    columns: bytes
    directories: tuple[bytes, ...]
    names: bytes
    links: bytes
    attributes: tuple[Attributes, ...]
    extents: _ExtentPage
    pages: References
    packs: tuple[tuple[NeededPack, ...], ...]
    """One for each file that has pages."""


def encode_extents(extents: Sequence[Extent]) -> bytes:
    """A page of extents alone."""
    return encode(_extent_page(extents))


def decode_extents(data: bytes, *, what: str) -> Sequence[Extent]:
    """Raises IntegrityError."""
    return _extents(decode(_ExtentPage, data, what=what), what)


def encode_entries(entries: Sequence[FileEntry]) -> bytes:
    """A page of entries, in the manifest's order."""
    directories: dict[bytes, int] = {}
    attributes: dict[Attributes, int] = {}
    split = [entry.path.rpartition(b"/") for entry in entries]
    numbers = (
        [_NUMBERS[entry.kind] for entry in entries],
        [entry.mode for entry in entries],
        [entry.uid for entry in entries],
        [entry.gid for entry in entries],
        [entry.mtime_ns for entry in entries],
        [entry.ctime_ns for entry in entries],
        [entry.ino for entry in entries],
        [entry.size_bytes for entry in entries],
        [entry.links for entry in entries],
        [entry.device for entry in entries],
        [entry.torn for entry in entries],
        [directories.setdefault(directory, len(directories)) for directory, _, _ in split],
        [len(name) for _, _, name in split],
        [len(entry.link) for entry in entries],
        [attributes.setdefault(entry.xattrs, len(attributes)) for entry in entries],
        [len(entry.extents) for entry in entries],
        [len(entry.pages) for entry in entries],
    )
    columns = [array(code, column) for code, column in zip(_ENTRY_TYPES, numbers, strict=True)]
    page = _EntryPage(
        len(entries),
        pack_columns(columns),
        tuple(directories),
        b"".join([name for _, _, name in split]),
        b"".join([entry.link for entry in entries]),
        tuple(attributes),
        _extent_page([extent for entry in entries for extent in entry.extents]),
        encode_references(page for entry in entries for page in entry.pages),
        tuple(
            tuple(NeededPack(p.kind, p.session, p.number, p.salt) for p in entry.packs)
            for entry in entries
            if entry.pages
        ),
    )
    return encode(page)


def decode_entries(data: bytes, *, what: str) -> list[FileEntry]:
    """Raises IntegrityError for whatever is not exactly a page."""
    page: _EntryPage = decode(_EntryPage, data, what=what)
    if page.count > ENTRIES_LIMIT or any(len(a) > _XATTRS_LIMIT for a in page.attributes):
        raise damaged(what, "it holds more than a page may")
    columns = unpack_columns(page.columns, _ENTRY_TYPES, page.count, what=what)
    lengths = ((12, len(page.names)), (13, len(page.links)), (15, page.extents.count))
    if any(sum(columns[n]) != length for n, length in lengths):
        raise damaged(what, "its columns differ in length")
    try:
        return list(_entries(page, rows(columns), what))
    except (IndexError, ValueError) as error:
        raise damaged(what, "it refers to what is not there") from error


def _entries(page: _EntryPage, columns: Iterator[tuple[int, ...]], what: str) -> Iterator[FileEntry]:
    extents = _extents(page.extents, what)
    pages = decode_references(page.pages, what=what)
    packs = iter(page.packs)
    name_at = link_at = extent_at = page_at = 0
    for (
        kind, mode, uid, gid, mtime, ctime, ino, size, links, device, torn,
        directory, name, link, attributes, extent_count, page_count,
    ) in columns:  # fmt: skip
        parent = page.directories[directory]
        base = page.names[name_at : name_at + name]
        own_pages = tuple(pages[page_at : page_at + page_count])
        if len(own_pages) != page_count:
            raise damaged(what, "its columns differ in length")
        yield FileEntry(
            path=parent + b"/" + base if parent else base,
            kind=_KINDS[kind],
            mode=mode,
            uid=uid,
            gid=gid,
            mtime_ns=mtime,
            ctime_ns=ctime,
            ino=ino,
            size_bytes=size,
            links=links,
            device=device,
            torn=bool(torn),
            link=page.links[link_at : link_at + link],
            xattrs=page.attributes[attributes],
            extents=tuple(extents[extent_at : extent_at + extent_count]),
            pages=own_pages,
            packs=tuple(PackId(p.kind, p.session, p.number, p.salt) for p in next(packs, ())) if own_pages else (),
        )
        name_at += name
        link_at += link
        extent_at += extent_count
        page_at += page_count


def _extent_page(extents: Sequence[Extent]) -> _ExtentPage:
    chunks: dict[bytes, int] = {}
    numbers = [chunks.setdefault(extent.chunk.ref.id, len(chunks)) for extent in extents]
    placed = {extent.chunk.ref.id: extent.chunk for extent in extents}
    values = (
        [extent.offset for extent in extents],
        [extent.length for extent in extents],
        [extent.start for extent in extents],
        numbers,
    )
    columns = [array(code, column) for code, column in zip(_EXTENT_TYPES, values, strict=True)]
    return _ExtentPage(len(extents), pack_columns(columns), encode_references(placed.values()))


def _extents(page: _ExtentPage, what: str) -> Sequence[Extent]:
    if page.count > PAGE_EXTENTS + EXTENTS_LIMIT:
        raise damaged(what, "it holds more than a page may")
    columns = unpack_columns(page.columns, _EXTENT_TYPES, page.count, what=what)
    chunks = decode_references(page.chunks, what=what)
    if page.count and max(columns[3]) >= len(chunks):
        raise damaged(what, "it refers to what is not there")
    return [Extent(offset, length, start, chunks[chunk]) for offset, length, start, chunk in rows(columns)]
