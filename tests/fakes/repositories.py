"""Repositories on a store of the test's choice, opened with one key that is made once."""

from datetime import UTC, datetime
from functools import cache

import pyrage

from drsync.clock import Clock, SystemClock
from drsync.repository.keyfile import KeyFile
from drsync.repository.keyring import create_repository, open_keyring
from drsync.repository.repository import Repository
from drsync.stores.object_store import ObjectStore

NOW = datetime(2026, 8, 21, 3, 8, 4, tzinfo=UTC)


@cache
def age_key(name: str = "first") -> tuple[KeyFile, str]:
    """A key and its public recipient; the same name gives the same key within one run."""
    identity = pyrage.x25519.Identity.generate()
    return KeyFile(path=f"{name}.key", identities=(str(identity),)), str(identity.to_public())


def new_repository(store: ObjectStore, *, clock: Clock | None = None, pack_bytes: int = 1 << 20) -> Repository:
    """A store that was empty becomes a repository."""
    _, recipient = age_key()
    create_repository(store, recipients=[recipient], single_key_accepted=True, now=NOW)
    return open_repository(store, clock=clock, pack_bytes=pack_bytes)


def open_repository(store: ObjectStore, *, clock: Clock | None = None, pack_bytes: int = 1 << 20) -> Repository:
    """As another process would open it."""
    key, _ = age_key()
    return Repository(store, open_keyring(store, [key]), clock=clock or SystemClock(), pack_bytes=pack_bytes)
