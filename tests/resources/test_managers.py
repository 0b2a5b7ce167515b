"""resources/managers.py: ownership of fields, handed back."""

from typing import Any

import pytest

from drsync.resources.managers import appliers, ownership
from tests.resources.builders import manifest

DEPLOYMENT = manifest(
    "apps/v1",
    "Deployment",
    metadata={"labels": {"app": "web", "other": "x"}, "finalizers": ["a", "b"]},
    spec={
        "replicas": 3,
        "template": {
            "spec": {
                "containers": [
                    {
                        "name": "web",
                        "image": "web:2",
                        "tty": False,
                        "ports": [{"containerPort": 80, "protocol": "TCP", "name": "http"}],
                    },
                    {"name": "sidecar", "image": "mesh:1"},
                ],
                "args": ["a", "b"],
            }
        },
    },
)


def entry(fields: dict[str, Any], **other: Any) -> dict[str, Any]:
    return {"manager": "argocd", "operation": "Apply", "apiVersion": "apps/v1", "fieldsV1": fields, **other}


def captured(*entries: dict[str, Any]) -> dict[str, Any]:
    return {**DEPLOYMENT, "metadata": {**DEPLOYMENT["metadata"], "managedFields": list(entries)}}


def body_of(fields: dict[str, Any]) -> dict[str, Any]:
    (applied,) = appliers(captured(entry(fields)), DEPLOYMENT)
    return applied.body


def test_an_applier_gets_its_fields_and_no_other() -> None:
    body = body_of({"f:spec": {"f:replicas": {}}, "f:metadata": {"f:labels": {"f:app": {}}}})

    assert body == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "x", "namespace": "shop", "labels": {"app": "web"}},
        "spec": {"replicas": 3},
    }


def test_items_of_lists_are_found_by_their_keys() -> None:
    port = {'k:{"containerPort":80,"protocol":"TCP"}': {".": {}, "f:containerPort": {}}}
    container = {'k:{"name":"web"}': {".": {}, "f:name": {}, "f:image": {}, "f:ports": {".": {}, **port}}}

    body = body_of({"f:spec": {"f:template": {"f:spec": {"f:containers": container}}}})

    assert body["spec"]["template"]["spec"]["containers"] == [
        {"name": "web", "image": "web:2", "ports": [{"containerPort": 80, "protocol": "TCP"}]}
    ]


def test_items_of_sets_are_found_by_their_values() -> None:
    assert body_of({"f:metadata": {"f:finalizers": {'v:"b"': {}}}})["metadata"]["finalizers"] == ["b"]


def test_a_leaf_takes_all_of_its_value() -> None:
    body = body_of({"f:spec": {"f:template": {"f:spec": {"f:args": {}}}}})

    assert body["spec"]["template"]["spec"]["args"] == ["a", "b"]


def test_values_are_those_of_the_restore_and_not_of_the_capture() -> None:
    desired = {**DEPLOYMENT, "spec": {"replicas": 0}}

    (applied,) = appliers(captured(entry({"f:spec": {"f:replicas": {}}})), desired)

    assert applied.body["spec"] == {"replicas": 0}


@pytest.mark.parametrize(
    "fields",
    [
        {"f:spec": {"f:nodePort": {}}},
        {"f:spec": {"k:{": {}}},
        {"f:spec": {"f:template": {"f:spec": {"f:containers": {'k:{"name":"gone"}': {"f:image": {}}}}}}},
        {"f:status": {"f:replicas": {}}},
    ],
)
def test_fields_that_are_not_restored_are_left_out(fields: dict[str, Any]) -> None:
    body = body_of(fields)

    assert "gone" not in str(body)
    assert "nodePort" not in str(body)


def test_updaters_and_subresources_do_not_apply() -> None:
    entries = (entry({}, operation="Update"), entry({}, subresource="status"))

    assert appliers(captured(*entries), DEPLOYMENT) == ()
    assert ownership(captured(*entries)) == []


def test_ownership_comes_back_whole_where_someone_had_applied() -> None:
    entries = [entry({"f:spec": {}}), entry({"f:metadata": {}}, manager="kubectl-edit", operation="Update")]

    assert ownership(captured(*entries, entry({}, subresource="status"))) == entries


@pytest.mark.parametrize("fields", [None, [], "x", [7], [{"operation": "Apply"}]])
def test_nonsense_has_no_managers(fields: object) -> None:
    body = {**DEPLOYMENT, "metadata": {"name": "x", "managedFields": fields}}

    assert appliers(body, DEPLOYMENT) == ()
    assert ownership(body) == []
