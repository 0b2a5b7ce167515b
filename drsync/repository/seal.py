"""Sealing: every object is bound to the repository, its type, its session and its number.

An object moved to another key, or given out as another type, does not open. Each is sealed under a
key of its own, made from a random salt, so that no nonce is ever used twice.
"""

import os

from blake3 import blake3
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from drsync.errors import IntegrityError

SALT_BYTES = 32
TAG_BYTES = 16
_NONCE = bytes(12)


def derive(key: bytes, purpose: bytes) -> bytes:
    """A key for one purpose, by keyed BLAKE3; 32 bytes."""
    return blake3(purpose, key=key).digest()


def context(repository_id: str, kind: str, session: str, number: int = 0) -> bytes:
    """What an object is; unambiguous, since only the last part may vary in length."""
    return f"drsync/0:{repository_id}:{kind}:{session}:{number}".encode()


def seal(key: bytes, bound_to: bytes, data: bytes) -> bytes:
    """Salt, then ciphertext; opens under the same key and context alone."""
    salt = os.urandom(SALT_BYTES)
    return salt + AESGCM(derive(key, bound_to + salt)).encrypt(_NONCE, data, bound_to)


def unseal(key: bytes, bound_to: bytes, sealed: bytes, *, what: str) -> bytes:
    """Raises IntegrityError naming `what` for anything that `seal` did not make for this context."""
    salt = sealed[:SALT_BYTES]
    if len(sealed) < SALT_BYTES + TAG_BYTES:
        raise damaged(what, "it is cut short")
    try:
        return AESGCM(derive(key, bound_to + salt)).decrypt(_NONCE, sealed[SALT_BYTES:], bound_to)
    except InvalidTag as error:
        raise damaged(what, "its seal does not match") from error


def damaged(what: str, why: str) -> IntegrityError:
    """The one sentence for bytes that are not what was written."""
    return IntegrityError(
        f"{what} is damaged: {why}.",
        remedy="take another recovery point or another copy of the store, and find out what changed this one",
    )
