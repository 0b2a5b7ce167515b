"""Races a store against itself, to see whether sites may share it. Vendors' tables age; a probe does not."""

import secrets
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta

from drsync.clock import Clock
from drsync.errors import Conflict, ObjectExists, ObjectMissing, Refused, VersionChanged
from drsync.stores.object_store import ObjectStore

_RACERS = 8
# A store that looks and then writes lets several of 8 win in nearly every race; SeaweedFS needs 2 s for one.
_RACES = 4
_RACE_WAIT_S = 60.0
_BLIND_DELETE = "a delete of a stale version deletes the present one: it ignores If-Match on deletes"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeReport:
    """One clause a fault, to stand after a colon. A store is safe to share when it has none."""

    safe: bool
    faults: tuple[str, ...]
    skew: timedelta | None
    took: timedelta


def probe(store: ObjectStore, *, clock: Clock) -> ProbeReport:
    """Writes below probe/ and removes what it may. Raises what the store raises when it cannot be used at all."""
    began_s = clock.boot_s()
    trial = _Trial(store, f"probe/{secrets.token_hex(8)}")
    try:
        faults = tuple(dict.fromkeys(fault for check in _CHECKS for fault in check(trial)))
    finally:
        trial.tidy()
    took = timedelta(seconds=clock.boot_s() - began_s)
    return ProbeReport(safe=not faults, faults=faults, skew=store.skew, took=took)


@dataclass(slots=True)
class _Trial:
    store: ObjectStore
    folder: str
    used: set[str] = field(default_factory=set[str])

    def key(self, name: str) -> str:
        key = f"{self.folder}/{name}"
        self.used.add(key)
        return key

    def holds(self, key: str) -> bytes | None:
        try:
            return self.store.get(key).data
        except ObjectMissing:
            return None

    def tidy(self) -> None:
        """Leaves nothing behind where deleting is allowed; most writers are not allowed to."""
        for key in sorted(self.used):
            try:
                info = self.store.head(key)
                if info:
                    self.store.delete(key, version=info.version)
            except Conflict:
                continue
            except Refused:
                return


def _fresh(name: str) -> bytes:
    # A nonce, as every control record has: a version may be a hash of the bytes.
    return f"{name} {secrets.token_hex(16)}".encode()


def _is_refused(call: Callable[[], object]) -> bool:
    try:
        call()
    except Conflict:
        return True
    return False


def _create_twice(trial: _Trial) -> Iterator[str]:
    key, data = trial.key("twice"), _fresh("first")
    trial.store.create(key, data)
    if trial.holds(key) != data:
        yield "what was written cannot be read back at once"
    if not _is_refused(lambda: trial.store.create(key, _fresh("second"))):
        yield "a second create of a key succeeds: it ignores If-None-Match, so two runs can both think they won"
    elif trial.holds(key) != data:
        yield "a create that was refused has changed the object nevertheless"


def _list_at_once(trial: _Trial) -> Iterator[str]:
    expected = [trial.key(f"listed/{name}") for name in ("a-b", "a/b", "a0")]
    for key in reversed(expected):
        trial.store.create(key, _fresh("listed"))
    found = [info.key for info in trial.store.list(f"{trial.folder}/listed/")]
    if sorted(found) != expected:
        yield "a listing does not show what was written before it"
    elif found != expected:
        yield "a listing is not in byte order of the keys"


def _stale_replace(trial: _Trial) -> Iterator[str]:
    key, last = trial.key("replaced"), _fresh("last")
    first = trial.store.create(key, _fresh("first"))
    second = trial.store.replace(key, _fresh("second"), version=first)
    if second == first:
        yield "a new version bears the old version's name"
        return
    if not _is_refused(lambda: trial.store.replace(key, _fresh("stale"), version=first)):
        yield "a replace of a stale version succeeds: it ignores If-Match, so a lease can be taken from its holder"
        return
    trial.store.replace(key, last, version=second)
    # Back to where it was, as far as a state machine can tell; the old version must still be dead.
    if not _is_refused(lambda: trial.store.replace(key, _fresh("stale"), version=first)):
        yield "a version that was replaced twice is taken for the present one"
    elif trial.holds(key) != last:
        yield "a replace that was refused has changed the object nevertheless"


def _replace_of_nothing(trial: _Trial) -> Iterator[str]:
    version = trial.store.create(trial.key("something"), _fresh("something"))
    key = trial.key("nothing")
    if not _is_refused(lambda: trial.store.replace(key, _fresh("nothing"), version=version)):
        yield "a replace of a key that is absent creates it"


def _stale_delete(trial: _Trial) -> Iterator[str]:
    key, data = trial.key("deleted"), _fresh("second")
    first = trial.store.create(key, _fresh("first"))
    trial.store.replace(key, data, version=first)
    try:
        trial.store.delete(key, version=first)
    except VersionChanged:
        pass
    except Refused:
        # Who may not delete at all cannot delete the wrong version.
        return
    if trial.holds(key) != data:
        yield _BLIND_DELETE


def _races(trial: _Trial) -> Iterator[str]:
    with ThreadPoolExecutor(_RACERS) as pool:
        for number in range(_RACES):
            key = trial.key(f"race-{number}")
            entries = [_fresh(f"racer {racer}") for racer in range(_RACERS)]
            won = _race(pool, lambda racer, key=key, entries=entries: trial.store.create(key, entries[racer]))
            if len(won) != 1:
                yield f"of {_RACERS} creates of one key at once, {len(won)} won; it must be one"
                return
            if trial.holds(key) != entries[won[0]]:
                yield "after a race the object is not the winner's"
                return
            version = trial.store.get(key).version
            won = _race(
                pool,
                lambda racer, key=key, version=version: trial.store.replace(key, _fresh(str(racer)), version=version),
            )
            if len(won) != 1:
                yield f"of {_RACERS} replaces of one version at once, {len(won)} won; it must be one"
                return


def _replace_beside_delete(trial: _Trial) -> Iterator[str]:
    """A driver may look before it deletes; only a race shows whether the server looks as well."""
    with ThreadPoolExecutor(2) as pool:
        for number in range(_RACES):
            key = trial.key(f"contested-{number}")
            version = trial.store.create(key, _fresh("contested"))

            def act(racer: int, *, key: str = key, version: str = version) -> object:
                if racer == 0:
                    return trial.store.replace(key, _fresh("kept"), version=version)
                return trial.store.delete(key, version=version)

            try:
                won = _race(pool, act, racers=2)
            except Refused:
                return
            if 0 in won and trial.holds(key) is None:
                yield _BLIND_DELETE
                return


def _race(pool: ThreadPoolExecutor, act: Callable[[int], object], *, racers: int = _RACERS) -> list[int]:
    start = threading.Barrier(racers)

    def run(racer: int) -> int | None:
        start.wait(_RACE_WAIT_S)
        try:
            act(racer)
        except (ObjectExists, VersionChanged):
            return None
        return racer

    return [racer for racer in pool.map(run, range(racers)) if racer is not None]


_CHECKS = (
    _create_twice,
    _list_at_once,
    _stale_replace,
    _replace_of_nothing,
    _stale_delete,
    _races,
    _replace_beside_delete,
)
