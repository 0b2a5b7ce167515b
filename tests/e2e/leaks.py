"""Finds a secret wherever and however it was written: plain, encoded, escaped, compressed."""

import base64
import json
import re
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from urllib.parse import quote, quote_plus

import zstandard

_DEPTH = 3
_MOST_BYTES = 64 << 20
_GZIP, _ZSTD = b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd"
_ZLIB = re.compile(rb"\x78[\x01\x5e\x9c\xda]")


def find(data: bytes, secrets: Mapping[str, bytes]) -> set[str]:
    """The names of the secrets that are in the data, each with the form in which it is there."""
    wanted = [(f"{name} ({form})", needle) for name, secret in secrets.items() for form, needle in forms(secret)]
    return {what for view in views(data) for what, needle in wanted if needle in view}


def forms(secret: bytes) -> Iterator[tuple[str, bytes]]:
    """Every way in which a secret may be spelled."""
    yield "raw", secret
    yield "hex", secret.hex().encode()
    yield "hex", secret.hex().upper().encode()
    for shift in range(3):
        # What comes before it in the text moves its bits; the first and last letters mix with the neighbours.
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            text = encode(b"\0" * shift + secret)
            skipped = (0, 2, 3)[shift]
            yield f"base64 shifted by {shift}", text[skipped : len(text.rstrip(b"=")) - 1]
    with suppress(UnicodeDecodeError):
        text = secret.decode()
        yield "URL", quote(text, safe="").encode()
        yield "URL", quote_plus(text).encode()
        yield "JSON", json.dumps(text)[1:-1].encode()
        yield "JSON", json.dumps(text, ensure_ascii=False)[1:-1].encode()
        yield "JSON twice", json.dumps(json.dumps(text)[1:-1])[1:-1].encode()


def views(data: bytes, depth: int = _DEPTH) -> Iterator[bytes]:
    """The data, and whatever compressed streams begin anywhere in it, opened."""
    yield data
    if depth == 0:
        return
    for inner in _opened(data):
        if inner:
            yield from views(inner, depth - 1)


def _opened(data: bytes) -> Iterator[bytes]:
    for at in _places(data, _GZIP):
        yield _inflate(data[at:], zlib.MAX_WBITS | 16)
    for match in _ZLIB.finditer(data):
        yield _inflate(data[match.start() :], zlib.MAX_WBITS)
    for at in _places(data, _ZSTD):
        with suppress(zstandard.ZstdError):
            yield zstandard.ZstdDecompressor().decompressobj().decompress(data[at:])


def _places(data: bytes, magic: bytes) -> Iterator[int]:
    at = data.find(magic)
    while at >= 0:
        yield at
        at = data.find(magic, at + 1)


def _inflate(data: bytes, window: int) -> bytes:
    """As much as can be opened; what is no stream gives nothing, or a few bytes of nonsense."""
    with suppress(zlib.error):
        return zlib.decompressobj(window).decompress(data, _MOST_BYTES)
    return b""
