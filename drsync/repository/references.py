"""References to chunks, as pages hold them: ids in full, and where each chunk lies."""

from array import array
from collections.abc import Iterable, Sequence

import msgspec

from drsync.repository.chunk import CHUNK_LIMIT, ChunkRef, PackId, Place, PlacedRef
from drsync.repository.columns import pack_columns, rows, unpack_columns
from drsync.repository.records import NeededPack
from drsync.repository.seal import damaged

_ID = 32
_TYPES = ("I",) * 5


class References(msgspec.Struct, frozen=True, array_like=True):
    """A list of placed chunks."""

    packs: tuple[NeededPack, ...] = ()
    ids: bytes = b""
    columns: bytes = b""
    """pack, position, offset, stored, size."""


def encode_references(chunks: Iterable[PlacedRef]) -> References:
    """The inverse of `decode_references`."""
    numbers: dict[PackId, int] = {}
    columns = [array(code) for code in _TYPES]
    ids: list[bytes] = []
    for chunk in chunks:
        place = chunk.place
        ids.append(chunk.ref.id)
        number = numbers.setdefault(place.pack, len(numbers))
        row = (number, place.position, place.offset, place.stored, chunk.ref.size)
        for column, value in zip(columns, row, strict=True):
            column.append(value)
    packs = tuple(NeededPack(p.kind, p.session, p.number, p.salt) for p in numbers)
    return References(packs, b"".join(ids), pack_columns(columns))


def decode_references(references: References, *, what: str) -> Sequence[PlacedRef]:
    """Raises IntegrityError, also for a chunk that claims to be larger than any may be."""
    count, rest = divmod(len(references.ids), _ID)
    if rest:
        raise damaged(what, "its columns differ in length")
    columns = unpack_columns(references.columns, _TYPES, count, what=what)
    if count and (max(columns[0]) >= len(references.packs) or max(columns[4]) > CHUNK_LIMIT):
        raise damaged(what, "it refers to what cannot be")
    packs = [PackId(p.kind, p.session, p.number, p.salt) for p in references.packs]
    ids = references.ids
    return [
        PlacedRef(ChunkRef(ids[n * _ID : n * _ID + _ID], size), Place(packs[pack], position, offset, stored))
        for n, (pack, position, offset, stored, size) in enumerate(rows(columns))
    ]
