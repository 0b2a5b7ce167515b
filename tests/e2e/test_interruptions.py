"""An API server that is restarted in the middle of a capture, and of a restore."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import load
from tests.e2e.cluster import Cluster, start
from tests.e2e.oracle import assert_equal, compare, snapshot
from tests.e2e.process import Process
from tests.e2e.site import Site
from tests.e2e.wait import until

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

OBJECTS = 4000


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Cluster, Cluster]]:
    """Two of their own: the shared ones must not go away under other tests."""
    clusters = [Cluster(name, root=tmp_path_factory.mktemp(name)) for name in ("primary", "standby")]
    start(*clusters)
    yield clusters[0], clusters[1]
    for cluster in clusters:
        cluster.stop()


@pytest.fixture(scope="module")
def filled(pair: tuple[Cluster, Cluster]) -> str:
    namespace = pair[0].create_namespace("many")
    load.create(pair[0], namespace, OBJECTS)
    return namespace


@pytest.fixture
def site(tmp_path: Path, pair: tuple[Cluster, Cluster], filled: str) -> Site:
    made = Site(tmp_path)
    made.add_cluster("primary", pair[0])
    made.add_cluster("standby", pair[1])
    made.protect("many", [filled])
    made.init()
    return made


def test_a_restart_in_the_middle_of_a_capture_loses_nothing(
    site: Site, pair: tuple[Cluster, Cluster], filled: str
) -> None:
    process = site.start("backup", "many", "-q")
    _wait_for_step(site, process)
    pair[0].restart_api_server()
    process.wait(120)

    if process.returncode != 0:
        assert process.returncode == 1, process.tail()
        assert site.points() == []
        site.ok("backup", "many")

    assert [row["state"] for row in site.points()] == ["complete"]
    assert site.points()[0]["objects"] >= OBJECTS


def test_a_restart_in_the_middle_of_a_restore_is_gone_through(
    site: Site, pair: tuple[Cluster, Cluster], filled: str
) -> None:
    primary, standby = pair
    site.ok("backup", "many")
    process = site.start("restore", "many@latest", "--to", "standby", "-q")
    maps = f"/api/v1/namespaces/{filled}/configmaps?limit=1"
    until(lambda: (standby.api.find(maps) or {"items": []})["items"], "the first restored objects")
    standby.restart_api_server()
    process.wait(120)

    if process.returncode != 0:
        assert process.returncode == 1, process.tail()
    site.ok("restore", "many@latest", "--to", "standby")

    assert_equal(compare(snapshot(primary.api, [filled]), snapshot(standby.api, [filled])))


def _wait_for_step(site: Site, process: Process) -> None:
    """Until the run has written its first intent, or is over."""
    until(lambda: list(site.store_folder.glob("runs/*/*-intent.json")) or not process.running, "a step")
