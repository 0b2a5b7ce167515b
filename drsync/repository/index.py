"""The index: which chunks are there and where. Sorted columns, searched without being unpacked."""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from drsync.repository.chunk import PackId, Place, PlacedRef
from drsync.repository.columns import pack_columns, unpack_columns
from drsync.repository.records import NeededPack, decode
from drsync.repository.seal import damaged

ID_BYTES = 16
"""Half an id is enough to find a chunk; the whole one is checked when it is read."""
_COLUMNS = 5

IndexRecord = tuple[bytes, Place, int]
"""Short id, place and size of a chunk."""


class _IndexObject(msgspec.Struct, frozen=True, array_like=True):
    packs: tuple[NeededPack, ...]
    ids: bytes
    columns: bytes
    """pack, position, offset, stored, size: each a run of little-endian u32."""


class _Ids(Sequence[bytes]):
    """Lets `bisect` walk the ids where they lie."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __len__(self) -> int:
        return len(self._data) // ID_BYTES

    def __getitem__(self, at: int) -> bytes:  # type: ignore[override]  # bisect asks for single items
        return self._data[at * ID_BYTES : at * ID_BYTES + ID_BYTES]


class IndexSegment:
    """One index object in memory: 36 bytes a chunk."""

    def __init__(self, packs: Sequence[PackId], ids: bytes, columns: "Sequence[array[int]]") -> None:
        self.packs = packs
        self._view = _Ids(ids)
        self._columns = columns

    def __len__(self) -> int:
        return len(self._view)

    def find(self, chunk_id: bytes, size: int) -> Place | None:
        """The place of a chunk of this id and size."""
        short = chunk_id[:ID_BYTES]
        at = bisect_left(self._view, short)
        if at == len(self._view) or self._view[at] != short or self._columns[4][at] != size:
            return None
        return self._place(at)

    def records(self) -> Iterator[IndexRecord]:
        """Short id, place and size of every chunk."""
        for at in range(len(self)):
            yield self._view[at], self._place(at), self._columns[4][at]

    def _place(self, at: int) -> Place:
        pack, position, offset, stored = (column[at] for column in self._columns[:4])
        return Place(self.packs[pack], position, offset, stored)


def records_of(chunks: Iterable[PlacedRef]) -> Iterator[IndexRecord]:
    """Chunks as `encode_index` takes them."""
    for chunk in chunks:
        yield chunk.ref.id[:ID_BYTES], chunk.place, chunk.ref.size


def encode_index(records: Iterable[IndexRecord]) -> tuple[int, bytes]:
    """How many chunks, and an index object of them. Of two records with one id the last stays."""
    unique = {short: (place, size) for short, place, size in records}
    ids = sorted(unique)
    numbers: dict[PackId, int] = {}
    columns = [array("I") for _ in range(_COLUMNS)]
    for short in ids:
        place, size = unique[short]
        number = numbers.setdefault(place.pack, len(numbers))
        for column, value in zip(columns, (number, place.position, place.offset, place.stored, size), strict=True):
            column.append(value)
    packs = tuple(NeededPack(p.kind, p.session, p.number, p.salt) for p in numbers)
    body = _IndexObject(packs, b"".join(ids), pack_columns(columns))
    return len(ids), msgspec.msgpack.encode(body)


def decode_index(data: bytes, *, what: str) -> IndexSegment:
    """Raises IntegrityError."""
    body: _IndexObject = decode(_IndexObject, data, what=what)
    count, rest = divmod(len(body.ids), ID_BYTES)
    if rest:
        raise damaged(what, "its columns differ in length")
    columns = unpack_columns(body.columns, ("I",) * _COLUMNS, count, what=what)
    if count and max(columns[0]) >= len(body.packs):
        raise damaged(what, "it names a pack that it does not list")
    packs = [PackId(p.kind, p.session, p.number, p.salt) for p in body.packs]
    return IndexSegment(packs, body.ids, columns)
