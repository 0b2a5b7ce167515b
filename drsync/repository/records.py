"""What `open` and `end` of a session say, sealed."""

from typing import Any

import msgspec

from drsync.repository.chunk import PackId, PackKind
from drsync.repository.seal import damaged


class OpenRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Who began a session, and the key that everything in it is sealed under."""

    source: str
    parent: str | None
    writer: str
    """The tool with its version, and where it ran."""
    started_at: str
    session_key: bytes


class IndexRef(msgspec.Struct, frozen=True, array_like=True):
    """An index object: whose, which, and how much is in it."""

    session: str
    number: int
    chunks: int
    size_bytes: int


class PackRecord(msgspec.Struct, frozen=True, array_like=True):
    """A pack of this session, with a hash of it as it was sent."""

    kind: PackKind
    number: int
    salt: bytes
    size_bytes: int
    digest: bytes


class NeededPack(msgspec.Struct, frozen=True, array_like=True):
    """A pack of another session that this one refers to."""

    kind: PackKind
    session: str
    number: int
    salt: bytes


class EndRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The decision that a session is complete, and all that the next one needs to go on from it."""

    source: str
    parent: str | None
    root: bytes
    packs: tuple[PackRecord, ...]
    needed: tuple[NeededPack, ...]
    indexes: tuple[IndexRef, ...]
    """Together they name every chunk that this source may reuse, earlier sessions' included."""
    added_bytes: int
    reused_bytes: int
    uploaded_bytes: int
    ended_at: str


def encode(record: msgspec.Struct) -> bytes:
    return msgspec.msgpack.encode(record)


def decode(type_: Any, data: bytes, *, what: str) -> Any:
    """Raises IntegrityError; sealed bytes that do not parse were written by something else."""
    try:
        return msgspec.msgpack.decode(data, type=type_)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise damaged(what, "it does not hold what it should") from error


def pack_of(record: PackRecord, session: str) -> PackId:
    return PackId(record.kind, session, record.number, record.salt)


def needed_pack(record: NeededPack) -> PackId:
    return PackId(record.kind, record.session, record.number, record.salt)
