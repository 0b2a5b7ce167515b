"""resources/diff.py: is it there already, what differs, and the bodies that make it so."""

import copy
from typing import Any

import msgspec
import pytest
from hypothesis import given

from drsync.resources.diff import cannot_change, changes, covered, merge, replacement, same
from drsync.resources.sanitise import sanitise
from tests.resources import corpus
from tests.resources.builders import manifest, owned_by, served
from tests.resources.generated import manifests

SECRET = "bm8tb25lLW1heS1zZWUtdGhpcw=="


def spec(kind: str, **fields: Any) -> dict[str, Any]:
    return manifest("apps/v1", kind, spec=fields)


def data(**fields: str) -> dict[str, Any]:
    return manifest("v1", "ConfigMap", data=fields)


@given(manifests())
def test_an_object_is_the_same_as_what_it_was_captured_from(body: dict[str, Any]) -> None:
    assert same(sanitise(body), body)


@given(manifests(), manifests())
def test_same_and_changes_agree(desired: dict[str, Any], live: dict[str, Any]) -> None:
    assert same(desired, live) == (not changes(desired, live))


@given(manifests(), manifests())
def test_after_a_merge_there_is_nothing_to_merge(desired: dict[str, Any], live: dict[str, Any]) -> None:
    assert covered(desired, merge(desired, live))


@given(manifests(), manifests())
def test_after_a_replacement_there_is_nothing_to_replace(desired: dict[str, Any], live: dict[str, Any]) -> None:
    wanted = sanitise(desired)

    assert same(wanted, replacement(wanted, live))


@given(manifests(), manifests())
def test_neither_side_is_ever_changed(desired: dict[str, Any], live: dict[str, Any]) -> None:
    before = copy.deepcopy((desired, live))

    same(desired, live), changes(desired, live), merge(desired, live), replacement(desired, live)

    assert (desired, live) == before


@given(manifests(), manifests())
def test_changes_can_be_written_down(desired: dict[str, Any], live: dict[str, Any]) -> None:
    msgspec.json.encode(changes(desired, live))


def test_real_applications_are_the_same_as_what_a_server_makes_of_them() -> None:
    for body in corpus.manifests():
        assert same(sanitise(served(body)), served({**body, "status": {"phase": "x"}})), body["metadata"]["name"]


@pytest.mark.parametrize(
    ("desired", "live"),
    [
        (spec("Deployment", replicas=1), spec("Deployment", replicas=1, revisionHistoryLimit=10)),
        (spec("Deployment", a=None), spec("Deployment")),
        (spec("Deployment", a=[]), spec("Deployment")),
        (spec("Deployment", a=[{"name": "x"}]), spec("Deployment", a=[{"name": "x", "protocol": "TCP"}])),
        (
            manifest("v1", "ServiceAccount", secrets=[{"name": "a"}]),
            manifest("v1", "ServiceAccount", secrets=[{"name": "b"}, {"name": "a"}]),
        ),
        (
            manifest("v1", "Secret", metadata={"finalizers": ["a"]}),
            manifest("v1", "Secret", metadata={"finalizers": ["b", "a"]}),
        ),
    ],
)
def test_what_servers_add_is_no_difference(desired: dict[str, Any], live: dict[str, Any]) -> None:
    assert same(desired, live)


@pytest.mark.parametrize(
    ("desired", "live", "path"),
    [
        (spec("Deployment", replicas=1), spec("Deployment", replicas=2), "spec.replicas"),
        (spec("Deployment", a=[1, 2]), spec("Deployment", a=[2, 1]), "spec.a[0]"),
        (spec("Deployment", a=[1]), spec("Deployment", a=[1, 2]), "spec.a"),
        (spec("Deployment", podSelector={}), spec("Deployment"), "spec.podSelector"),
        (spec("Deployment", a={"b": 1}), spec("Deployment", a="b"), "spec.a"),
        (data(**{"app.yaml": "1"}), data(**{"app.yaml": "2"}), 'data["app.yaml"]'),
        (data(a="1"), data(a="1", b="2"), "data.b"),
        (data(a="1"), data(), "data.a"),
    ],
)
def test_tells_the_field_that_differs(desired: dict[str, Any], live: dict[str, Any], path: str) -> None:
    assert path in [change.path for change in changes(desired, live)]


