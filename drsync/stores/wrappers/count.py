"""Counts calls, so that a test or a benchmark can say what a command costs."""

import threading
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

from drsync.stores.object_store import Blob, ObjectInfo, ObjectStore


class Counting:
    """`counts` by call, `parts` by the key's first part, `pairs` by both; calls that fail count too."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self.counts: Counter[str] = Counter()
        self.parts: Counter[str] = Counter()
        self.pairs: Counter[tuple[str, str]] = Counter()
        self.sent_bytes = 0
        self.received_bytes = 0

    @property
    def url(self) -> str:
        return self._store.url

    @property
    def skew(self) -> timedelta | None:
        return self._store.skew

    def create(self, key: str, data: bytes) -> str:
        self._count("create", key, sent=len(data))
        return self._store.create(key, data)

    def replace(self, key: str, data: bytes, *, version: str) -> str:
        self._count("replace", key, sent=len(data))
        return self._store.replace(key, data, version=version)

    def get(self, key: str, *, start: int = 0, length: int | None = None) -> Blob:
        self._count("get", key)
        blob = self._store.get(key, start=start, length=length)
        with self._lock:
            self.received_bytes += len(blob.data)
        return blob

    def head(self, key: str) -> ObjectInfo | None:
        self._count("head", key)
        return self._store.head(key)

    def list(self, prefix: str, *, after: str = "") -> Iterator[ObjectInfo]:
        self._count("list", prefix)
        return self._store.list(prefix, after=after)

    def delete(self, key: str, *, version: str) -> None:
        self._count("delete", key)
        self._store.delete(key, version=version)

    def retain(self, key: str, *, until: datetime) -> None:
        self._count("retain", key)
        self._store.retain(key, until=until)

    def close(self) -> None:
        self._store.close()

    @property
    def calls(self) -> int:
        """All calls so far."""
        return self.counts.total()

    def reset(self) -> None:
        """Begins again at nothing."""
        with self._lock:
            for counter in (self.counts, self.parts, self.pairs):
                counter.clear()
            self.sent_bytes = self.received_bytes = 0

    def _count(self, call: str, key: str, *, sent: int = 0) -> None:
        part = key.partition("/")[0]
        with self._lock:
            self.counts[call] += 1
            self.parts[part] += 1
            self.pairs[call, part] += 1
            self.sent_bytes += sent
