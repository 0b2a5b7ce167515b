"""The contract of object stores, by the S3 driver, on servers that others wrote."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex

import pytest
from moto.server import ThreadedMotoServer

from drsync.clock import SystemClock
from drsync.errors import PermissionDenied, Refused, StoreUnreachable
from drsync.stores.drivers.s3 import S3Store
from drsync.stores.object_store import ObjectStore
from drsync.stores.open import open_store
from drsync.stores.probe import probe
from drsync.stores.wrappers.prefix import Prefixed
from tests.contracts.object_store import ODD_KEYS, ObjectStoreContract, keys
from tests.fakes.s3_sites import S3Rack, S3Site, racked
from tests.fakes.seaweed import seaweed_s3

__all__ = ["seaweed_s3"]

pytestmark = pytest.mark.slow

etag_is_a_hash = pytest.mark.xfail(reason="S3's ETag is a hash of the content, so control records carry a nonce")


no_backslash = pytest.mark.xfail(reason="SeaweedFS takes a backslash for a slash")


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Rack]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with racked(S3Site(endpoint=f"http://{host}:{port}"), tmp_path_factory.mktemp("moto")) as rack:
        yield rack
    server.stop()


@pytest.fixture(scope="module")
def seaweed(seaweed_s3: S3Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Rack]:
    with racked(seaweed_s3, tmp_path_factory.mktemp("seaweed-client")) as rack:
        yield rack


@pytest.fixture(scope="module")
def seaweed_bucket(seaweed: S3Rack) -> ObjectStore:
    """One for all tests, for every bucket takes some of the server's volumes."""
    return seaweed.new_store()


@pytest.fixture(scope="module")
def seaweed_locks(seaweed: S3Rack) -> ObjectStore:
    return seaweed.new_store(locks=True)


class TestMoto(ObjectStoreContract):
    @pytest.fixture
    def store(self, moto: S3Rack) -> ObjectStore:
        return moto.new_store()

    @etag_is_a_hash
    def test_a_version_does_not_come_back_with_its_bytes(self, store: ObjectStore):
        super().test_a_version_does_not_come_back_with_its_bytes(store)


class TestMotoWithLocks(ObjectStoreContract):
    """A bucket with versions kept and object lock."""

    @pytest.fixture
    def store(self, moto: S3Rack) -> ObjectStore:
        return moto.new_store(locks=True)

    @etag_is_a_hash
    def test_a_version_does_not_come_back_with_its_bytes(self, store: ObjectStore):
        super().test_a_version_does_not_come_back_with_its_bytes(store)


class TestSeaweed(ObjectStoreContract):
    @pytest.fixture
    def store(self, seaweed_bucket: ObjectStore) -> ObjectStore:
        return Prefixed(seaweed_bucket, f"test/{token_hex(6)}")

    @etag_is_a_hash
    def test_a_version_does_not_come_back_with_its_bytes(self, store: ObjectStore):
        super().test_a_version_does_not_come_back_with_its_bytes(store)

    @pytest.mark.parametrize(
        "key", [pytest.param(key, marks=[no_backslash] if "\\" in key else []) for key in ODD_KEYS]
    )
    def test_an_odd_key_is_a_key(self, store: ObjectStore, key: str):
        super().test_an_odd_key_is_a_key(store, key)


class TestSeaweedWithLocks(ObjectStoreContract):
    """In a bucket with versions kept and object lock."""

    @pytest.fixture
    def store(self, seaweed_locks: ObjectStore) -> ObjectStore:
        return Prefixed(seaweed_locks, f"test/{token_hex(6)}")

    @etag_is_a_hash
    def test_a_version_does_not_come_back_with_its_bytes(self, store: ObjectStore):
        super().test_a_version_does_not_come_back_with_its_bytes(store)

    @pytest.mark.parametrize(
        "key", [pytest.param(key, marks=[no_backslash] if "\\" in key else []) for key in ODD_KEYS]
    )
    def test_an_odd_key_is_a_key(self, store: ObjectStore, key: str):
        super().test_an_odd_key_is_a_key(store, key)

    # Not strict: a race may fall the right way. drsync deletes nothing but its own probes.
    @pytest.mark.xfail(reason="SeaweedFS checks and marks a delete in two steps where versions are kept", strict=False)
    def test_replace_and_delete_do_not_both_win(self, store: ObjectStore):
        super().test_replace_and_delete_do_not_both_win(store)


@pytest.mark.parametrize("server", ["moto", "seaweed"])
def test_servers_that_keep_conditions_are_probed_safe(server: str, request: pytest.FixtureRequest):
    rack: S3Rack = request.getfixturevalue(server)

    assert probe(rack.new_store(), clock=SystemClock()).faults == ()


def test_a_wrong_secret_is_a_permission_denied(
    seaweed_s3: S3Site, seaweed_bucket: ObjectStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    seaweed_s3.enter(monkeypatch, tmp_path)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    store = open_store(seaweed_bucket.url, clock=SystemClock())

    for call in (lambda: store.head("a"), lambda: store.get("a"), lambda: store.create("a", b"x"), lambda: keys(store)):
        with pytest.raises(PermissionDenied, match="SignatureDoesNotMatch"):
            call()
    store.close()


@pytest.mark.parametrize("server", ["moto", "seaweed"])
def test_a_bucket_that_is_missing_is_not_made(server: str, request: pytest.FixtureRequest):
    rack: S3Rack = request.getfixturevalue(server)
    store = S3Store(rack.site.address("not-here"), asker=rack.asker, clock=SystemClock())

    for call in (lambda: store.create("a", b"x"), lambda: store.get("a"), lambda: store.head("a"), lambda: keys(store)):
        with pytest.raises(StoreUnreachable, match="no bucket"):
            call()


@pytest.mark.parametrize(
    "server", [pytest.param("moto", marks=pytest.mark.xfail(reason="moto lets a lock be shortened")), "seaweed"]
)
def test_a_lock_can_be_made_longer_and_never_shorter(server: str, request: pytest.FixtureRequest):
    store: S3Store = request.getfixturevalue(server).new_store(locks=True)
    version = store.create("repo/p/a", b"x")
    now = datetime.now(UTC)

    store.retain("repo/p/a", until=now + timedelta(seconds=30))
    store.retain("repo/p/a", until=now + timedelta(seconds=60))

    with pytest.raises(Refused):
        store.retain("repo/p/a", until=now + timedelta(seconds=10))
    with pytest.raises(Refused, match="locked until"):
        store.delete("repo/p/a", version=version)