def test_a_merge_leaves_keys_that_only_the_cluster_has() -> None:
    desired, live = data(a="1"), served(data(a="0", b="2"))

    body = merge(desired, live)

    assert body["data"] == {"a": "1", "b": "2"}
    assert body["metadata"]["resourceVersion"] == live["metadata"]["resourceVersion"]
    assert not same(desired, body)
    assert covered(desired, body)


def test_a_replacement_removes_keys_that_only_the_cluster_has() -> None:
    live = served(data(a="0", b="2"))

    body = replacement(data(a="1"), live)

    assert body["data"] == {"a": "1"}
    assert body["metadata"]["resourceVersion"] == live["metadata"]["resourceVersion"]
    assert body["metadata"]["uid"] == live["metadata"]["uid"]
    assert "managedFields" not in body["metadata"]


def test_a_merge_does_not_mix_items_that_changed_places() -> None:
    desired = spec("Deployment", containers=[{"name": "a"}, {"name": "b", "image": "2"}])
    live = spec("Deployment", containers=[{"name": "b", "image": "1", "tty": True}, {"name": "a"}])

    assert merge(desired, live)["spec"]["containers"] == desired["spec"]["containers"]


def test_a_replaced_service_keeps_the_addresses_that_its_clients_know() -> None:
    ports = [{"port": 80, "nodePort": 31000, "protocol": "TCP"}]
    live = served(
        manifest("v1", "Service", spec={"clusterIP": "10.0.0.9", "clusterIPs": ["10.0.0.9"], "ports": ports, "x": 1})
    )

    body = replacement(manifest("v1", "Service", spec={"ports": [{"port": 80, "protocol": "TCP"}], "y": 2}), live)

    assert body["spec"] == {"clusterIP": "10.0.0.9", "clusterIPs": ["10.0.0.9"], "ports": ports, "y": 2}


def test_a_replaced_service_with_other_ports_gets_new_node_ports() -> None:
    ports = [{"port": 80, "nodePort": 31000}, {"port": 81, "nodePort": 31001}]
    live = served(manifest("v1", "Service", spec={"ports": ports}))

    body = replacement(manifest("v1", "Service", spec={"ports": [{"port": 82}]}), live)

    assert body["spec"]["ports"] == [{"port": 82}]


def test_a_replaced_claim_keeps_its_volume() -> None:
    live = served(manifest("v1", "PersistentVolumeClaim", spec={"volumeName": "pvc-9", "storageClassName": "a"}))
    desired = manifest("v1", "PersistentVolumeClaim", spec={"storageClassName": "a", "resources": {"b": 1}})

    assert replacement(desired, live)["spec"] == {
        "volumeName": "pvc-9",
        "storageClassName": "a",
        "resources": {"b": 1},
    }


def test_a_replaced_object_keeps_what_its_controllers_noted() -> None:
    live = served(
        manifest(
            "apps/v1",
            "Deployment",
            metadata={
                "finalizers": ["example.com/a", "orphan"],
                "annotations": {"deployment.kubernetes.io/revision": "4", "stale": "x"},
                "labels": {"stale": "x"},
                "ownerReferences": [owned_by("example.com/v1", "Rollout", "r", "u")],
            },
            status={"replicas": 1},
        )
    )

    body = replacement(manifest("apps/v1", "Deployment", metadata={"labels": {"a": "b"}}), live)

    assert body["metadata"]["annotations"] == {"deployment.kubernetes.io/revision": "4"}
    assert body["metadata"]["labels"] == {"a": "b"}
    assert body["metadata"]["finalizers"] == ["orphan"]
    assert body["metadata"]["ownerReferences"] == live["metadata"]["ownerReferences"]
    assert body["status"] == {"replicas": 1}


@pytest.mark.parametrize(
    "body",
    [
        manifest("v1", "Secret", data={"password": SECRET}),
        manifest("v1", "Secret", stringData={"plain": SECRET}),
        manifest("v1", "Secret", data={"new": SECRET, "x": SECRET}),
        manifest(
            "v1",
            "Secret",
            metadata={"annotations": {"kubectl.kubernetes.io/last-applied-configuration": f'{{"data":"{SECRET}"}}'}},
        ),
        manifest("v1", "ConfigMap", data={"DB_PASSWORD": SECRET}),
        spec("Deployment", containers=[{"name": "a", "env": [{"name": "API_TOKEN", "value": SECRET}]}]),
        spec("Deployment", auth={"clientSecret": SECRET}),
    ],
)
@pytest.mark.parametrize("there", ["absent", "other"])
def test_no_secret_is_shown(body: dict[str, Any], there: str) -> None:
    bare = {name: value for name, value in body.items() if name in ("apiVersion", "kind")}
    other = msgspec.json.decode(msgspec.json.encode(body).replace(SECRET.encode(), b"b3RoZXI="))
    live = {**bare, "metadata": {"name": "x", "namespace": "shop"}} if there == "absent" else other

    for shown in (changes(body, live), changes(live, body)):
        assert SECRET.encode() not in msgspec.json.encode(shown)
    assert changes(body, live)


def test_ordinary_values_are_shown() -> None:
    (change,) = changes(spec("Deployment", replicas=3), spec("Deployment", replicas=2))

    assert (change.before, change.after) == (2, 3)


def test_long_values_are_cut() -> None:
    (change,) = changes(data(a="y" * 10_000), data(a="n"))

    assert len(change.after) < 300


@pytest.mark.parametrize(
    ("desired", "live", "field"),
    [
        (
            manifest("v1", "PersistentVolumeClaim", spec={"storageClassName": "a"}),
            manifest("v1", "PersistentVolumeClaim", spec={"storageClassName": "b", "volumeName": "v"}),
            "spec.storageClassName",
        ),
        (
            manifest("batch/v1", "Job", spec={"template": {"a": 1}}),
            manifest("batch/v1", "Job", spec={"template": {"a": 2}}),
            "spec.template.a",
        ),
        (
            manifest("v1", "Service", spec={"clusterIP": "None"}),
            manifest("v1", "Service", spec={"clusterIP": "10.0.0.1"}),
            "spec.clusterIP",
        ),
        (spec("StatefulSet", serviceName="a"), spec("StatefulSet", serviceName="b"), "spec.serviceName"),
        (spec("Deployment", selector={"a": "b"}), spec("Deployment", selector={"a": "c"}), "spec.selector.a"),
        (
            manifest("rbac.authorization.k8s.io/v1", "RoleBinding", roleRef={"name": "a"}),
            manifest("rbac.authorization.k8s.io/v1", "RoleBinding", roleRef={"name": "b"}),
            "roleRef.name",
        ),
        (
            manifest("v1", "Secret", type="a"),
            manifest("v1", "Secret", type="b"),
            "type",
        ),
        (
            manifest("v1", "ConfigMap", data={"a": "1"}),
            manifest("v1", "ConfigMap", data={"a": "1", "b": "2"}, immutable=True),
            "immutable",
        ),
    ],
)
def test_tells_what_no_update_can_change(desired: dict[str, Any], live: dict[str, Any], field: str) -> None:
    reason = cannot_change(desired, live)

    assert reason is not None
    assert field in reason


@pytest.mark.parametrize(
    ("desired", "live"),
    [
        (
            manifest("v1", "PersistentVolumeClaim", spec={"resources": {"a": 1}}),
            manifest("v1", "PersistentVolumeClaim", spec={"resources": {"a": 2}}),
        ),
        (spec("StatefulSet", replicas=1, template={"a": 1}), spec("StatefulSet", replicas=2, template={"a": 2})),
        (spec("Deployment", template={"a": 1}), spec("Deployment", template={"a": 2})),
        (
            manifest("v1", "Pod", spec={"containers": [{"name": "a", "image": "1"}]}),
            manifest("v1", "Pod", spec={"containers": [{"name": "a", "image": "2"}]}),
        ),
        (manifest("v1", "ConfigMap", data={"a": "1"}), manifest("v1", "ConfigMap", data={"a": "1"}, immutable=True)),
        (manifest("v1", "Service", spec={"type": "ClusterIP"}), manifest("v1", "Service", spec={"clusterIP": "1"})),
    ],
)
def test_other_fields_may_be_updated(desired: dict[str, Any], live: dict[str, Any]) -> None:
    assert cannot_change(desired, live) is None
