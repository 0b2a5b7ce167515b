"""The demo's shop: installed once, holding awkward files, changing as customers order."""

import os
from datetime import UTC, datetime

import pytest

from drsync.sandbox import process, shop

NOW = datetime(2026, 8, 21, 3, 8, tzinfo=UTC)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    home = tmp_path_factory.mktemp("shop")
    (found,) = process.up(home, ("primary",))
    shop.install(found, now=NOW)
    yield found
    process.remove(home)


def test_its_objects_are_of_every_sort_that_a_restore_must_handle() -> None:
    kinds = {manifest["kind"] for manifest in shop.manifests()}

    assert kinds == {
        *("Namespace", "ServiceAccount", "ConfigMap", "Secret", "PersistentVolumeClaim", "Service", "Deployment"),
        *("StatefulSet", "Ingress", "CustomResourceDefinition", "Order"),
    }


def test_an_order_is_owned_by_another(cluster) -> None:
    assert set(shop.orders(cluster)) >= {"order-1001", "order-1001-reprint"}


def test_its_volumes_hold_what_backups_lose(cluster) -> None:
    volumes = shop.volume_paths(cluster)
    database, uploads = volumes[shop.DATABASE], volumes[shop.UPLOADS]
    sparse = (database / "wal.sparse").stat()

    assert sparse.st_blocks * 512 < sparse.st_size / 4
    assert (database / "orders.log").stat().st_ino == (database / "orders.hardlink").stat().st_ino
    assert os.readlink(database / "missing") == "never/there"
    assert (database / "base" / "readme.txt").stat().st_mtime_ns % 1000 != 0
    assert list((database / "empty").iterdir()) == []
    assert (database / "shared").stat().st_mode & 0o7777 == 0o2775
    assert (uploads / "photos" / "nothing.jpg").stat().st_size == 0
    assert b"two\nlines.txt" in os.listdir(os.fsencode(uploads))


def test_orders_change_the_cluster_and_both_volumes(cluster) -> None:
    volumes = shop.volume_paths(cluster)
    catalog = (volumes[shop.DATABASE] / "base" / "catalog.db").read_bytes()
    before = len(list(shop.database_lines(volumes[shop.DATABASE])))

    placed = shop.place_orders(cluster, 3, now=NOW)

    assert len(placed.orders) == 3
    assert set(placed.orders) <= set(shop.orders(cluster))
    assert len(list(shop.database_lines(volumes[shop.DATABASE]))) == before + 3
    after = (volumes[shop.DATABASE] / "base" / "catalog.db").read_bytes()
    assert after != catalog
    assert len(after) == len(catalog)
    assert (volumes[shop.UPLOADS] / f"receipt-{placed.orders[0].removeprefix('order-')}.pdf").exists()


def test_installing_again_changes_nothing(cluster) -> None:
    lines = list(shop.database_lines(shop.volume_paths(cluster)[shop.DATABASE]))
    orders = shop.orders(cluster)

    shop.install(cluster, now=NOW)

    assert shop.orders(cluster) == orders
    assert list(shop.database_lines(shop.volume_paths(cluster)[shop.DATABASE])) == lines
