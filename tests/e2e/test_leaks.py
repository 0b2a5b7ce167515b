"""The search for secrets finds what is leaked on purpose, in every form; else its silence would prove nothing."""

import base64
import gzip
import json
import zlib
from urllib.parse import quote

import pytest
import zstandard

from tests.e2e.leaks import find

SECRET = 'c4n4ry "/+&% \u00fc end'.encode()
SECRETS = {"planted": SECRET}
TEXT = SECRET.decode()
LEAKS = {
    "raw": SECRET,
    "hex": SECRET.hex().encode(),
    "HEX": SECRET.hex().upper().encode(),
    **{f"base64-{n}": base64.b64encode(b"before!"[:n] + SECRET + b" and after") for n in range(7)},
    **{f"base64url-{n}": base64.urlsafe_b64encode(b"\xff\xfe\xfd"[:n] + SECRET) for n in range(3)},
    "url": quote(TEXT, safe="").encode(),
    "json": json.dumps({"a": TEXT}).encode(),
    "json-utf8": json.dumps({"a": TEXT}, ensure_ascii=False).encode(),
    "json-in-json": json.dumps({"a": json.dumps({"b": TEXT})}).encode(),
}
WRAPPINGS = {
    "bare": lambda data: data,
    "gzip": gzip.compress,
    "zlib": zlib.compress,
    "zstd": zstandard.compress,
    "zstd-stream": lambda data: _streamed(zstandard.ZstdCompressor().compressobj(), data),
    "gzip-in-zstd": lambda data: zstandard.compress(gzip.compress(data)),
}


def _streamed(stream, data: bytes) -> bytes:
    return stream.compress(data) + stream.flush()


@pytest.mark.parametrize("wrap", WRAPPINGS.values(), ids=WRAPPINGS.keys())
@pytest.mark.parametrize("leak", LEAKS.values(), ids=LEAKS.keys())
def test_a_leak_is_found(leak: bytes, wrap) -> None:
    assert find(b"some bytes before \x1f\x8b\x08 " + wrap(leak) + b" and after", SECRETS)


def test_what_holds_no_secret_is_silent() -> None:
    other = b"c4n4ry of another kind " * 100

    assert find(other + gzip.compress(other) + zstandard.compress(other), SECRETS) == set()
