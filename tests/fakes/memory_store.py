"""A store in memory: exact in its semantics, deterministic in its versions, and without any wait."""

import threading
from bisect import bisect_right, insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from drsync.clock import Clock, SystemClock
from drsync.errors import ObjectExists, ObjectMissing, Refused, VersionChanged
from drsync.stores.keys import check_key, check_prefix, check_range
from drsync.stores.object_store import Blob, ObjectInfo

# A listing takes a page at a time, as servers do: what is written meanwhile may be seen or not.
_PAGE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    data: bytes
    version: str
    modified: datetime
    locked_until: datetime | None = None


class MemoryStore:
    """One value for all who hold it: give the same one to two "sites" and they share it."""

    def __init__(self, *, clock: Clock | None = None, url: str = "memory://store") -> None:
        self._clock = clock or SystemClock()
        self._url = url
        self._lock = threading.Lock()
        self._entries: dict[str, _Entry] = {}
        self._keys: list[str] = []
        self._writes = 0

    @property
    def url(self) -> str:
        return self._url

    @property
    def skew(self) -> timedelta | None:
        return timedelta()

    def create(self, key: str, data: bytes) -> str:
        check_key(key)
        with self._lock:
            if key in self._entries:
                raise ObjectExists(f"{key} is already there.", remedy="read it, or choose another key")
            insort(self._keys, key)
            return self._put(key, data)

    def replace(self, key: str, data: bytes, *, version: str) -> str:
        check_key(key)
        with self._lock:
            entry = self._entries.get(key)
            if not entry or entry.version != version:
                raise _changed(key)
            return self._put(key, data)

    def get(self, key: str, *, start: int = 0, length: int | None = None) -> Blob:
        check_key(key)
        check_range(length)
        entry = self._entry(key)
        begin = max(0, len(entry.data) + start) if start < 0 else start
        whole = begin == 0 and length is None
        data = entry.data if whole else entry.data[begin : None if length is None else begin + length]
        return Blob(data=data, version=entry.version)

    def head(self, key: str) -> ObjectInfo | None:
        check_key(key)
        entry = self._entries.get(key)
        return _info(key, entry) if entry else None

    def list(self, prefix: str, *, after: str = "") -> Iterator[ObjectInfo]:
        check_prefix(prefix, after)
        return self._pages(prefix, after)

    def delete(self, key: str, *, version: str) -> None:
        check_key(key)
        with self._lock:
            entry = self._entries.get(key)
            if not entry:
                return
            if entry.version != version:
                raise _changed(key)
            if entry.locked_until and entry.locked_until > self._clock.now():
                raise Refused(f"{key} is locked.", remedy="wait until its retention has ended")
            del self._entries[key]
            del self._keys[bisect_right(self._keys, key) - 1]

    def retain(self, key: str, *, until: datetime) -> None:
        check_key(key)
        with self._lock:
            entry = self._entry(key)
            if entry.locked_until and until < entry.locked_until:
                raise Refused(f"{key} is locked for longer.", remedy="a lock can only be made longer")
            self._entries[key] = _Entry(
                data=entry.data, version=entry.version, modified=entry.modified, locked_until=until
            )

    def close(self) -> None:
        pass

    def snapshot(self) -> dict[str, bytes]:
        """All that is in the store, for tests that compare."""
        with self._lock:
            return {key: self._entries[key].data for key in self._keys}

    def tamper(self, key: str, data: bytes) -> None:
        """Puts other bytes under the same version, as a broken disk or a thief would."""
        with self._lock:
            entry = self._entries[key]
            self._entries[key] = _Entry(data=data, version=entry.version, modified=entry.modified)

    def lose(self, key: str) -> None:
        """Removes an object whatever its version, as an attacker or an expiry rule would."""
        with self._lock:
            del self._entries[key]
            self._keys.remove(key)

    def _put(self, key: str, data: bytes) -> str:
        self._writes += 1
        version = f"v{self._writes}"
        self._entries[key] = _Entry(data=bytes(data), version=version, modified=self._clock.now())
        return version

    def _entry(self, key: str) -> _Entry:
        entry = self._entries.get(key)
        if not entry:
            raise ObjectMissing(f"{key} is not in the store.", remedy="list the store to see what is there")
        return entry

    def _pages(self, prefix: str, after: str) -> Iterator[ObjectInfo]:
        while True:
            page = self._page(prefix, after)
            yield from page
            if len(page) < _PAGE:
                return
            after = page[-1].key

    def _page(self, prefix: str, after: str) -> Sequence[ObjectInfo]:
        with self._lock:
            # Keys at or beyond the prefix sort after every key that is smaller than it.
            begin = bisect_right(self._keys, after) if after >= prefix else _first(self._keys, prefix)
            found: list[ObjectInfo] = []
            for index in range(begin, min(begin + _PAGE, len(self._keys))):
                key = self._keys[index]
                if not key.startswith(prefix):
                    break
                found.append(_info(key, self._entries[key]))
            return found


def _first(keys: list[str], prefix: str) -> int:
    index = bisect_right(keys, prefix)
    return index - 1 if index and keys[index - 1] == prefix else index


def _info(key: str, entry: _Entry) -> ObjectInfo:
    return ObjectInfo(key=key, size_bytes=len(entry.data), version=entry.version, modified=entry.modified)


def _changed(key: str) -> VersionChanged:
    return VersionChanged(f"{key} is not what it was.", remedy="read it again and decide anew")
