"""Compression of single chunks: zstd, or as they are where that gains nothing."""

import threading
from enum import IntEnum

import zstandard

from drsync.repository.seal import damaged

_LEVEL = 1
_GAIN_SHIFT = 6
"""Less than 1/64 saved is not worth the time to decompress."""


class Codec(IntEnum):
    """A closed set: nothing read from a store can name anything else."""

    RAW = 0
    ZSTD = 1


class _Contexts(threading.local):
    """Contexts cost more than small chunks do, and one may serve a single thread at a time."""

    def __init__(self) -> None:
        self.compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=False)
        self.decompressor = zstandard.ZstdDecompressor()


_contexts = _Contexts()


def compress(data: bytes | memoryview) -> tuple[Codec, bytes]:
    """The smaller of the two forms."""
    packed = _contexts.compressor.compress(data)
    size = len(data)
    if len(packed) < size - (size >> _GAIN_SHIFT):
        return Codec.ZSTD, packed
    return Codec.RAW, bytes(data)


def decompress(codec: int, data: bytes, *, size: int, what: str) -> bytes:
    """Exactly `size` bytes, which must be bounded already; raises IntegrityError otherwise."""
    if codec == Codec.RAW:
        plain = data
    elif codec == Codec.ZSTD:
        try:
            # The frame's own claim is checked first: it decides how much memory is taken.
            if zstandard.frame_content_size(data) != size:
                raise damaged(what, "it declares another size")
            plain = _contexts.decompressor.decompress(data, max_output_size=size) if size else b""
        except zstandard.ZstdError as error:
            raise damaged(what, "it does not decompress") from error
    else:
        raise damaged(what, f"it uses codec {codec}, which does not exist")
    if len(plain) != size:
        raise damaged(what, "it has another size than declared")
    return plain
