"""Volumes through the engine: real movers, a folder as the store, folders as volumes."""

import shutil
import time
from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from drsync.clock import SystemClock
from drsync.engine.volume_access import LocalVolumes
from drsync.errors import Blocked
from drsync.model.request import Existing
from drsync.sandbox.serving import Served
from drsync.state.catalog import resolve
from drsync.stores.open import open_store
from tests.engine.site import Site, api, make_shop, names, opened_site

pytestmark = pytest.mark.slow

CLAIMS = "/api/v1/namespaces/shop/persistentvolumeclaims"


@pytest.fixture
def site(tmp_path: Path) -> Generator[Site]:
    (tmp_path / "store").mkdir()
    store = open_store((tmp_path / "store").as_uri(), clock=SystemClock())
    with opened_site(tmp_path, store) as opened:
        make_shop(opened.primary)
        make_claim(opened.primary, "data")
        yield opened


def make_claim(served: Served, name: str) -> Path:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
    api(served, "POST", CLAIMS, {"metadata": {"name": name}, "spec": spec})
    return folder(served, name)


def folder(served: Served, claim: str) -> Path:
    """Where the volume of a claim is, once it is bound."""
    ends = time.monotonic() + 10
    while True:
        found = api(served, "GET", f"{CLAIMS}/{claim}")
        if found["status"].get("phase") == "Bound":
            volume = api(served, "GET", f"/api/v1/persistentvolumes/{found['spec']['volumeName']}")
            return Path(volume["spec"]["hostPath"]["path"])
        assert time.monotonic() < ends
        time.sleep(0.05)


def test_the_files_of_a_volume_come_back_and_the_point_says_live(site: Site) -> None:
    (folder(site.primary, "data") / "order.txt").write_text("one")

    point = site.backup().point.point
    site.restore()

    assert [str(v.claim) for v in point.volumes] == ["shop/data"]
    assert point.consistency.value == "live"
    assert point.consistent_at <= point.objects.cut_at
    assert (folder(site.standby, "data") / "order.txt").read_text() == "one"


def test_a_second_restore_never_writes_over_what_the_application_wrote_since(site: Site) -> None:
    (folder(site.primary, "data") / "order.txt").write_text("one")
    site.backup()
    site.restore()
    (folder(site.standby, "data") / "order.txt").write_text("two")

    done = site.restore()

    assert (folder(site.standby, "data") / "order.txt").read_text() == "two"
    assert done.end.exit_code == 0
    assert any("not touched" in record.result.get("words", "") for record in done.run.records)


def test_a_volume_that_cannot_be_reached_makes_the_point_partial_and_latest_never_chooses_it(site: Site) -> None:
    good = site.backup().point.point
    shutil.rmtree(folder(site.primary, "data"))

    partial = site.backup()

    assert partial.end.exit_code == 3
    assert [m.what for m in partial.point.point.missing] == ["volume shop/data"]
    newest = resolve(site.store, "shop@latest", key=site.keyring.derive("log"), now=datetime.now(UTC))
    assert newest.point.id == good.id


def test_a_cluster_whose_volumes_are_not_switched_on_makes_the_point_partial(site: Site) -> None:
    site.access = LocalVolumes(enabled=False)

    done = site.backup()

    assert "localVolumes" in done.point.point.missing[0].reason


def test_a_restore_without_reach_is_blocked_before_anything_is_written(site: Site) -> None:
    site.backup()
    site.access = LocalVolumes(enabled=False)

    with pytest.raises(Blocked):
        site.restore()

    assert "shop" not in names(site.standby, "/api/v1/namespaces")


def test_without_volumes_the_claims_come_back_empty(site: Site) -> None:
    (folder(site.primary, "data") / "order.txt").write_text("one")
    site.backup()

    site.restore(volumes=())

    assert list(folder(site.standby, "data").iterdir()) == []


def test_a_single_file_goes_into_a_volume_that_is_in_use_only_on_request(site: Site) -> None:
    source = folder(site.primary, "data")
    (source / "a.txt").write_text("a")
    (source / "b.txt").write_text("b")
    site.backup()
    site.restore()
    target = folder(site.standby, "data")
    (target / "a.txt").write_text("changed")
    (target / "b.txt").unlink()

    with pytest.raises(Blocked):
        site.restore(paths=("b.txt",))
    site.restore(paths=("b.txt",), existing=Existing.REPLACE)

    assert (target / "b.txt").read_text() == "b"
    assert (target / "a.txt").read_text() == "changed"


def test_an_empty_volume_and_a_sharp_drop_in_files_are_told(site: Site) -> None:
    source = folder(site.primary, "data")
    for at in range(20):
        (source / f"{at}.txt").write_text(str(at))
    site.backup()
    for path in source.iterdir():
        path.unlink()

    point = site.backup().point.point

    assert point.complete
    assert "volume shop/data is empty" in point.notices
    assert any("sharp drop" in notice and "shop/data" in notice for notice in point.notices)


def test_a_claim_that_is_not_bound_holds_no_data_and_is_left_out_by_name(site: Site) -> None:
    spec = {
        "storageClassName": "nobody-provisions-this",
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Mi"}},
    }
    api(site.primary, "POST", CLAIMS, {"metadata": {"name": "waiting"}, "spec": spec})

    point = site.backup().point.point

    assert point.complete
    assert any(e.what == "volume shop/waiting" and "not bound" in e.reason for e in point.exclusions)


def test_a_mapped_namespace_gets_its_own_volume(site: Site) -> None:
    (folder(site.primary, "data") / "order.txt").write_text("one")
    site.backup()

    site.restore(namespace_map={"shop": "copy"})

    found = api(site.standby, "GET", "/api/v1/namespaces/copy/persistentvolumeclaims/data")
    volume = api(site.standby, "GET", f"/api/v1/persistentvolumes/{found['spec']['volumeName']}")
    assert (Path(volume["spec"]["hostPath"]["path"]) / "order.txt").read_text() == "one"
