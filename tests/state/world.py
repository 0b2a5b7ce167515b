"""A deterministic world: real code in threads of which one runs at a time, on clocks that are all wrong.

Every store call and every sleep hands the turn to whoever is next in simulated time. The seed
decides latencies, pauses (with clocks that stand still or run on), lost answers, requests that
arrive late, crashes, the rate of each clock and how far each wall clock is off. The same seed
gives the same trace.
"""

import hashlib
import heapq
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from drsync.clock import Cancellation
from drsync.errors import DrsyncError, StoreUnreachable
from drsync.stores.object_store import Blob, ObjectInfo, ObjectStore

BASE = datetime(2026, 8, 21, tzinfo=UTC)
TTL_S = 30.0
LOST = 0.05
PAUSE = 0.012
CRASH = 0.002


class Killed(BaseException):
    """This process dies here."""


class Over(BaseException):
    """The world ends."""


@dataclass(frozen=True, slots=True)
class Did:
    """A call that reached the store, in the order in which they did."""

    at_s: float
    actor: str
    call: str
    key: str
    ok: bool
    data: bytes = b""


class Actor:
    """One process after another on one host. It is a clock too."""

    def __init__(self, world: "World", name: str) -> None:
        self.world = world
        self.name = name
        self.gate = threading.Lock()
        self.gate.acquire()
        self.rate = world.dice.uniform(0.8, 1.25)
        self.skew = timedelta(seconds=world.dice.uniform(-600, 600))
        self.frozen_s = 0.0

    def now(self) -> datetime:
        return BASE + self.skew + timedelta(seconds=round(self.boot_s(), 3))

    def boot_s(self) -> float:
        return (self.world.now_s - self.frozen_s) * self.rate

    def sleep(self, seconds: float, cancel: Cancellation) -> None:
        self.world.wait(self, seconds / self.rate)
        cancel.check()


class World:
    def __init__(self, seed: int, store: ObjectStore) -> None:
        self.dice = random.Random(seed)  # noqa: S311 - a seed gives the same world
        self.store = store
        self.now_s = 0.0
        self.freezes = self.dice.random() < 0.5
        self.calm = False
        self.did: list[Did] = []
        self.counts: Counter[str] = Counter()
        self.failure: BaseException | None = None
        self._events: list[tuple[float, int, Actor | Callable[[], None]]] = []
        self._tie = 0
        self._done = threading.Lock()
        self._trace = hashlib.sha256()

    def run(self, programs: dict[Actor, Callable[[], None]]) -> None:
        """Returns when every program has ended and everything late has arrived."""
        threads = [threading.Thread(target=self._act, args=item, daemon=True) for item in programs.items()]
        for actor in programs:
            self._at(self.dice.uniform(0, 5), actor)
        self._done.acquire()
        for thread in threads:
            thread.start()
        self._hand_on()
        self._done.acquire()
        for thread in threads:
            thread.join()
        if self.failure:
            raise self.failure

    def wait(self, actor: Actor, seconds: float) -> None:
        """Time passes; sometimes far more than asked for."""
        if not self.calm and self.dice.random() < PAUSE:
            pause_s = self.dice.uniform(0, 10 * TTL_S)
            self.counts["paused"] += 1
            seconds += pause_s
            if self.freezes:
                # A frozen machine counts nothing; what it thinks of its lease is as old as the freeze.
                actor.frozen_s += pause_s
        self._at(self.now_s + seconds, actor)
        self._hand_on(actor)

    def later(self, seconds: float, write: Callable[[], None]) -> None:
        self._at(self.now_s + seconds, write)

    def trace(self, *what: Any) -> None:
        self._trace.update(repr((round(self.now_s, 6), *what)).encode())

    @property
    def hash(self) -> str:
        return self._trace.hexdigest()

    def _at(self, at_s: float, event: "Actor | Callable[[], None]") -> None:
        self._tie += 1
        heapq.heappush(self._events, (at_s, self._tie, event))

    def _hand_on(self, me: Actor | None = None, *, ends: bool = False) -> None:
        following = self._next()
        if following is me and me is not None:
            return
        if following is None:
            self._done.release()
        else:
            following.gate.release()
        if me and not ends:
            me.gate.acquire()
            if self.failure:
                raise Over

    def _next(self) -> Actor | None:
        while self._events:
            at_s, _, event = heapq.heappop(self._events)
            self.now_s = max(self.now_s, at_s)
            if isinstance(event, Actor):
                return event
            event()
        return None

    def _act(self, actor: Actor, program: Callable[[], None]) -> None:
        actor.gate.acquire()
        try:
            if not self.failure:
                program()
        except Over:
            pass
        except BaseException as error:  # noqa: BLE001 - the main thread raises it
            self.failure = self.failure or error
        self._hand_on(actor, ends=True)


