"""Kinds as a server tells them, in one document or in one a group; what does not answer is told, not left out."""

import json

import pytest

from drsync.errors import ClusterUnreachable
from drsync.kube.discovery import GroupFailure, discover
from tests.kube.scripted_server import Reply, ScriptedServer


def reply(document):
    return Reply(body=json.dumps(document).encode())


def resource(name, kind, *, scope="Namespaced", verbs=("list", "create")):
    return {"resource": name, "scope": scope, "verbs": list(verbs), "responseKind": {"kind": kind}}


def serve(paths):
    return ScriptedServer(route=lambda asked: paths.get(asked.path, Reply(status=503)))


CORE = {"metadata": {"name": ""}, "versions": [{"version": "v1", "resources": [resource("pods", "Pod")]}]}


def documents(*groups):
    return {
        "/api": reply({"kind": "APIGroupDiscoveryList", "items": [CORE]}),
        "/apis": reply({"kind": "APIGroupDiscoveryList", "items": list(groups)}),
    }


def test_one_document_tells_all_and_the_preferred_version_wins(open_client):
    group = {
        "metadata": {"name": "example.com"},
        "versions": [
            {"version": "v1", "resources": [resource("widgets", "Widget")]},
            {
                "version": "v1beta1",
                "resources": [resource("widgets", "Widget"), resource("gears", "Gear", scope="Cluster")],
            },
        ],
    }
    with serve(documents(group)) as server, open_client(server.url) as client:
        found = discover(client)

    assert [(kind.group_resource, kind.version, kind.namespaced) for kind in found.kinds] == [
        ("pods", "v1", True),
        ("widgets.example.com", "v1", True),
        ("gears.example.com", "v1beta1", False),
    ]
    assert found.failures == ()
    assert len(server.asked) == 2


def test_an_aggregated_api_that_does_not_answer_is_told(open_client):
    group = {"metadata": {"name": "metrics.k8s.io"}, "versions": [{"version": "v1", "freshness": "Stale"}]}
    with serve(documents(group)) as server, open_client(server.url) as client:
        failures = discover(client).failures

    assert [failure.group_version for failure in failures] == ["metrics.k8s.io/v1"]


LEGACY = {
    "/api": reply({"kind": "APIVersions", "versions": ["v1"]}),
    "/api/v1": reply(
        {
            "resources": [
                {"name": "pods", "kind": "Pod", "namespaced": True, "verbs": ["list"]},
                {"name": "pods/log", "kind": "Pod", "namespaced": True, "verbs": ["get"]},
            ]
        }
    ),
    "/apis": reply(
        {
            "kind": "APIGroupList",
            "groups": [
                {
                    "name": "example.com",
                    "versions": [{"version": "v1beta1"}, {"version": "v1"}],
                    "preferredVersion": {"version": "v1"},
                },
                {"name": "down.example.com", "versions": [{"version": "v1"}], "preferredVersion": {"version": "v1"}},
            ],
        }
    ),
    "/apis/example.com/v1": reply({"resources": [{"name": "widgets", "kind": "Widget", "verbs": ["list"]}]}),
    "/apis/example.com/v1beta1": reply({"resources": [{"name": "widgets", "kind": "Widget", "verbs": ["list"]}]}),
}


def test_an_older_server_is_asked_group_by_group_and_others_go_on(open_client):
    with serve(LEGACY) as server, open_client(server.url) as client:
        found = discover(client)

    assert [(kind.group_resource, kind.api_version) for kind in found.kinds] == [
        ("pods", "v1"),
        ("widgets.example.com", "example.com/v1"),
    ]
    assert [failure.group_version for failure in found.failures] == ["down.example.com/v1"]
    assert isinstance(found.failures[0], GroupFailure)


def test_a_kind_is_found_by_its_name_in_policies(open_client):
    with serve(LEGACY) as server, open_client(server.url) as client:
        found = discover(client)

    assert found.find("pods") == found.kinds[0]
    assert found.find("nothing") is None


@pytest.mark.parametrize("body", [b"[]", b"{", b"<html>", b'{"kind":"APIGroupDiscoveryList","items":[{}]}'])
def test_a_document_that_is_none_is_one_clear_error(open_client, body):
    with (
        ScriptedServer(Reply(body=body)) as server,
        open_client(server.url) as client,
        pytest.raises(ClusterUnreachable, match="no discovery document"),
    ):
        discover(client)


def test_an_unreachable_server_is_no_empty_cluster(open_client):
    with (
        ScriptedServer(Reply(status=503)) as server,
        open_client(server.url) as client,
        pytest.raises(ClusterUnreachable),
    ):
        discover(client)
