"""The main job, from one real cluster into another: protect, capture, change, capture, restore, compare."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import shop
from tests.e2e.cluster import Cluster
from tests.e2e.files import Tree, compare_trees, read_tree
from tests.e2e.kubelet import Kubelet
from tests.e2e.oracle import Snapshot, Translation, assert_equal, compare, snapshot
from tests.e2e.provisioner import CLASS, Provisioner
from tests.e2e.site import Site
from tests.e2e.wait import until

pytestmark = pytest.mark.e2e

CLAIMS = ("data", "disk-db-0")
LOCAL_CLAIM = {
    "accessModes": ["ReadWriteOnce"],
    "resources": {"requests": {"storage": "1Gi"}},
    "storageClassName": CLASS,
}
SELECT = {
    "resources": {
        "rbac": "include",
        "clusterScoped": {"mode": "referenced", "include": ["customresourcedefinitions", "priorityclasses"]},
    }
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Everything that was seen on the way through the main job."""

    site: Site
    namespace: str
    before: Snapshot
    files: dict[str, Tree]
    first: Any
    second: Any
    restored: Any


@pytest.fixture(scope="module")
def nodes(
    primary: Cluster, standby: Cluster, primary_storage: Provisioner, standby_storage: Provisioner
) -> Iterator[None]:
    with (
        Kubelet(primary.api, log_folder=primary.root / "pods"),
        Kubelet(standby.api, log_folder=standby.root / "pods"),
    ):
        yield


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, bucket: dict[str, Any], primary: Cluster, standby: Cluster) -> Site:
    site = Site(tmp_path_factory.mktemp("site"), store=bucket["store"], env=bucket["env"])
    site.add_cluster("primary", primary)
    site.add_cluster("standby", standby)
    site.init()
    return site


@pytest.fixture(scope="module")
def job(nodes: None, desk: Site, primary: Cluster, standby: Cluster, primary_storage: Provisioner) -> Job:
    namespace = primary.create_namespace("shop", tier="gold")
    shop.install(primary.api, namespace)
    for claim in CLAIMS:
        shop.write_files(primary_storage.path_of(namespace, claim), seed=len(claim))
    desk.protect("shop", [namespace], select={"namespaces": {"names": [namespace]}, **SELECT})

    first = desk.ok("backup", "shop")
    shop.change(primary.api, namespace)
    shop.change_files(primary_storage.path_of(namespace, "data"))
    second = desk.ok("backup", "shop")
    before = snapshot(primary.api, [namespace], cluster_scoped=shop.CLUSTER_KINDS)
    files = {claim: read_tree(primary_storage.path_of(namespace, claim)) for claim in CLAIMS}
    restored = desk.ok("restore", "shop@latest", "--to", "standby")
    shop.settled(standby.api, namespace)
    return Job(
        site=desk, namespace=namespace, before=before, files=files, first=first, second=second, restored=restored
    )


def test_both_points_are_complete(job: Job) -> None:
    assert [run["result"] for run in (job.first, job.second)] == ["complete", "complete"]
    assert {row["state"] for row in job.site.points()} == {"complete"}


def test_the_second_capture_adds_only_what_changed(job: Job) -> None:
    assert job.second["addedBytes"] < job.first["addedBytes"] / 4


def test_the_standby_holds_the_same_objects(job: Job, standby: Cluster) -> None:
    after = snapshot(standby.api, [job.namespace], cluster_scoped=shop.CLUSTER_KINDS)
    scoped = {key: item for key, item in job.before.items() if key.kind not in shop.CLUSTER_KINDS or _of_shop(key.name)}
    found = {key: item for key, item in after.items() if key.kind not in shop.CLUSTER_KINDS or _of_shop(key.name)}

    assert_equal(compare(scoped, found))


@pytest.mark.parametrize("claim", CLAIMS)
def test_the_standby_holds_the_same_files(job: Job, standby_storage: Provisioner, claim: str) -> None:
    after = read_tree(standby_storage.path_of(job.namespace, claim))

    assert compare_trees(job.files[claim], after) == []


def test_workloads_run_on_the_standby(job: Job, standby: Cluster) -> None:
    pods = standby.api.get(f"/api/v1/namespaces/{job.namespace}/pods")["items"]

    assert {pod["status"]["phase"] for pod in pods} == {"Running"}
    assert len(pods) == 4


def test_a_second_restore_writes_nothing(job: Job, standby: Cluster, standby_storage: Provisioner) -> None:
    roots = [standby_storage.path_of(job.namespace, claim) for claim in CLAIMS]
    objects, files = _versions(standby, job.namespace), [_change_times(root) for root in roots]

    job.site.ok("restore", "shop@latest", "--to", "standby")

    assert _versions(standby, job.namespace) == objects
    assert [_change_times(root) for root in roots] == files


def test_status_tells_what_would_be_lost(job: Job) -> None:
    assert job.site.drsync("check", "shop").code == 0
    assert "shop" in job.site.drsync("status").out


