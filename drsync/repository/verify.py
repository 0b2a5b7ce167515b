"""Verifying a session: every pack that it wrote or refers to is read, opened and hashed again."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from blake3 import blake3

from drsync.clock import Cancellation
from drsync.errors import IntegrityError, ObjectMissing
from drsync.repository.chunk import PackId
from drsync.repository.pack import footer_bytes, pack_salt, read_footer
from drsync.repository.reader import SessionReader
from drsync.repository.records import needed_pack, pack_of
from drsync.repository.repository import Repository

_DAMAGED_LIMIT = 1000
"""So many are named; a store with more is damaged as a whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyReport:
    """What was read, and what of it is not as it was written."""

    chunks: int
    bytes: int
    damaged: tuple[str, ...]


def verify_session(
    repository: Repository, session: str, *, cancel: Cancellation, on_read: Callable[[int], None] | None = None
) -> VerifyReport:
    """Reads everything; tells `on_read` the bytes of each pack.

    Raises ObjectMissing or IntegrityError when the session itself cannot be opened.
    """
    reader = repository.reader(session)
    chunks = size = 0
    damaged: list[str] = []
    for pack, digest in _packs(reader):
        cancel.check()
        try:
            found, read = _verify_pack(reader, pack, digest)
        except IntegrityError as error:
            if len(damaged) < _DAMAGED_LIMIT:
                damaged.append(error.problem)
            continue
        chunks += found
        size += read
        if on_read is not None:
            on_read(read)
    return VerifyReport(chunks=chunks, bytes=size, damaged=tuple(damaged))


def _packs(reader: SessionReader) -> Iterator[tuple[PackId, bytes | None]]:
    for record in reader.end.packs:
        yield pack_of(record, reader.id), record.digest
    for record in reader.end.needed:
        yield needed_pack(record), None


def _verify_pack(reader: SessionReader, pack: PackId, digest: bytes | None) -> tuple[int, int]:
    try:
        data = reader.domain.store.get(pack.key).data
    except ObjectMissing as error:
        raise IntegrityError(f"{pack.key} is not there.", remedy="copy it from another store") from error
    what = pack.key
    cipher = reader.cipher(pack)
    if pack_salt(data, what=what) != pack.salt or (digest is not None and blake3(data).digest(16) != digest):
        raise IntegrityError(f"{what} is damaged: it is not what was written.", remedy="copy it from another store")
    chunks = read_footer(data[-footer_bytes(data, cipher) :], cipher)
    size = 0
    for chunk in chunks:
        sealed = data[chunk.place.offset : chunk.place.offset + chunk.place.stored]
        size += len(cipher.open_chunk(chunk, sealed, id_key=reader.domain.id_key))
    return len(chunks), size
