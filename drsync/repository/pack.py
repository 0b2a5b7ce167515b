"""Packs: sealed chunks one after the other, and a sealed footer that names them.

    chunk 0 | chunk 1 | … | footer | length of the footer, masked | salt

Nothing in a pack can be told from noise without the session's key; its tail alone rebuilds the index.
"""

import os
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from blake3 import blake3
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from drsync.repository.chunk import CHUNK_LIMIT, ChunkRef, PackId, PackKind, Place, PlacedRef
from drsync.repository.compression import decompress
from drsync.repository.seal import SALT_BYTES, TAG_BYTES, context, damaged, derive

_LENGTH_BYTES = 4
_TRAIL = _LENGTH_BYTES + SALT_BYTES
_FOOTER_NONCE = (1 << 63).to_bytes(12, "big")
TAIL_BYTES = 64 * 1024
"""A first read of this many bytes holds the footer of nearly every pack: 44 bytes a chunk."""


class _Footer(msgspec.Struct, frozen=True, array_like=True):
    ids: bytes
    stored: tuple[int, ...]
    sizes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PackedChunk:
    """A chunk on its way into a pack: codec byte and compressed bytes."""

    ref: ChunkRef
    body: bytes


class PackBuilder:
    """A pack that is being filled. Places are known at once, bytes are sealed by `seal_pack`."""

    def __init__(self, kind: PackKind, session: str, number: int) -> None:
        self.pack = PackId(kind, session, number, os.urandom(SALT_BYTES))
        self.chunks: deque[PackedChunk] = deque()
        self.places: list[PlacedRef] = []
        self.size_bytes = 0

    def append(self, chunk: PackedChunk) -> PlacedRef:
        stored = len(chunk.body) + TAG_BYTES
        place = Place(self.pack, len(self.places), self.size_bytes, stored)
        self.chunks.append(chunk)
        self.size_bytes += stored
        placed = PlacedRef(chunk.ref, place)
        self.places.append(placed)
        return placed


class PackCipher:
    """The key of one pack, derived from its session's."""

    def __init__(self, repository_id: str, session_key: bytes, pack: PackId) -> None:
        self.bound_to = context(repository_id, f"pack-{pack.kind.value}", pack.session, pack.number)
        self._key = derive(session_key, self.bound_to + pack.salt)
        self._cipher = AESGCM(self._key)
        self.pack = pack

    def seal_chunk(self, position: int, chunk_id: bytes, body: bytes) -> bytes:
        number = position.to_bytes(12, "big")
        return self._cipher.encrypt(number, body, chunk_id + number)

    def open_chunk(self, placed: PlacedRef, sealed: bytes, *, id_key: bytes) -> bytes:
        """Decrypted, decompressed and hashed again. Raises IntegrityError."""
        ref, place = placed.ref, placed.place
        what = f"Chunk {place.position} of {self.pack.key}"
        if ref.size > CHUNK_LIMIT:
            raise damaged(what, f"it claims {ref.size} bytes")
        number = place.position.to_bytes(12, "big")
        try:
            body = self._cipher.decrypt(number, sealed, ref.id + number)
        except InvalidTag as error:
            raise damaged(what, "its seal does not match") from error
        if not body:
            raise damaged(what, "it is empty")
        data = decompress(body[0], body[1:], size=ref.size, what=what)
        if blake3(data, key=id_key).digest() != ref.id:
            raise damaged(what, "its content has another hash")
        return data

    def seal_footer(self, footer: bytes) -> bytes:
        sealed = self._cipher.encrypt(_FOOTER_NONCE, footer, self.bound_to)
        return sealed + self._mask(len(sealed)) + self.pack.salt

    def open_footer(self, sealed: bytes) -> bytes:
        try:
            return self._cipher.decrypt(_FOOTER_NONCE, sealed, self.bound_to)
        except InvalidTag as error:
            raise damaged(f"The footer of {self.pack.key}", "its seal does not match") from error

    def footer_length(self, masked: bytes) -> int:
        return int.from_bytes(self._mask(int.from_bytes(masked, "big")), "big")

    def _mask(self, length: int) -> bytes:
        mask = derive(self._key, b"footer length")[:_LENGTH_BYTES]
        return (length ^ int.from_bytes(mask, "big")).to_bytes(_LENGTH_BYTES, "big")


def seal_pack(builder: PackBuilder, cipher: PackCipher, *, id_key: bytes) -> bytes:
    """The pack's bytes; empties the builder. Every chunk is opened again before it is sent: memory does err."""
    parts: list[bytes] = []
    for placed in builder.places:
        chunk = builder.chunks.popleft()
        part = cipher.seal_chunk(placed.place.position, chunk.ref.id, chunk.body)
        cipher.open_chunk(placed, part, id_key=id_key)
        parts.append(part)
    footer = _Footer(
        b"".join(placed.ref.id for placed in builder.places),
        tuple(len(part) for part in parts),
        tuple(placed.ref.size for placed in builder.places),
    )
    parts.append(cipher.seal_footer(msgspec.msgpack.encode(footer)))
    return b"".join(parts)


def pack_salt(tail: bytes, *, what: str) -> bytes:
    """The salt, from the end of a pack."""
    if len(tail) < _TRAIL + TAG_BYTES:
        raise damaged(what, "it is cut short")
    return tail[-SALT_BYTES:]


def footer_bytes(tail: bytes, cipher: PackCipher) -> int:
    """How much of the pack's end a reader must have to call `read_footer`."""
    return cipher.footer_length(tail[-_TRAIL:-SALT_BYTES]) + _TRAIL


def read_footer(tail: bytes, cipher: PackCipher) -> Sequence[PlacedRef]:
    """Every chunk of the pack with its place, from the pack's end."""
    what = f"The footer of {cipher.pack.key}"
    length = cipher.footer_length(tail[-_TRAIL:-SALT_BYTES])
    if length > len(tail) - _TRAIL:
        raise damaged(what, "it is cut short")
    plain = cipher.open_footer(tail[-_TRAIL - length : -_TRAIL])
    try:
        footer = msgspec.msgpack.decode(plain, type=_Footer)
    except msgspec.DecodeError as error:
        raise damaged(what, "it does not hold what it should") from error
    if not len(footer.ids) == 32 * len(footer.stored) == 32 * len(footer.sizes):
        raise damaged(what, "its columns differ in length")
    refs: list[PlacedRef] = []
    offset = 0
    for position, (stored, size) in enumerate(zip(footer.stored, footer.sizes, strict=True)):
        chunk_id = footer.ids[32 * position : 32 * position + 32]
        refs.append(PlacedRef(ChunkRef(chunk_id, size), Place(cipher.pack, position, offset, stored)))
        offset += stored
    return refs
