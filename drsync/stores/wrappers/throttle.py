"""Bounds how many calls are under way at once, and how fast bytes are uploaded."""

import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from drsync.clock import Cancellation, Clock
from drsync.errors import StoreUnreachable
from drsync.stores.object_store import Blob, ObjectInfo, ObjectStore

_MIB = 1 << 20
# Drivers bound their own calls by minutes; whoever waits longer for a turn waits for a driver that hangs.
_TURN_WAIT_S = 900.0
_LOOK_S = 0.5


class Throttled:
    """Waits before a call, never within one."""

    def __init__(
        self,
        store: ObjectStore,
        *,
        clock: Clock,
        parallel: int = 8,
        upload_mib_s: int | None = None,
        cancel: Cancellation | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._cancel = cancel or Cancellation()
        self._turns = threading.BoundedSemaphore(parallel)
        self._bytes_s = upload_mib_s * _MIB if upload_mib_s else None
        self._lock = threading.Lock()
        self._free_at_s = 0.0

    @property
    def url(self) -> str:
        return self._store.url

    @property
    def skew(self) -> timedelta | None:
        return self._store.skew

    def create(self, key: str, data: bytes) -> str:
        self._pace(len(data))
        with self._turn():
            return self._store.create(key, data)

    def replace(self, key: str, data: bytes, *, version: str) -> str:
        # Not paced: these are small control records, and a lease that is renewed late is lost.
        with self._turn():
            return self._store.replace(key, data, version=version)

    def get(self, key: str, *, start: int = 0, length: int | None = None) -> Blob:
        with self._turn():
            return self._store.get(key, start=start, length=length)

    def head(self, key: str) -> ObjectInfo | None:
        with self._turn():
            return self._store.head(key)

    def list(self, prefix: str, *, after: str = "") -> Iterator[ObjectInfo]:
        return self._listed(self._store.list(prefix, after=after))

    def delete(self, key: str, *, version: str) -> None:
        with self._turn():
            self._store.delete(key, version=version)

    def retain(self, key: str, *, until: datetime) -> None:
        with self._turn():
            self._store.retain(key, until=until)

    def close(self) -> None:
        self._store.close()

    def _listed(self, found: Iterator[ObjectInfo]) -> Iterator[ObjectInfo]:
        # A turn for each step, for the reader may take its time between two.
        while True:
            with self._turn():
                info = next(found, None)
            if info is None:
                return
            yield info

    @contextmanager
    def _turn(self) -> Generator[None]:
        waited_s = 0.0
        while not self._turns.acquire(timeout=_LOOK_S):
            self._cancel.check()
            waited_s += _LOOK_S
            if waited_s >= _TURN_WAIT_S:
                raise StoreUnreachable(
                    f"{self._store.url} has not answered any call for {_TURN_WAIT_S / 60:.0f} minutes.",
                    remedy="look at the store and at the network",
                )
        try:
            yield
        finally:
            self._turns.release()

    def _pace(self, size_bytes: int) -> None:
        """Each upload books its time after those before it, and waits for its own to begin."""
        if not self._bytes_s:
            return
        with self._lock:
            now_s = self._clock.boot_s()
            begins_s = max(now_s, self._free_at_s)
            self._free_at_s = begins_s + size_bytes / self._bytes_s
        if begins_s > now_s:
            self._clock.sleep(begins_s - now_s, self._cancel)
