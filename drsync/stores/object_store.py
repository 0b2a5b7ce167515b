"""The one thing that the sites share, as seven calls.

Keys are relative, `/`-separated, printable ASCII of at most 512 bytes (a store's prefix included), in parts
of at most 200 that do not begin with a dot; see keys.py. A key is never another key's folder: directories
cannot hold both, nor can servers built on them. Every driver and every server passes
tests/contracts/object_store.py.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectInfo:
    """What a listing tells of an object. `modified` is the store's clock, not ours."""

    key: str
    size_bytes: int
    version: str
    modified: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """Bytes of an object, and the version that they belong to."""

    data: bytes
    version: str


class ObjectStore(Protocol):
    """A flat map from keys to immutable values, with conditional writes.

    Writes are durable when the call returns and are seen by every later `get`, `head` and `list`,
    from any site. Any call may raise StoreUnreachable (10: no answer, or the bucket is not there),
    PermissionDenied (12) or QuotaExceeded. Only an answer that is known counts: a write whose fate
    is unknown raises StoreUnreachable, and whoever tries it again must read back what is there
    (wrappers.retry does).
    """

    @property
    def url(self) -> str:
        """Where the store is, without any secret; opening it again gives the same store."""
        ...

    @property
    def skew(self) -> timedelta | None:
        """The store's clock less ours as last seen in an answer; None when nothing was seen."""
        ...

    def create(self, key: str, data: bytes) -> str:
        """Writes a key that is absent; returns its version. Raises ObjectExists."""
        ...

    def replace(self, key: str, data: bytes, *, version: str) -> str:
        """Writes if the key still has `version`; returns the new one. Raises VersionChanged.

        A version may be a hash of the bytes (S3's is), so whoever may write the same bytes again adds a nonce.
        """
        ...

    def get(self, key: str, *, start: int = 0, length: int | None = None) -> Blob:
        """The bytes from `start`; fewer than `length` when the object ends. Negative `start`: its last bytes.

        Raises ObjectMissing.
        """
        ...

    def head(self, key: str) -> ObjectInfo | None: ...

    def list(self, prefix: str, *, after: str = "") -> Iterator[ObjectInfo]:
        """Objects whose key begins with `prefix` and is greater than `after`, in byte order of the keys."""
        ...

    def delete(self, key: str, *, version: str) -> None:
        """Removes exactly this version. Raises VersionChanged; an absent key is no error."""
        ...

    def retain(self, key: str, *, until: datetime) -> None:
        """Locks the object until then, by the store's clock. Raises Refused where the store cannot."""
        ...

    def close(self) -> None: ...
