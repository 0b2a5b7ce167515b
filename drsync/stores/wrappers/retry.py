"""Tries again what a store did not answer, and settles writes whose fate was unknown."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from drsync.clock import Cancellation, Clock
from drsync.errors import Conflict, ObjectExists, ObjectMissing, Refused, StoreUnreachable, VersionChanged
from drsync.stores.object_store import Blob, ObjectInfo, ObjectStore

_FIRST_WAIT_S = 0.25
_LONGEST_WAIT_S = 20.0

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often and for how long one call is tried; whichever ends first."""

    attempts: int = 5
    budget_s: float = 60


class Retrying:
    """Waits grow at random ("full jitter"), so that many clients do not come back as one."""

    def __init__(
        self,
        store: ObjectStore,
        *,
        clock: Clock,
        patience: Patience = Patience(),
        cancel: Cancellation | None = None,
        dice: random.Random | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._patience = patience
        self._cancel = cancel or Cancellation()
        self._dice = dice or random.SystemRandom()

    @property
    def url(self) -> str:
        return self._store.url

    @property
    def skew(self) -> timedelta | None:
        return self._store.skew

    def create(self, key: str, data: bytes) -> str:
        return self._write(key, data, lambda: self._store.create(key, data))

    def replace(self, key: str, data: bytes, *, version: str) -> str:
        return self._write(key, data, lambda: self._store.replace(key, data, version=version))

    def get(self, key: str, *, start: int = 0, length: int | None = None) -> Blob:
        return self._tried(lambda: self._store.get(key, start=start, length=length))

    def head(self, key: str) -> ObjectInfo | None:
        return self._tried(lambda: self._store.head(key))

    def list(self, prefix: str, *, after: str = "") -> Iterator[ObjectInfo]:
        # Called here and not in the generator, so that a bad prefix is refused at once.
        return self._listed(self._tried(lambda: self._store.list(prefix, after=after)), prefix, after)

    def delete(self, key: str, *, version: str) -> None:
        self._tried(lambda: self._store.delete(key, version=version))

    def retain(self, key: str, *, until: datetime) -> None:
        self._tried(lambda: self._store.retain(key, until=until))

    def close(self) -> None:
        self._store.close()

    def _tried(self, call: Callable[[], _Result]) -> _Result:
        tries = self._tries()
        while True:
            try:
                return call()
            except StoreUnreachable as error:
                tries.wait(error)

    def _write(self, key: str, data: bytes, send: Callable[[], str]) -> str:
        """Once an answer was lost, a conflict may be our own write come back at us."""
        tries = self._tries()
        lost_answer = False
        while True:
            try:
                return send()
            except StoreUnreachable as error:
                lost_answer = True
                tries.wait(error)
            except (ObjectExists, VersionChanged) as error:
                if not lost_answer:
                    raise
                return self._settle(key, data, error, tries)
            except Refused as error:
                if not lost_answer:
                    raise
                raise _unknown(key, error) from error

    def _settle(self, key: str, data: bytes, conflict: Conflict, tries: "_Tries") -> str:
        while True:
            try:
                found = self._store.get(key)
            except ObjectMissing:
                raise conflict from None
            except StoreUnreachable as error:
                tries.wait(error)
                continue
            except Refused as error:
                raise _unknown(key, error) from error
            if found.data == data:
                return found.version
            raise conflict

    def _listed(self, page: Iterator[ObjectInfo], prefix: str, after: str) -> Iterator[ObjectInfo]:
        tries = self._tries()
        begun_after = after
        while True:
            try:
                for info in page:
                    after = info.key
                    yield info
            except StoreUnreachable as error:
                if after != begun_after:
                    # Whatever came is progress: a long listing may fail often in all, and its reader may be slow.
                    tries, begun_after = self._tries(), after
                tries.wait(error)
                page = self._store.list(prefix, after=after)
            else:
                return

    def _tries(self) -> "_Tries":
        return _Tries(self._clock, self._patience, self._cancel, self._dice, began_s=self._clock.boot_s())


def _unknown(key: str, error: Refused) -> StoreUnreachable:
    return StoreUnreachable(
        f"Whether {key} was written is not known, for an answer was lost and the next was: {error.problem}",
        remedy=error.remedy,
    )


@dataclass(slots=True)
class _Tries:
    """The tries of one call."""

    clock: Clock
    patience: Patience
    cancel: Cancellation
    dice: random.Random
    began_s: float
    failures: int = field(default=0)

    def wait(self, error: StoreUnreachable) -> None:
        """Waits before the next try; raises `error` when there is none."""
        self.failures += 1
        longest = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2 ** (self.failures - 1))
        wait_s = max(self.dice.uniform(0, longest), error.retry_after_s)
        ends_s = self.clock.boot_s() - self.began_s + wait_s
        if self.failures >= self.patience.attempts or ends_s > self.patience.budget_s:
            raise error
        self.clock.sleep(wait_s, self.cancel)
