"""The harness itself: what a control plane of the tests must be able to do."""

import os
from pathlib import Path

import pytest

from tests.e2e.cluster import Cluster
from tests.e2e.wait import until

pytestmark = pytest.mark.e2e


def test_clusters_answer_side_by_side(primary: Cluster, standby: Cluster) -> None:
    versions = {cluster.api.get("/version")["gitVersion"] for cluster in (primary, standby)}

    assert versions == {"v1.37.2"}
    assert primary.server != standby.server


def test_the_controller_manager_works(primary: Cluster, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/default"

    until(lambda: primary.api.find(path), "a default service account in a new namespace")


def test_kubeconfig_is_for_the_owner_alone(primary: Cluster) -> None:
    assert primary.kubeconfig.stat().st_mode & 0o777 == 0o600


def test_an_api_server_comes_back_with_its_state_on_its_port(tmp_path: Path) -> None:
    with Cluster("restarted", root=tmp_path, controller_manager=False) as cluster:
        name = cluster.create_namespace()
        server = cluster.server

        cluster.restart_api_server()

        assert cluster.server == server
        assert cluster.api.find(f"/api/v1/namespaces/{name}")


def test_a_second_etcd_holds_the_kinds_it_was_given(tmp_path: Path) -> None:
    with Cluster("split", root=tmp_path, controller_manager=False, etcd_overrides=["/configmaps"]) as cluster:
        name = cluster.create_namespace()
        before = cluster.api.revision()

        made = cluster.api.create(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": name}}
        )

        # The second etcd counts for itself and has seen little; the server itself goes on writing to the main one.
        assert int(made["metadata"]["resourceVersion"]) < int(before) // 2


def test_processes_end_with_their_cluster(tmp_path: Path) -> None:
    with Cluster("short", root=tmp_path, controller_manager=False) as cluster:
        pids = [process.pid for process in cluster._processes.values()]

    assert not [pid for pid in pids if os.path.exists(f"/proc/{pid}")]
