"""The contract of object stores, on stores that need no server."""

from pathlib import Path

import pytest

from drsync.clock import SystemClock
from drsync.stores.drivers.file import FileStore
from drsync.stores.object_store import ObjectStore
from drsync.stores.open import open_store
from drsync.stores.wrappers.count import Counting
from drsync.stores.wrappers.prefix import Prefixed
from tests.contracts.object_store import ObjectStoreContract
from tests.fakes.faulty_store import Faulty
from tests.fakes.memory_store import MemoryStore


class TestMemoryStore(ObjectStoreContract):
    @pytest.fixture
    def store(self) -> ObjectStore:
        return MemoryStore()


class TestWrappedMemoryStore(ObjectStoreContract):
    """Prefix, count and faults keep the contract when nothing fails."""

    @pytest.fixture
    def store(self) -> ObjectStore:
        inner = MemoryStore()
        inner.create("other", b"beside the prefix")
        inner.create("some/prefix-not", b"beside the prefix")
        return Prefixed(Counting(Faulty(inner)), "some/prefix")


class TestFileStore(ObjectStoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> ObjectStore:
        return FileStore(tmp_path, clock=SystemClock())


class TestOpenedFileStore(ObjectStoreContract):
    """As callers get it, in all wrappers."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> ObjectStore:
        return open_store(f"file://{tmp_path}", clock=SystemClock())