class SimStore:
    """The shared store as one actor reaches it: slowly, and not always with an answer."""

    def __init__(self, world: World, actor: Actor) -> None:
        self._world = world
        self._actor = actor
        self._store = world.store

    url = "sim://store"
    skew = None

    def create(self, key: str, data: bytes) -> str:
        return self._write("create", key, data, lambda: self._store.create(key, data))

    def replace(self, key: str, data: bytes, *, version: str) -> str:
        return self._write("replace", key, data, lambda: self._store.replace(key, data, version=version))

    def delete(self, key: str, *, version: str) -> None:
        raise AssertionError(f"nothing here is ever deleted: {key} {version}")

    def retain(self, key: str, *, until: datetime) -> None:
        raise AssertionError(f"nothing here is ever locked: {key} {until}")

    def get(self, key: str, *, start: int = 0, length: int | None = None) -> Blob:
        # What never changes gives the same answer whenever it is asked.
        quick = key.startswith("log/") and self._world.dice.random() < 0.8
        return self._read("get", key, lambda: self._store.get(key, start=start, length=length), quick=quick)

    def head(self, key: str) -> ObjectInfo | None:
        return self._read("head", key, lambda: self._store.head(key))

    def list(self, prefix: str, *, after: str = "") -> Iterator[ObjectInfo]:
        return iter(self._read("list", prefix, lambda: list(self._store.list(prefix, after=after))))

    def close(self) -> None: ...

    def _read(self, call: str, key: str, do: Callable[[], Any], *, quick: bool = False) -> Any:
        world = self._world
        world.counts["calls"] += 1
        if not quick:
            self._travel()
        lost = self._is_lost()
        result = do()
        world.trace(self._actor.name, call, key, lost)
        if lost:
            raise _no_answer(call, key)
        return result

    def _write(self, call: str, key: str, data: bytes, do: Callable[[], str]) -> str:
        world = self._world
        world.counts["calls"] += 1
        self._travel()
        fate = world.dice.choice(("never", "late", "done", "done")) if self._is_lost() else "answered"
        world.trace(self._actor.name, call, key, fate)
        if fate == "never":
            raise _no_answer(call, key)
        if fate == "late":
            world.counts["late"] += 1
            world.later(world.dice.uniform(0, 3 * TTL_S), lambda: self._land(call, key, data, do))
            raise _no_answer(call, key)
        try:
            version = self._done(call, key, data, do)
        finally:
            if world.dice.random() < 0.3:
                self._travel()
        if fate == "done":
            raise _no_answer(call, key)
        return version

    def _done(self, call: str, key: str, data: bytes, do: Callable[[], str]) -> str:
        world = self._world
        try:
            version = do()
        except DrsyncError:
            world.counts["collided"] += 1
            world.did.append(Did(world.now_s, self._actor.name, call, key, ok=False))
            raise
        world.did.append(Did(world.now_s, self._actor.name, call, key, ok=True, data=data))
        return version

    def _land(self, call: str, key: str, data: bytes, do: Callable[[], str]) -> None:
        try:
            self._done(call, key, data, do)
        except DrsyncError:
            return
        self._world.counts["landed late"] += 1

    def _travel(self) -> None:
        world = self._world
        world.wait(self._actor, world.dice.uniform(0.01, 0.4))
        if not world.calm and world.dice.random() < CRASH:
            world.counts["killed"] += 1
            raise Killed

    def _is_lost(self) -> bool:
        lost = not self._world.calm and self._world.dice.random() < LOST
        self._world.counts["lost"] += lost
        return lost


def _no_answer(call: str, key: str) -> StoreUnreachable:
    return StoreUnreachable(f"No answer to {call} of {key}.", remedy="try again")
