"""Kubernetes objects in a repository: to the byte, by kind and namespace, a changed one at little cost.

Objects that lie side by side share a segment, which is one chunk. Segments and the pages that list
them end at names that a hash picks, so that one object more or less moves no other boundary.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from zlib import crc32

import msgspec

from drsync.errors import UserError
from drsync.model.resource import ResourceKind, ResourceObject
from drsync.repository.chunk import PlacedRef
from drsync.repository.columns import pack_columns, rows, unpack_columns
from drsync.repository.kubernetes_json import read_object
from drsync.repository.reader import SessionReader
from drsync.repository.records import decode, encode
from drsync.repository.references import References, decode_references, encode_references
from drsync.repository.seal import damaged
from drsync.repository.session import Session

_SEGMENT_MIN = 128 * 1024
_SEGMENT_MAX = 1024 * 1024
_SEGMENT_MASK = 0x3F
"""One name in 64 may end a segment."""
_PAGE_MASK = 0xFFF
"""One segment's end in 64 ends a page too, or the next after this many objects."""
_PAGE_OBJECTS = 16_384
_OBJECT_LIMIT = 8 * 1024 * 1024
"""etcd holds no object above 1.5 MiB by default; a larger answer is not one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectEntry:
    """An object of a set, without its content."""

    kind: ResourceKind
    namespace: str
    name: str
    uid: str
    size_bytes: int
    segment: int = field(default=0, repr=False, compare=False)
    start: int = field(default=0, repr=False, compare=False)


class _Kind(msgspec.Struct, frozen=True, array_like=True):
    group: str
    version: str
    resource: str
    kind: str
    namespaced: bool
    verbs: tuple[str, ...]


class _Page(msgspec.Struct, frozen=True, array_like=True):
    kinds: tuple[_Kind, ...]
    namespaces: tuple[str, ...]
    names: tuple[str, ...]
    uids: tuple[str, ...]
    columns: bytes
    """kind, namespace, size, segment within the page: each a run of u32."""
    segments: References


class _Root(msgspec.Struct, frozen=True, kw_only=True, tag="objects", tag_field="type"):
    objects: int
    bytes: int
    pages: References


def write_objects(session: Session, objects: Iterable[ResourceObject]) -> bytes:
    """Stores them; returns the root to seal the session with."""
    ordered = sorted(objects, key=_order)
    segments = list(_segments(ordered))
    refs = [session.add(b"".join([o.raw for o in segment])) for segment in segments]
    placed = [session.placed(ref) for ref in refs]
    pages = [session.add_page(_encode_page(segments[a:b], placed[a:b])) for a, b in _page_bounds(segments)]
    root = _Root(
        objects=len(ordered),
        bytes=sum(ref.size for ref in refs),
        pages=encode_references(session.placed(page) for page in pages),
    )
    return encode(root)


class ObjectSet:
    """The objects of a sealed session."""

    def __init__(self, reader: SessionReader) -> None:
        self._reader = reader
        self._segments: list[PlacedRef] = []

    @cached_property
    def entries(self) -> Sequence[ObjectEntry]:
        """Every object, by kind, namespace and name. Raises IntegrityError."""
        what = f"The list of objects of session {self._reader.id}"
        root: _Root = decode(_Root, self._reader.root(), what=what)
        entries: list[ObjectEntry] = []
        for data in self._reader.read(decode_references(root.pages, what=what)):
            entries.extend(self._decode_page(data, what))
            if len(entries) > root.objects:
                break
        if len(entries) != root.objects or sum(e.size_bytes for e in entries) != root.bytes:
            raise damaged(what, "it does not hold what it declares")
        return entries

    def read(self, entries: Iterable[ObjectEntry]) -> Iterator[ResourceObject]:
        """The objects behind these entries of this set, in this order."""
        wanted = list(entries)
        runs = [(number, list(run)) for number, run in groupby(wanted, key=lambda entry: entry.segment)]
        segments = self._reader.read(self._segments[number] for number, _ in runs)
        for (_, run), data in zip(runs, segments, strict=True):
            for entry in run:
                raw = data[entry.start : entry.start + entry.size_bytes]
                yield read_object(entry.kind, entry.namespace, entry.name, raw)

    def _decode_page(self, data: bytes, what: str) -> Iterator[ObjectEntry]:
        page: _Page = decode(_Page, data, what=what)
        kinds, segments = [_kind(k) for k in page.kinds], decode_references(page.segments, what=what)
        columns = unpack_columns(page.columns, ("I",) * 4, len(page.names), what=what)
        base, before, start = len(self._segments), -1, 0
        self._segments.extend(segments)
        try:
            for name, uid, (kind, namespace, size, segment) in zip(page.names, page.uids, rows(columns), strict=True):
                start = start if segment == before else 0
                before = segment
                if start + size > segments[segment].ref.size:
                    raise damaged(what, "an object reaches beyond its segment")
                yield ObjectEntry(
                    kind=kinds[kind],
                    namespace=page.namespaces[namespace],
                    name=name,
                    uid=uid,
                    size_bytes=size,
                    segment=base + segment,
                    start=start,
                )
                start += size
        except (IndexError, ValueError) as error:
            raise damaged(what, "it refers to what is not there") from error


def _order(item: ResourceObject) -> tuple[str, str, str, str]:
    return (item.kind.resource, item.kind.group, item.namespace, item.name)


def _name_hash(item: ResourceObject) -> int:
    return crc32(item.name.encode(), crc32(item.namespace.encode()))


def _segments(ordered: Sequence[ResourceObject]) -> Iterator[Sequence[ResourceObject]]:
    begin = size = 0
    for at, item in enumerate(ordered):
        length = len(item.raw)
        if length > _OBJECT_LIMIT:
            raise UserError(
                f"{item.id} has {length} bytes, more than an object may have.", remedy="exclude it in the policy"
            )
        size += length
        if size >= _SEGMENT_MAX or (size >= _SEGMENT_MIN and not _name_hash(item) & _SEGMENT_MASK):
            yield ordered[begin : at + 1]
            begin, size = at + 1, 0
    if begin < len(ordered):
        yield ordered[begin:]


def _page_bounds(segments: Sequence[Sequence[ResourceObject]]) -> Iterator[tuple[int, int]]:
    begin = objects = 0
    for at, segment in enumerate(segments):
        objects += len(segment)
        if objects >= _PAGE_OBJECTS or not _name_hash(segment[-1]) & _PAGE_MASK:
            yield begin, at + 1
            begin, objects = at + 1, 0
    if begin < len(segments):
        yield begin, len(segments)


def _encode_page(segments: Sequence[Sequence[ResourceObject]], placed: Sequence[PlacedRef]) -> bytes:
    items = [item for segment in segments for item in segment]
    kinds: dict[ResourceKind, int] = {}
    namespaces: dict[str, int] = {}
    columns = (
        array("I", [kinds.setdefault(item.kind, len(kinds)) for item in items]),
        array("I", [namespaces.setdefault(item.namespace, len(namespaces)) for item in items]),
        array("I", [len(item.raw) for item in items]),
        array("I", [number for number, segment in enumerate(segments) for _ in segment]),
    )
    page = _Page(
        tuple(_Kind(k.group, k.version, k.resource, k.kind, k.namespaced, tuple(sorted(k.verbs))) for k in kinds),
        tuple(namespaces),
        tuple(item.name for item in items),
        tuple(item.uid for item in items),
        pack_columns(columns),
        encode_references(placed),
    )
    return encode(page)


def _kind(stored: _Kind) -> ResourceKind:
    return ResourceKind(
        group=stored.group,
        version=stored.version,
        resource=stored.resource,
        kind=stored.kind,
        namespaced=stored.namespaced,
        verbs=frozenset(stored.verbs),
    )
