"""resources/skip.py: what is not written back, and that everything else is."""

from typing import Any

import pytest

from drsync.resources.skip import index_point, skip_reason
from tests.resources.builders import manifest, observed, owned_by

TOKEN = "kubernetes.io/service-account-token"
POINT = [
    manifest("apps/v1", "Deployment", metadata={"name": "web", "uid": "u-deploy"}),
    manifest("apps/v1", "ReplicaSet", metadata={"name": "web-1", "uid": "u-rs"}),
    manifest("apps/v1", "StatefulSet", metadata={"name": "db", "uid": "u-sts"}),
    manifest("apps/v1", "DaemonSet", metadata={"name": "agent", "uid": "u-ds"}),
    manifest("batch/v1", "CronJob", metadata={"name": "nightly", "uid": "u-cron"}),
    manifest("batch/v1", "Job", metadata={"name": "once", "uid": "u-job"}),
    manifest("example.com/v1", "Rollout", metadata={"name": "canary", "uid": "u-cr"}),
    manifest("v1", "Pod", metadata={"name": "web-1-a", "uid": "u-pod"}),
    manifest("v1", "Service", metadata={"name": "web", "uid": "u-svc"}, spec={"selector": {"a": "b"}}),
    manifest("v1", "Service", metadata={"name": "outside", "uid": "u-out"}, spec={}),
    manifest("v1", "PersistentVolumeClaim", metadata={"name": "data", "uid": "u-pvc"}),
]
INDEX = index_point([observed(body) for body in POINT])


def reason(body: dict[str, Any]) -> str | None:
    return skip_reason(observed(body), body, INDEX)


def owned(api_version: str, kind: str, *owner: str) -> dict[str, Any]:
    return manifest(api_version, kind, metadata={"ownerReferences": [owned_by(*owner)]})


SKIPPED = [
    (owned("apps/v1", "ReplicaSet", "apps/v1", "Deployment", "web", "u-deploy"), "Deployment web makes it anew."),
    (owned("v1", "Pod", "apps/v1", "ReplicaSet", "web-1", "u-rs"), "ReplicaSet web-1 makes it anew."),
    (owned("v1", "Pod", "apps/v1", "StatefulSet", "db", "u-sts"), "StatefulSet db makes it anew."),
    (owned("v1", "Pod", "apps/v1", "DaemonSet", "agent", "u-ds"), "DaemonSet agent makes it anew."),
    (owned("v1", "Pod", "batch/v1", "Job", "once", "u-job"), "Job once makes it anew."),
    (owned("batch/v1", "Job", "batch/v1", "CronJob", "nightly", "u-cron"), "CronJob nightly makes it anew."),
    (owned("apps/v1", "ControllerRevision", "apps/v1", "StatefulSet", "db", "u-sts"), "StatefulSet db makes it anew."),
    (owned("v1", "PersistentVolumeClaim", "v1", "Pod", "web-1-a", "u-pod"), "Pod web-1-a makes it anew."),
    (owned("discovery.k8s.io/v1", "EndpointSlice", "v1", "Service", "web", "u-svc"), "Service web makes it anew."),
    (manifest("v1", "Endpoints", metadata={"name": "web"}), "Service web makes it anew."),
    (
        manifest(
            "discovery.k8s.io/v1",
            "EndpointSlice",
            metadata={"labels": {"endpointslice.kubernetes.io/managed-by": "endpointslicemirroring-controller.k8s.io"}},
        ),
        "made anew from the Endpoints",
    ),
    (manifest("v1", "Pod", metadata={"annotations": {"kubernetes.io/config.mirror": "h"}}), "kubelet"),
    (manifest("v1", "Pod", status={"phase": "Succeeded"}), "It has ended (Succeeded)."),
    (manifest("v1", "Pod", status={"phase": "Failed"}), "It has ended (Failed)."),
    (manifest("batch/v1", "Job", status={"completionTime": "2026-08-21T03:08:04Z"}), "would run again"),
    (manifest("batch/v1", "Job", status={"conditions": [{"type": "Failed", "status": "True"}]}), "would run again"),
    (manifest("v1", "ConfigMap", metadata={"name": "kube-root-ca.crt"}), "certificate authority"),
    (
        manifest(
            "v1",
            "Secret",
            type=TOKEN,
            metadata={"name": "bot-token-x9z2k", "annotations": {"kubernetes.io/service-account.name": "bot"}},
        ),
        "for its own use",
    ),
    (
        manifest("v1", "PersistentVolume", spec={"claimRef": {"namespace": "shop", "name": "data"}, "nfs": {}}),
        "The claim shop/data gets a new volume",
    ),
    (manifest("v1", "PersistentVolume", spec={"csi": {"volumeHandle": "vol-1"}}), "storage of the source"),
    (
        manifest(
            "apiregistration.k8s.io/v1",
            "APIService",
            metadata={"labels": {"kube-aggregator.kubernetes.io/automanaged": "true"}},
        ),
        "registers it by itself",
    ),
    (
        manifest(
            "rbac.authorization.k8s.io/v1",
            "ClusterRole",
            metadata={"labels": {"kubernetes.io/bootstrapping": "rbac-defaults"}},
        ),
        "has its own",
    ),
    (manifest("scheduling.k8s.io/v1", "PriorityClass", metadata={"name": "system-node-critical"}), "has its own"),
    (manifest("v1", "Service", metadata={"name": "kubernetes", "namespace": "default"}), "own API server"),
    (manifest("v1", "Event"), "not restored"),
    (manifest("v1", "Node"), "not restored"),
    (manifest("v1", "Secret", metadata={"deletionTimestamp": "2026-08-21T03:08:04Z"}), "being deleted"),
]

