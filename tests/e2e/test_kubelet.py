"""The stand-ins for nodes and for storage: pods run, claims bind, and both go when they are deleted."""

import sys
from pathlib import Path

import pytest

from tests.e2e.cluster import Cluster
from tests.e2e.kubelet import WRITER_LABEL, Kubelet
from tests.e2e.provisioner import Provisioner
from tests.e2e.wait import until

pytestmark = pytest.mark.e2e

WRITER = """
import pathlib, sys, time
while True:
    pathlib.Path(sys.argv[1], "beat").write_text("x")
    time.sleep(0.01)
"""


def _claim(name: str, mode: str = "Filesystem") -> dict:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, "volumeMode": mode}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": spec}


def _deployment(name: str, **labels: str) -> dict:
    labels = {"app": name, **labels}
    pod = {
        "containers": [{"name": "main", "image": "example.invalid/app:1"}],
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
    }
    template = {"metadata": {"labels": labels}, "spec": pod}
    spec = {"replicas": 2, "selector": {"matchLabels": {"app": name}}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


def test_a_deployment_becomes_available_once_its_claim_is_bound(
    primary: Cluster, primary_storage: Provisioner, primary_kubelet: Kubelet, namespace: str
) -> None:
    primary.api.create(_deployment("web"), namespace=namespace)
    primary.api.create(_claim("data"), namespace=namespace)
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/web"

    until(lambda: primary.api.get(path)["status"].get("availableReplicas") == 2, "two available pods")

    assert primary_storage.path_of(namespace, "data").is_dir()


def test_a_writer_runs_as_long_as_its_pod(
    primary: Cluster, primary_storage: Provisioner, namespace: str, tmp_path: Path
) -> None:
    writers = {"beat": lambda volumes: [sys.executable, "-c", WRITER, str(volumes["data"])]}
    with Kubelet(primary.api, log_folder=tmp_path, writers=writers):
        primary.api.create(_claim("data"), namespace=namespace)
        primary.api.create(_deployment("web", **{WRITER_LABEL: "beat"}), namespace=namespace)
        bound = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims/data"
        until(lambda: primary.api.get(bound)["status"]["phase"] == "Bound", "a bound claim")
        beat = primary_storage.path_of(namespace, "data") / "beat"
        until(beat.exists, "the writer's file")

        primary.api.delete(f"/apis/apps/v1/namespaces/{namespace}/deployments/web")
        until(lambda: not primary.api.get(f"/api/v1/namespaces/{namespace}/pods")["items"], "no pods")
        beat.unlink(missing_ok=True)

        assert not beat.exists()


def test_a_block_claim_gets_an_image_file(primary: Cluster, primary_storage: Provisioner, namespace: str) -> None:
    primary.api.create(_claim("disk", "Block"), namespace=namespace)
    path = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims/disk"

    until(lambda: primary.api.get(path)["status"]["phase"] == "Bound", "a bound claim")

    assert primary_storage.path_of(namespace, "disk").is_file()


def test_a_deleted_claim_takes_its_directory_along(
    primary: Cluster, primary_storage: Provisioner, namespace: str
) -> None:
    primary.api.create(_claim("data"), namespace=namespace)
    path = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims/data"
    until(lambda: primary.api.get(path)["status"]["phase"] == "Bound", "a bound claim")
    directory = primary_storage.path_of(namespace, "data")

    primary.api.delete(path)

    until(lambda: not directory.exists(), "the directory's end", within_s=60)
