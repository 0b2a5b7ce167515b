"""The seal on what decides: a keyed hash over a document's own bytes, checked before they are parsed.

A sealed document is one JSON object whose last member is `"mac"`. The hash covers every byte
before it, so what the document says of its own place (policy, sequence, kind) cannot be changed,
and the bytes of one place do not fit another.
"""

import hmac
import re
from typing import Final

from blake3 import blake3

from drsync.state.documents import damaged

_MAC: Final = re.compile(rb',"mac":"([0-9a-f]{64})"\}\Z')


def seal(document: bytes, *, key: bytes | None) -> bytes:
    """Adds the last member. Without a key the document stays as it is, and no reader with one believes it."""
    if key is None:
        return document
    return document[:-1] + b',"mac":"' + _hash(document, key).encode() + b'"}'


def unseal(data: bytes, *, key: bytes | None, what: str) -> bytes:
    """The document without its seal. Raises IntegrityError when a key is given and the seal is not its own."""
    match = _MAC.search(data)
    document = data[: match.start()] + b"}" if match else data
    if key is None:
        return document
    if not match:
        raise damaged(what, "it carries no seal")
    if not hmac.compare_digest(match[1], _hash(document, key).encode()):
        raise damaged(what, "its seal does not match its bytes under this store's key")
    return document


def _hash(document: bytes, key: bytes) -> str:
    return blake3(document, key=key).hexdigest()