def test_the_older_point_brings_back_the_older_state(job: Job, standby: Cluster, standby_storage: Provisioner) -> None:
    other = f"{job.namespace}-old"

    job.site.ok("restore", job.first["point"], "--to", "standby", "--map-namespace", f"{job.namespace}={other}")

    settings = standby.api.get(f"/api/v1/namespaces/{other}/configmaps/settings")
    assert settings["data"]["mode"] == "day"
    assert standby.api.find(f"/api/v1/namespaces/{other}/configmaps/obsolete")
    assert (standby_storage.path_of(other, "data") / "deep" / "small-004").exists()


def test_a_mapped_namespace_holds_the_same_objects(job: Job, standby: Cluster) -> None:
    other = f"{job.namespace}-copy"
    job.site.ok("restore", "shop@latest", "--to", "standby", "--map-namespace", f"{job.namespace}={other}")
    shop.settled(standby.api, other)

    after = snapshot(standby.api, [other])
    before = {key: item for key, item in job.before.items() if key.kind not in shop.CLUSTER_KINDS}
    differences = compare(before, after, Translation(namespaces={job.namespace: other}))

    assert_equal(differences)


def test_a_store_and_a_key_are_enough(job: Job, tmp_path: Path, standby: Cluster, bucket: dict[str, Any]) -> None:
    elsewhere = Site(tmp_path, env=bucket["env"] | {"KUBECONFIG": str(standby.kubeconfig)})
    for file in elsewhere.policies.iterdir():
        file.unlink()
    elsewhere.key_file.write_bytes(job.site.key_file.read_bytes())
    elsewhere.key_file.chmod(0o600)
    other = f"{job.namespace}-else"

    elsewhere.ok(
        "restore", "shop@latest", "--from-store", bucket["url"], "--to", "context/standby", "--volumes", "none",
        "--map-namespace", f"{job.namespace}={other}", "--kinds", "configmaps", "--config", str(elsewhere.policies),
    )  # fmt: skip

    assert standby.api.find(f"/api/v1/namespaces/{other}/configmaps/added")


def test_the_wrong_key_opens_nothing(job: Job, tmp_path: Path, bucket: dict[str, Any]) -> None:
    stranger = Site(tmp_path, env=bucket["env"])
    stranger.init()

    result = stranger.drsync("restore", "shop@latest", "--from-store", bucket["url"], "--to", "context/standby")

    assert result.code == 12, result


def _of_shop(name: str) -> bool:
    return name.endswith(shop.GROUP) or name.startswith("shop-")


def _versions(cluster: Cluster, namespace: str) -> dict[str, str]:
    found = snapshot(cluster.api, [namespace])
    return {str(key): item["metadata"]["resourceVersion"] for key, item in found.items() if key.kind[:5] != "Event"}


def _change_times(root: Path) -> dict[str, int]:
    """The one time of a file that no program can set back."""
    return {str(path): path.lstat().st_ctime_ns for path in (root, *root.rglob("*"))}


def test_a_volume_out_of_reach_makes_the_point_partial(
    nodes: None, desk: Site, primary: Cluster, namespace: str
) -> None:
    primary.api.create(_network_volume(namespace))
    primary.api.create(_claim_of(namespace), namespace=namespace)
    path = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims/far"
    until(lambda: primary.api.get(path)["status"]["phase"] == "Bound", "a bound claim")
    desk.protect("far", [namespace])

    report = desk.ok("backup", "far", codes=(3,))

    assert report["result"] == "partial"
    assert [entry["what"] for entry in report["missing"] if "far" in entry["what"]]
    assert desk.drsync("restore", "far@latest", "--to", "standby").code == 4


def test_files_that_could_raise_rights_are_told_and_left_out(
    nodes: None,
    desk: Site,
    primary: Cluster,
    primary_storage: Provisioner,
    standby_storage: Provisioner,
    namespace: str,
) -> None:
    primary.api.create(_claim_of(namespace) | {"spec": LOCAL_CLAIM}, namespace=namespace)
    path = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims/far"
    until(lambda: primary.api.get(path)["status"]["phase"] == "Bound", "a bound claim")
    root = primary_storage.path_of(namespace, "far")
    (root / "raises").touch()
    (root / "raises").chmod(0o4755)
    os.mkfifo(root / "pipe")
    desk.protect("raising", [namespace])
    desk.ok("backup", "raising")

    report = desk.ok("restore", "raising@latest", "--to", "standby")

    assert (standby_storage.path_of(namespace, "far") / "raises").stat().st_mode & 0o7777 == 0o755
    assert "left out: 2 privileges" in str(report)


def test_a_selection_of_nothing_is_an_error(desk: Site) -> None:
    desk.protect("nobody", ["no-such-namespace-*"])

    result = desk.drsync("backup", "nobody")

    assert result.code == 4, result


def test_no_command_of_an_unknown_policy_succeeds(desk: Site) -> None:
    assert desk.drsync("backup", "unheard-of").code == 4
    assert desk.drsync("restore", "unheard-of@latest", "--to", "standby").code == 4


def _network_volume(namespace: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"far-{namespace}"},
        "spec": {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteMany"],
            "storageClassName": "",
            "nfs": {"server": "nfs.invalid", "path": "/"},
            "claimRef": {"namespace": namespace, "name": "far"},
        },
    }


def _claim_of(namespace: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "far"},
        "spec": {
            "accessModes": ["ReadWriteMany"],
            "storageClassName": "",
            "volumeName": f"far-{namespace}",
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }
