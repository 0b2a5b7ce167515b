"""The oracle must see what it is there to see: every planted change, and none that is allowed."""

import copy
from typing import Any

import pytest

from tests.e2e.allowances import Path, allowed
from tests.e2e.api import Manifest
from tests.e2e.oracle import Translation, compare, key_of, leaves

UID = "00000000-0000-4000-8000-00000000000"


def _object(api_version: str, kind: str, name: str, number: int, **fields: Any) -> Manifest:
    metadata = {
        "name": name,
        "namespace": "shop",
        "uid": f"{UID}{number}",
        "resourceVersion": "812",
        "creationTimestamp": "2026-08-21T03:08:04Z",
        "labels": {"app": "web", "a.example/b": "c"},
        "annotations": {"note": "kept"},
        "finalizers": ["example.org/hold"],
        **fields.pop("metadata", {}),
    }
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields}


def _owner(kind: str, name: str, number: int) -> Manifest:
    return {"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": f"{UID}{number}", "controller": True}


CONTAINER = {
    "name": "main",
    "image": "example.invalid/web:1",
    "env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}],
    "ports": [{"containerPort": 8080, "protocol": "TCP"}],
    "securityContext": {"privileged": False, "runAsUser": 0},
    "volumeMounts": [{"name": "kube-api-access-x2x4z", "mountPath": "/var/run/secrets"}],
}
POD_SPEC = {"containers": [CONTAINER], "nodeName": "a", "volumes": [{"name": "kube-api-access-x2x4z", "emptyDir": {}}]}
TEMPLATE = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [CONTAINER]}}
OBJECTS = [
    _object("v1", "ConfigMap", "settings", 0, data={"a": "1", "empty": ""}, immutable=True),
    _object("v1", "Secret", "login", 1, type="Opaque", data={"token": "c2VjcmV0", "ca.crt": "eA=="}),
    _object("v1", "Service", "web", 2, spec={
        "clusterIP": "10.96.0.12", "clusterIPs": ["10.96.0.12"], "type": "NodePort", "selector": {"app": "web"},
        "ports": [{"port": 80, "targetPort": "http", "nodePort": 31234}], "externalTrafficPolicy": "Local",
    }),
    _object("v1", "Service", "headless", 3, spec={"clusterIP": "None", "clusterIPs": ["None"]}),
    _object("apps/v1", "Deployment", "web", 4, spec={"replicas": 2, "template": TEMPLATE}, status={"replicas": 2},
            metadata={"generation": 3, "annotations": {"deployment.kubernetes.io/revision": "7"}}),
    _object("apps/v1", "ReplicaSet", "web-5d4f", 5, spec={"replicas": 2, "template": TEMPLATE},
            metadata={"ownerReferences": [_owner("Deployment", "web", 4)]}),
    _object("v1", "Pod", "lonely", 6, spec=POD_SPEC, status={"phase": "Running"}),
    _object("v1", "PersistentVolumeClaim", "data", 7, spec={
        "accessModes": ["ReadWriteOnce"], "volumeName": "pvc-1", "storageClassName": "standard",
        "resources": {"requests": {"storage": "1Gi"}},
    }),
    _object("rbac.authorization.k8s.io/v1", "RoleBinding", "reader", 8,
            subjects=[{"kind": "ServiceAccount", "name": "web", "namespace": "shop"}], roleRef={"name": "reader"}),
    _object("example.org/v1", "Widget", "w", 9, spec={"size": 1.5, "on": True, "list": [1, 2], "null": None}),
]  # fmt: skip
SNAPSHOT = {key_of(manifest): manifest for manifest in OBJECTS}


def _at(manifest: Any, path: Path) -> Any:
    for name in path:
        manifest = manifest[int(name)] if isinstance(manifest, list) else manifest[name]
    return manifest


def _replaced(manifest: Manifest, path: Path, value: Any) -> Manifest:
    changed = copy.deepcopy(manifest)
    parent = _at(changed, path[:-1])
    parent[int(path[-1]) if isinstance(parent, list) else path[-1]] = value
    return changed


def _removed(manifest: Manifest, path: Path) -> Manifest:
    changed = copy.deepcopy(manifest)
    parent = _at(changed, path[:-1])
    del parent[int(path[-1]) if isinstance(parent, list) else path[-1]]
    return changed


def _other(value: Any) -> Any:
    """Another value of the same type, so that only a comparison of values sees it."""
    match value:
        case bool():
            return not value
        case int() | float():
            return value + 1
        case str():
            return value + "x"
        case _:
            return "something"


FREE = ("uid", "resourceVersion", "creationTimestamp", "generation")
MAY_DIFFER = {
    *(("metadata", name) for name in FREE),
    ("metadata", "annotations", "deployment.kubernetes.io/revision"),
    ("spec", "volumeName"),
    ("spec", "nodeName"),
    ("spec", "ports", "0", "nodePort"),
}
"""Listed here a second time: an allowance that slips into the list is seen."""

IDENTITY = {("apiVersion",), ("kind",), ("metadata", "name")}
"""No object is without them."""

LEAVES = [
    pytest.param(manifest, path, id=f"{manifest['kind']}-{manifest['metadata']['name']}-{'.'.join(path)}")
    for manifest in OBJECTS
    for path, _ in leaves(manifest)
    if path not in MAY_DIFFER and path[0] != "status"
]


def _with(manifest: Manifest, changed: Manifest) -> dict:
    rest = {key: item for key, item in SNAPSHOT.items() if item is not manifest}
    return rest | {key_of(changed): changed}


def test_equal_clusters_have_no_differences() -> None:
    assert compare(SNAPSHOT, copy.deepcopy(SNAPSHOT)) == []


@pytest.mark.parametrize(("manifest", "path"), LEAVES)
def test_a_changed_leaf_is_seen(manifest: Manifest, path: Path) -> None:
    changed = _replaced(manifest, path, _other(_at(manifest, path)))

    assert compare(SNAPSHOT, _with(manifest, changed))


@pytest.mark.parametrize(("manifest", "path"), [leaf for leaf in LEAVES if leaf.values[1] not in IDENTITY])
def test_a_lost_leaf_is_seen(manifest: Manifest, path: Path) -> None:
    assert compare(SNAPSHOT, _with(manifest, _removed(manifest, path)))


@pytest.mark.parametrize("manifest", OBJECTS, ids=lambda manifest: manifest["metadata"]["name"])
def test_an_added_label_and_an_added_field_are_seen(manifest: Manifest) -> None:
    labelled = _replaced(manifest, ("metadata", "labels", "new"), "x")
    widened = _replaced(manifest, ("extra",), "x")

    assert compare(SNAPSHOT, _with(manifest, labelled))
    assert compare(SNAPSHOT, _with(manifest, widened))


@pytest.mark.parametrize("manifest", OBJECTS, ids=lambda manifest: manifest["metadata"]["name"])
def test_a_lost_object_is_seen(manifest: Manifest) -> None:
    rest = {key: item for key, item in SNAPSHOT.items() if item is not manifest}

    assert compare(SNAPSHOT, rest)


def test_an_object_that_was_not_there_is_seen() -> None:
    extra = _object("v1", "ConfigMap", "extra", 0)

    assert compare(SNAPSHOT, SNAPSHOT | {key_of(extra): extra})


def test_fields_of_each_cluster_may_differ() -> None:
    restored = copy.deepcopy(SNAPSHOT)
    for manifest in restored.values():
        metadata = manifest["metadata"]
        metadata |= {
            "uid": "1" + metadata["uid"][1:],
            "resourceVersion": "9",
            "creationTimestamp": "2026-09-01T00:00:00Z",
        }
        for owner in metadata.get("ownerReferences", []):
            owner["uid"] = "1" + owner["uid"][1:]
    service = next(item for key, item in restored.items() if key.kind == "Service" and key.name == "web")
    service["spec"] |= {"clusterIP": "10.96.9.9", "clusterIPs": ["10.96.9.9"]}
    service["spec"]["ports"][0]["nodePort"] = 30001

    assert compare(SNAPSHOT, restored) == []


def test_an_owner_reference_to_the_old_owner_is_seen() -> None:
    restored = copy.deepcopy(SNAPSHOT)
    for manifest in restored.values():
        manifest["metadata"]["uid"] = "1" + manifest["metadata"]["uid"][1:]

    assert [str(difference.key) for difference in compare(SNAPSHOT, restored)] == ["ReplicaSet.apps shop/web-5d4f"]


def test_a_token_may_differ_in_a_token_secret_alone() -> None:
    path = ("data", "token")

    assert not allowed("Secret", {"type": "Opaque"}, path, "a", "b")
    assert allowed("Secret", {"type": "kubernetes.io/service-account-token"}, path, "a", "b")


def test_a_mapped_namespace_is_expected_everywhere() -> None:
    restored = copy.deepcopy(SNAPSHOT)
    for manifest in restored.values():
        manifest["metadata"]["namespace"] = "shop-2"
    moved = {key_of(manifest): manifest for manifest in restored.values()}
    differences = compare(SNAPSHOT, moved, Translation(namespaces={"shop": "shop-2"}))

    assert [difference.path for difference in differences] == ["subjects/0/namespace"]