WRITTEN = [
    owned("v1", "Pod", "apps/v1", "ReplicaSet", "gone", "u-not-there"),
    owned("v1", "Secret", "example.com/v1", "Rollout", "canary", "u-cr"),
    owned("apps/v1", "ReplicaSet", "example.com/v1", "Rollout", "canary", "u-cr"),
    owned("v1", "Pod", "example.com/v1", "StatefulSet", "look-alike", "u-sts"),
    owned("discovery.k8s.io/v1", "EndpointSlice", "v1", "Service", "outside", "u-out"),
    manifest("v1", "Endpoints", metadata={"name": "outside"}),
    manifest("v1", "Pod", status={"phase": "Running"}),
    manifest("batch/v1", "Job", status={"active": 1, "conditions": [{"type": "Suspended", "status": "True"}]}),
    manifest("v1", "ServiceAccount", metadata={"name": "default"}),
    manifest("v1", "ConfigMap", metadata={"name": "app"}),
    manifest("v1", "Secret", type="Opaque", metadata={"name": "bot-token-x9z2k"}),
    manifest(
        "v1",
        "Secret",
        type=TOKEN,
        metadata={"name": "for-ci", "annotations": {"kubernetes.io/service-account.name": "bot"}},
    ),
    manifest("v1", "PersistentVolume", spec={"nfs": {"server": "nas", "path": "/"}}),
    manifest("v1", "PersistentVolumeClaim", metadata={"deletionTimestamp": "2026-08-21T03:08:04Z"}),
    manifest("apiregistration.k8s.io/v1", "APIService", spec={"service": {"name": "metrics"}}),
    manifest("v1", "Service", metadata={"name": "kubernetes"}),
    manifest("example.com/v1", "Widget"),
]


@pytest.mark.parametrize(("body", "why"), SKIPPED)
def test_skips_with_a_sentence(body: dict[str, Any], why: str) -> None:
    found = reason(body)

    assert found is not None
    assert why in found
    assert found.endswith(".")


@pytest.mark.parametrize("body", WRITTEN)
def test_writes_everything_else(body: dict[str, Any]) -> None:
    assert reason(body) is None


def test_a_pod_chosen_without_its_owner_is_written() -> None:
    pod = owned("v1", "Pod", "apps/v1", "ReplicaSet", "web-1", "u-rs")

    assert skip_reason(observed(pod), pod, index_point([observed(pod)])) is None
