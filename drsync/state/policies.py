"""The policy files that were in force, kept under the hash of their text."""

import hashlib

from drsync.errors import IntegrityError, ObjectMissing
from drsync.state.documents import REMEDY, create_once, damaged, fetch
from drsync.stores.object_store import ObjectStore


def put_policy(store: ObjectStore, text: str) -> str:
    """Keeps the text; returns its SHA-256 in hex. Raises IntegrityError when something else is at its place."""
    data = text.encode()
    sha256 = hashlib.sha256(data).hexdigest()
    key = _key(sha256)
    if create_once(store, key, data) is not None:
        raise damaged(key, "its bytes do not match its name")
    return sha256


def get_policy(store: ObjectStore, sha256: str) -> str:
    """Raises IntegrityError when it is not there or not what its name says."""
    key = _key(sha256)
    try:
        data = fetch(store, key).data
    except ObjectMissing:
        raise IntegrityError(f"{key} is missing, and a recovery point refers to it.", remedy=REMEDY) from None
    if hashlib.sha256(data).hexdigest() != sha256:
        raise damaged(key, "its bytes do not match its name")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise damaged(key, "it is not text") from None


def _key(sha256: str) -> str:
    return f"policies/{sha256}"
