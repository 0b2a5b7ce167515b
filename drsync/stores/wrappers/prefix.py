"""A store that is a folder of another."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import quote, urlsplit, urlunsplit

from drsync.stores.keys import check_key, check_prefix
from drsync.stores.object_store import Blob, ObjectInfo, ObjectStore


class Prefixed:
    """Every key lies under `prefix`, a key without a slash at its end."""

    def __init__(self, store: ObjectStore, prefix: str) -> None:
        check_key(prefix)
        self._store = store
        self._folder = prefix + "/"

    @property
    def url(self) -> str:
        parts = urlsplit(self._store.url)
        return urlunsplit(parts._replace(path=parts.path.rstrip("/") + "/" + quote(self._folder[:-1])))

    @property
    def skew(self) -> timedelta | None:
        return self._store.skew

    def create(self, key: str, data: bytes) -> str:
        return self._store.create(self._full(key), data)

    def replace(self, key: str, data: bytes, *, version: str) -> str:
        return self._store.replace(self._full(key), data, version=version)

    def get(self, key: str, *, start: int = 0, length: int | None = None) -> Blob:
        return self._store.get(self._full(key), start=start, length=length)

    def head(self, key: str) -> ObjectInfo | None:
        info = self._store.head(self._full(key))
        return replace(info, key=key) if info else None

    def list(self, prefix: str, *, after: str = "") -> Iterator[ObjectInfo]:
        check_prefix(prefix, after)
        found = self._store.list(self._folder + prefix, after=self._folder + after if after else "")
        return (replace(info, key=info.key[len(self._folder) :]) for info in found)

    def delete(self, key: str, *, version: str) -> None:
        self._store.delete(self._full(key), version=version)

    def retain(self, key: str, *, until: datetime) -> None:
        self._store.retain(self._full(key), until=until)

    def close(self) -> None:
        self._store.close()

    def _full(self, key: str) -> str:
        # Checked here too: "" or "../x" must not reach out of the folder, nor a key hide behind the prefix.
        check_key(key)
        return self._folder + key
