"""The same programs with one safeguard taken away. The checker must notice each."""

import json
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Any

import pytest

from drsync.errors import Conflict, Unreachable
from drsync.state import claim as claiming
from drsync.state import lease_document as leasing
from drsync.state import log as logging
from drsync.state.documents import encode
from drsync.state.lease import TTL, Bid, HeldLease
from drsync.state.log import CommitLog
from drsync.stores.object_store import ObjectStore
from tests.fakes.memory_store import MemoryStore
from tests.state.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One world, weaker than the product, and what the checker must call its fault."""

    shows: str
    store: Callable[[], MemoryStore] = MemoryStore
    claim: Callable[..., HeldLease] | None = None
    patch: Callable[[pytest.MonkeyPatch], None] | None = None
    prepare: Callable[[World, MemoryStore], None] | None = None

    @contextmanager
    def in_force(self) -> Generator[None, None, None]:
        with pytest.MonkeyPatch.context() as patch:
            if self.patch:
                self.patch(patch)
            yield


def _claim_without_fence(store: ObjectStore, log: CommitLog, holder: Any, *, clock: Any, cancel: Any) -> HeldLease:
    bid = Bid(store=store, scope=log.policy, holder=holder, clock=clock, cancel=cancel, ttl=TTL)
    log.read()
    return bid.take()


def _claim_without_doubt(store: ObjectStore, log: CommitLog, holder: Any, *, clock: Any, cancel: Any) -> HeldLease:
    """Forgets that an entry may still be under way."""
    lease = claiming.claim(store, log, holder, clock=clock, cancel=cancel)
    lease.guard(lambda: False)
    return lease


class _Overwriting(MemoryStore):
    """A store that ignores the condition of a create, as some do."""

    def create(self, key: str, data: bytes) -> str:
        seen = self.head(key) if key.startswith("log/") else None
        return self.replace(key, data, version=seen.version) if seen else super().create(key, data)


class _Hashing(MemoryStore):
    """Versions that are hashes of the bytes, as ETags are: the same bytes have the same version."""

    def _put(self, key: str, data: bytes) -> str:
        super()._put(key, data)
        entry = self._entries[key]
        version = sha256(data).hexdigest()
        self._entries[key] = type(entry)(data=entry.data, version=version, modified=entry.modified)
        return version


def _believing(answer: bytes | None) -> Callable[[pytest.MonkeyPatch], None]:
    """Without a nonce a writer cannot know its entry again, and takes one answer for all."""

    def create(store: ObjectStore, key: str, data: bytes) -> bytes | None:
        try:
            store.create(key, data)
        except (Conflict, Unreachable):
            return answer
        return None

    return lambda patch: patch.setattr(logging, "create_once", create)


def _lease_without_nonce(patch: pytest.MonkeyPatch) -> None:
    def same(document: Any) -> bytes:
        return json.dumps({**json.loads(encode(document)), "nonce": "", "sequence": 0}).encode()

    patch.setattr(leasing, "encode", same)


def _lose(world: World, store: MemoryStore, *, newest: bool) -> None:
    def lose() -> None:
        keys = [key for key in store.snapshot() if key.startswith("log/")]
        if keys:
            store.lose(keys[-1] if newest else world.dice.choice(keys))

    world.later(world.dice.uniform(100, 400), lose)


VARIANTS = {
    "no fence record": Variant(shows="late voice", claim=_claim_without_fence),
    "an entry in doubt at a clean release": Variant(shows="late voice", claim=_claim_without_doubt),
    "overwriting commits": Variant(shows="late voice", store=_Overwriting),
    "no nonce: any conflict taken for one's own write": Variant(shows="lost", patch=_believing(None)),
    "no nonce: any conflict taken for another's": Variant(shows="unexpected", patch=_believing(b"another's")),
    "no nonce: a lease that looks the same after a renewal": Variant(
        shows="pushed aside", store=_Hashing, patch=_lease_without_nonce
    ),
    "a decision deleted": Variant(shows="unreadable", prepare=partial(_lose, newest=False)),
    "the newest decision deleted": Variant(shows="lost", prepare=partial(_lose, newest=True)),
}
