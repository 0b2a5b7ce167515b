"""A store that fails as told, or by chance from a seed.

    store = Faulty(MemoryStore())
    store.fail(Fault.NOT_ACKED, call="create", under="log/")          # the next create below log/
    store.fail(Fault.CORRUPT, call="get", skip=2, times=3)            # the third to fifth get
    store.crash(at=17, after=True)                                    # the process dies once call 17 is done
    store = Faulty(MemoryStore(), chance=Chance(seed=7, rate=0.2))    # each call fails with 0.2

Calls are numbered from 1 in `store.log`. After a crash every call of this Faulty raises Crashed; wrap
the inner store anew to come back as the next process.
"""

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice
from typing import TypeVar

from drsync.clock import Cancellation, Clock, SystemClock
from drsync.errors import DrsyncError, PermissionDenied, QuotaExceeded, StoreUnreachable
from drsync.stores.object_store import Blob, ObjectInfo, ObjectStore

_Result = TypeVar("_Result")


class Fault(StrEnum):
    NOT_SENT = "not-sent"  # no answer, and nothing was done
    NOT_ACKED = "not-acked"  # it was done, and the answer was lost
    LATE = "late"  # no answer; a write lands after some more calls
    TORN = "torn"  # half: of a write lands unacked, of a read is returned, of a list comes before it breaks off
    CORRUPT = "corrupt"  # a read returns one wrong bit
    DELAYED = "delayed"  # it takes `delay_s`
    DENIED = "denied"  # PermissionDenied, nothing was done
    FULL = "full"  # QuotaExceeded, nothing was done


ANY_CALL = ""
WRITES = frozenset({"create", "replace", "delete", "retain"})


class Crashed(BaseException):
    """The process is dead. No `except Exception` may survive it."""


@dataclass(slots=True, kw_only=True)
class Rule:
    """One thing to go wrong: after `skip` calls that match, the next `times` of them."""

    fault: Fault
    call: str = ANY_CALL
    under: str = ""
    skip: int = 0
    times: int = 1

    def strikes(self, call: str, key: str) -> bool:
        if not self.times or self.call not in {ANY_CALL, call} or not key.startswith(self.under):
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.times -= 1
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Chance:
    """Faults drawn from a seed; the same seed and the same calls give the same faults."""

    seed: int
    rate: float
    faults: tuple[Fault, ...] = (Fault.NOT_SENT, Fault.NOT_ACKED)
    calls: frozenset[str] = frozenset({"create", "replace", "get", "head", "list", "delete", "retain"})


@dataclass(frozen=True, slots=True)
class Call:
    """What was asked, and what went wrong with it."""

    name: str
    key: str
    fault: Fault | None


@dataclass(slots=True)
class _Late:
    lands_at: int
    write: Callable[[], object]


@dataclass(slots=True)
class _Crash:
    at: int
    after: bool


