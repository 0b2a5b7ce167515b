"""Chunks and where they are: the values that pass between the repository and what is stored in it."""

from enum import StrEnum

import msgspec

CHUNK_LIMIT = 16 * 1024 * 1024
"""No stored chunk is larger; a reader refuses one before it asks for memory."""


class PackKind(StrEnum):
    """The folder that a pack lies in. Metadata has its own, so that it can be kept in a hot storage class."""

    DATA = "p"
    META = "m"


class PackId(msgspec.Struct, frozen=True, order=True):
    """One pack: its folder, the session that wrote it, its number there, and the salt of its key."""

    kind: PackKind
    session: str
    number: int
    salt: bytes

    @property
    def key(self) -> str:
        return f"repo/{self.kind.value}/{self.session}/{self.number}"


class ChunkRef(msgspec.Struct, frozen=True, gc=False):
    """Some bytes, named by their keyed hash. `size` is their length before compression."""

    id: bytes
    size: int


class Place(msgspec.Struct, frozen=True, gc=False):
    """Where a chunk lies: `position` counts the chunks of the pack, `offset` and `stored` its bytes."""

    pack: PackId
    position: int
    offset: int
    stored: int


class PlacedRef(msgspec.Struct, frozen=True, gc=False):
    """A chunk together with its place: all that a reader needs, without any index."""

    ref: ChunkRef
    place: Place
