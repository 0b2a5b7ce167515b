"""Finds out whether a store honours conditional writes: the only safe way, since tables of vendors age.

Keys go under `probe/` and are removed where the store lets us.
"""

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from drsync.clock import Clock
from drsync.errors import Conflict, ObjectExists, ObjectMissing, Refused, VersionChanged
from drsync.stores.object_store import ObjectStore

RACERS: Final = 8
RACES: Final = 4
"""A store that checks and then writes lets several of 8 through in nearly every one of 4 races."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeReport:
    """`faults` are sentences, the worst first; none means safe to share."""

    faults: tuple[str, ...]

    @property
    def safe(self) -> bool:
        return not self.faults


def probe(store: ObjectStore, *, clock: Clock) -> ProbeReport:
    """Raises what the store raises: a store that cannot be reached is not judged."""
    place = f"probe/{clock.now():%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:8]}"
    checks: tuple[Callable[[ObjectStore, str], Iterator[str]], ...] = (_creates, _replaces, _deletes, _races)
    try:
        return ProbeReport(faults=tuple(fault for check in checks for fault in check(store, place)))
    finally:
        _clean(store, place)


def _creates(store: ObjectStore, place: str) -> Iterator[str]:
    key = f"{place}/create"
    store.create(key, b"one")
    try:
        store.create(key, b"two")
        yield "it overwrites an object that was to be created only if absent"
    except ObjectExists:
        pass
    if store.get(key).data != b"one":
        yield "an object that was written is not what is read back"
    if key not in (info.key for info in store.list(f"{place}/")):
        yield "an object that was written is not listed"


def _replaces(store: ObjectStore, place: str) -> Iterator[str]:
    key = f"{place}/replace"
    first = store.create(key, b"a")
    second = store.replace(key, b"b", version=first)
    try:
        store.replace(key, b"c", version=first)
        yield "it replaces an object whose version has changed"
    except VersionChanged:
        pass
    if store.get(key).version != second and store.get(key).data == b"b":
        yield "it tells another version than the one that it gave for the write"


def _deletes(store: ObjectStore, place: str) -> Iterator[str]:
    key = f"{place}/delete"
    first = store.create(key, b"a")
    store.replace(key, b"b", version=first)
    try:
        store.delete(key, version=first)
    except VersionChanged:
        return
    except Refused:
        # A writer without the right to delete cannot delete the wrong version either.
        return
    if store.head(key) is None:
        yield "it deletes an object whose version has changed"


def _races(store: ObjectStore, place: str) -> Iterator[str]:
    with ThreadPoolExecutor(RACERS) as pool:
        for race in range(RACES):
            key = f"{place}/race-{race}"
            won = list(pool.map(_enter, [store] * RACERS, [key] * RACERS))
            if sum(won) != 1:
                yield f"{sum(won)} of {RACERS} racers created the same object; exactly one may"
                return


def _enter(store: ObjectStore, key: str) -> bool:
    try:
        store.create(key, uuid.uuid4().hex.encode())
    except Conflict:
        return False
    return True


def _clean(store: ObjectStore, place: str) -> None:
    for info in list(store.list(f"{place}/")):
        try:
            store.delete(info.key, version=info.version)
        except (Refused, ObjectMissing):
            return
