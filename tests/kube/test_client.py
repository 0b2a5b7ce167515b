"""Calls as the API server expects them, and objects as it gave them."""

import json
from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsync.errors import RequestRejected, VersionChanged
from drsync.kube.listing import parse_object
from tests.kube.conftest import CONFIG_MAPS, SECRETS, WIDGETS
from tests.kube.scripted_server import Reply, ScriptedServer

OBJECT = b'{"metadata":{"name":"settings","namespace":"shop","uid":"u","resourceVersion":"7"}}'
NOT_FOUND = Reply(status=404, body=b'{"kind":"Status","reason":"NotFound"}')


def page(names, token="", revision="7"):
    items = [{"metadata": {"name": name}} for name in names]
    return Reply(
        body=json.dumps({"metadata": {"resourceVersion": revision, "continue": token}, "items": items}).encode()
    )


def test_an_object_keeps_its_bytes_and_shows_its_facts():
    raw = json.dumps(
        {
            "metadata": {
                "name": "web",
                "namespace": "shop",
                "uid": "u",
                "resourceVersion": "9",
                "labels": {"app": "web"},
                "deletionTimestamp": "2026-08-21T00:00:00Z",
                "ownerReferences": [
                    {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d", "uid": "o", "controller": True}
                ],
            },
            "spec": {"unknown": [1, 2.50, None, "ü"]},
        },
        indent=3,
    ).encode()

    found = parse_object(WIDGETS, raw)

    assert found.raw == raw
    assert (found.namespace, found.name, found.uid, found.resource_version) == ("shop", "web", "u", "9")
    assert found.labels == {"app": "web"}
    assert found.terminating
    assert [(owner.kind, owner.uid, owner.controller) for owner in found.owners] == [("Deployment", "o", True)]


def test_null_labels_and_owners_are_none():
    found = parse_object(WIDGETS, b'{"metadata":{"name":"w","labels":null,"ownerReferences":null}}')

    assert (found.labels, found.owners, found.terminating) == ({}, (), False)


@given(st.binary())
def test_no_bytes_break_the_parser_in_another_way(raw):
    with suppress(msgspec.DecodeError, UnicodeDecodeError):
        parse_object(WIDGETS, raw)


def test_a_list_reads_all_pages_with_the_token_alone(open_client):
    with ScriptedServer(page(["a"], "t1"), page(["b"], "t2", "9"), page(["c"])) as server:
        client = open_client(server.url)
        found = client.list(CONFIG_MAPS, namespace="shop", selector="a=b", revision="7")
        client.close()

    assert [each.name for each in found.objects] == ["a", "b", "c"]
    assert found.revision == "7"
    assert "resourceVersion=7&resourceVersionMatch=Exact" in server.asked[0].path
    assert all("labelSelector=a%3Db" in asked.path for asked in server.asked)
    assert [("continue=" in asked.path, "resourceVersion" in asked.path) for asked in server.asked[1:]] == [
        (True, False)
    ] * 2


def test_pages_grow_to_a_few_mib_and_shrink_for_large_objects(open_client):
    small = page([f"n{i}" for i in range(250)], "t1")
    large = Reply(body=page(["a"], "t2").body[:-1] + b',"x":"' + b"x" * (1 << 20) + b'"}')
    with ScriptedServer(small, large, page([])) as server, open_client(server.url) as client:
        client.list(CONFIG_MAPS)

    assert [asked.path.split("limit=")[1].split("&")[0] for asked in server.asked] == ["250", "10000", "50"]


def test_what_is_absent_is_none(open_client):
    with ScriptedServer(NOT_FOUND) as server, open_client(server.url) as client:
        assert client.get(CONFIG_MAPS, "shop", "settings") is None
        assert not client.delete(CONFIG_MAPS, "shop", "settings")


def test_a_404_of_something_else_does_not_pass_for_absence(open_client):
    with ScriptedServer(Reply(status=404, body=b"404 page not found\n", content_type="text/plain")) as server:
        client = open_client(server.url)
        with pytest.raises(RequestRejected):
            client.get(CONFIG_MAPS, "shop", "settings")
        with pytest.raises(RequestRejected):
            client.delete(CONFIG_MAPS, "shop", "settings")
        client.close()


def test_writes_ask_as_the_api_server_expects(open_client):
    with ScriptedServer(Reply(body=OBJECT)) as server, open_client(server.url) as client:
        client.create(CONFIG_MAPS, "shop", OBJECT, dry_run=True)
        client.replace(CONFIG_MAPS, "shop", "settings", OBJECT, subresource="status")
        client.apply(CONFIG_MAPS, "shop", "settings", OBJECT, manager="argocd", force=True)
        client.merge_patch(CONFIG_MAPS, "shop", "settings", b"{}")
        client.delete(CONFIG_MAPS, "shop", "settings", uid="u", dry_run=True)

    base = "/api/v1/namespaces/shop/configmaps"
    assert [(asked.method, asked.path, asked.headers["Content-Type"]) for asked in server.asked] == [
        ("POST", f"{base}?fieldManager=drsync&dryRun=All", "application/json"),
        ("PUT", f"{base}/settings/status?fieldManager=drsync", "application/json"),
        ("PATCH", f"{base}/settings?fieldManager=argocd&force=true", "application/apply-patch+yaml"),
        ("PATCH", f"{base}/settings?fieldManager=drsync", "application/merge-patch+json"),
        ("DELETE", f"{base}/settings", "application/json"),
    ]
    options = json.loads(server.asked[-1].body)
    assert (options["preconditions"], options["dryRun"]) == ({"uid": "u"}, ["All"])


def test_a_stale_replace_is_told(open_client):
    stale = Reply(status=409, body=b'{"kind":"Status","reason":"Conflict","message":"modified"}')
    with ScriptedServer(stale) as server, open_client(server.url) as client, pytest.raises(VersionChanged):
        client.replace(CONFIG_MAPS, "shop", "settings", OBJECT)


def test_a_rejected_secret_shows_nothing_of_itself(open_client):
    body = b'{"metadata":{"name":"db"},"data":{"password":"aHVudGVyMg=="}}'
    said = {"kind": "Status", "reason": "Invalid", "message": f"rejected: {body.decode()}"}
    reply = Reply(status=422, body=json.dumps(said).encode())
    with ScriptedServer(reply) as server, open_client(server.url) as client, pytest.raises(RequestRejected) as caught:
        client.create(SECRETS, "shop", body)

    assert "secrets shop/db" in caught.value.problem
    assert "aHVudGVyMg" not in str(caught.value)


def test_any_request_gives_the_answer_whatever_its_status(open_client):
    with ScriptedServer(Reply(status=418, body=b"tea")) as server, open_client(server.url) as client:
        answer = client.request("GET", "/version", query=[("a", "b")])

    assert (answer.status, answer.body) == (418, b"tea")
    assert server.asked[0].path == "/version?a=b"