class Faulty:
    def __init__(
        self,
        store: ObjectStore,
        *,
        chance: Chance | None = None,
        clock: Clock | None = None,
        delay_s: float = 1.0,
        late_by: int = 3,
    ) -> None:
        self._store = store
        self._chance = chance
        self._dice = random.Random(chance.seed if chance else 0)  # noqa: S311 - a seed gives the same faults
        self._clock = clock or SystemClock()
        self._delay_s = delay_s
        self._late_by = late_by
        self._lock = threading.Lock()
        self._rules: list[Rule] = []
        self._late: list[_Late] = []
        self._crash: _Crash | None = None
        self._dead = False
        self.log: list[Call] = []

    def fail(self, fault: Fault, *, call: str = ANY_CALL, under: str = "", skip: int = 0, times: int = 1) -> "Faulty":
        """Adds a rule; rules are tried in the order in which they were added."""
        self._rules.append(Rule(fault=fault, call=call, under=under, skip=skip, times=times))
        return self

    def crash(self, *, at: int, after: bool = False) -> "Faulty":
        """Dies at call number `at`: before it is sent, or `after` it is done and before its answer is known."""
        self._crash = _Crash(at, after)
        return self

    def heal(self) -> None:
        """Nothing more goes wrong; what is late lands now."""
        with self._lock:
            self._rules.clear()
            self._chance = None
            late, self._late = self._late, []
        for write in late:
            _land(write)

    @property
    def calls(self) -> int:
        return len(self.log)

    @property
    def writes(self) -> list[Call]:
        return [call for call in self.log if call.name in WRITES]

    @property
    def url(self) -> str:
        return self._store.url

    @property
    def skew(self) -> timedelta | None:
        return self._store.skew

    def create(self, key: str, data: bytes) -> str:
        return self._write(
            "create",
            key,
            whole=lambda: self._store.create(key, data),
            half=lambda: self._store.create(key, data[: len(data) // 2]),
        )

    def replace(self, key: str, data: bytes, *, version: str) -> str:
        return self._write(
            "replace",
            key,
            whole=lambda: self._store.replace(key, data, version=version),
            half=lambda: self._store.replace(key, data[: len(data) // 2], version=version),
        )

    def delete(self, key: str, *, version: str) -> None:
        self._write("delete", key, whole=lambda: self._store.delete(key, version=version))

    def retain(self, key: str, *, until: datetime) -> None:
        self._write("retain", key, whole=lambda: self._store.retain(key, until=until))

    def get(self, key: str, *, start: int = 0, length: int | None = None) -> Blob:
        number, fault = self._begin("get", key)
        self._refuse("get", key, fault)
        blob = self._store.get(key, start=start, length=length)
        self._finish(number)
        match fault:
            case Fault.NOT_ACKED | Fault.LATE:
                raise _lost("get", key)
            case Fault.TORN:
                return Blob(data=blob.data[: len(blob.data) // 2], version=blob.version)
            case Fault.CORRUPT:
                return Blob(data=self._flipped(blob.data), version=blob.version)
            case _:
                return blob

    def head(self, key: str) -> ObjectInfo | None:
        number, fault = self._begin("head", key)
        self._refuse("head", key, fault)
        info = self._store.head(key)
        self._finish(number)
        if fault in {Fault.NOT_ACKED, Fault.LATE, Fault.TORN}:
            raise _lost("head", key)
        return info

    def list(self, prefix: str, *, after: str = "") -> Iterator[ObjectInfo]:
        return self._listed(prefix, after)

    def close(self) -> None:
        self._store.close()

    def _listed(self, prefix: str, after: str) -> Iterator[ObjectInfo]:
        number, fault = self._begin("list", prefix)
        self._refuse("list", prefix, fault)
        if fault in {Fault.NOT_ACKED, Fault.LATE}:
            raise _lost("list", prefix)
        if fault is not Fault.TORN:
            yield from self._store.list(prefix, after=after)
            self._finish(number)
            return
        half = sum(1 for _ in self._store.list(prefix, after=after)) // 2
        yield from islice(self._store.list(prefix, after=after), half)
        raise _lost("list", prefix)

    def _write(
        self, name: str, key: str, *, whole: Callable[[], _Result], half: Callable[[], object] | None = None
    ) -> _Result:
        number, fault = self._begin(name, key)
        self._refuse(name, key, fault)
        if fault is Fault.TORN and half:
            _ = half()
        elif fault is Fault.LATE:
            with self._lock:
                self._late.append(_Late(number + self._late_by, whole))
        else:
            result = whole()
            self._finish(number)
            if fault not in {Fault.NOT_ACKED, Fault.TORN}:
                return result
        raise _lost(name, key)

    def _begin(self, name: str, key: str) -> tuple[int, Fault | None]:
        with self._lock:
            if self._dead:
                raise Crashed
            fault = self._draw(name, key)
            self.log.append(Call(name, key, fault))
            number = len(self.log)
            if self._crash and number == self._crash.at and not self._crash.after:
                self._dead = True
                raise Crashed
            landing = [late for late in self._late if late.lands_at <= number]
            self._late = [late for late in self._late if late.lands_at > number]
        for late in landing:
            _land(late)
        if fault is Fault.DELAYED:
            self._clock.sleep(self._delay_s, Cancellation())
        return number, fault

    def _finish(self, number: int) -> None:
        with self._lock:
            if self._dead or (self._crash and self._crash.at == number and self._crash.after):
                self._dead = True
                raise Crashed

    def _draw(self, name: str, key: str) -> Fault | None:
        for rule in self._rules:
            if rule.strikes(name, key):
                return rule.fault
        chance = self._chance
        if chance and name in chance.calls and self._dice.random() < chance.rate:
            return self._dice.choice(chance.faults)
        return None

    def _refuse(self, name: str, key: str, fault: Fault | None) -> None:
        match fault:
            case Fault.NOT_SENT:
                raise _lost(name, key)
            case Fault.DENIED:
                raise PermissionDenied(f"{name} of {key} was refused.", remedy="grant it")
            case Fault.FULL if name in WRITES:
                raise QuotaExceeded(f"No room for {key}.", remedy="make room")
            case _:
                pass

    def _flipped(self, data: bytes) -> bytes:
        if not data:
            return data
        with self._lock:
            at = self._dice.randrange(len(data))
        return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def _land(late: _Late) -> None:
    # Whoever sent it no longer listens, so a conflict is heard by nobody.
    with suppress(DrsyncError):
        late.write()


def _lost(name: str, key: str) -> StoreUnreachable:
    return StoreUnreachable(f"No answer to {name} of {key}.", remedy="try again")
