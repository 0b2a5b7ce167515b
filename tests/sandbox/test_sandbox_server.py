"""The HTTP server: who may ask, hostile requests, many at once."""

import json
import socket
import threading
import time
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drsync.sandbox.serving import serve_in_thread
from tests.sandbox.conftest import APPLY, JSON_PATCH, MERGE, Caller, config

EVERY_PATH = ("/", "/api", "/apis", "/version", "/readyz", "/api/v1", "/api/v1/namespaces", "/apis/apps/v1")


@pytest.mark.parametrize("path", EVERY_PATH)
@pytest.mark.parametrize("token", ["", "Bearer", "Bearer nope", "Basic YTpi", "Bearer \xe9"])
def test_nothing_is_told_without_the_token(call, path, token) -> None:
    answer = call("GET", path, headers={"Authorization": token})

    assert (answer.status, answer.body["reason"]) == (401, "Unauthorized")


def test_the_server_listens_on_loopback_alone(served) -> None:
    assert urlsplit(served.url).hostname == "127.0.0.1"


def test_discovery_names_every_kind_once(call) -> None:
    found = [("", "v1")] + [
        (group["name"], group["preferredVersion"]["version"]) for group in call.get("/apis")["groups"]
    ]

    kinds: list[tuple[str, str]] = []
    for group, version in found:
        base = f"/apis/{group}/{version}" if group else f"/api/{version}"
        listed = call.get(base)
        assert listed["groupVersion"] == (f"{group}/{version}" if group else version)
        kinds += [(group, one["name"]) for one in listed["resources"]]

    assert len(kinds) == len(set(kinds))
    assert {("", "configmaps"), ("apps", "deployments"), ("apiextensions.k8s.io", "customresourcedefinitions")} <= set(
        kinds
    )


def test_every_discovered_kind_can_be_listed(call) -> None:
    groups = [f"/apis/{g['preferredVersion']['groupVersion']}" for g in call.get("/apis")["groups"]]

    for base in ("/api/v1", *groups):
        for one in call.get(base)["resources"]:
            if "list" in one["verbs"]:
                assert call.get(f"{base}/{one['name']}")["kind"] == f"{one['kind']}List"


def test_a_body_larger_than_the_real_servers_limit_is_refused(call, configmaps) -> None:
    answer = call("POST", configmaps, config("big", {"a": "x" * (3 * 1024 * 1024)}))

    assert (answer.status, answer.body["reason"]) == (413, "RequestEntityTooLarge")


malformed = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *("metadata", "name", "labels", "annotations", "ownerReferences", "finalizers", "spec", "template"),
                    *("containers", "selector", "matchLabels", "ports", "data", "replicas", "kind", "apiVersion"),
                    *("volumes", "managedFields", "status", "versions", "names", "claimRef", "resources", "clusterIP"),
                ]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=25,
)
TARGETS = (
    "/api/v1/namespaces/app/configmaps",
    "/api/v1/namespaces/app/services",
    "/api/v1/namespaces/app/pods",
    "/api/v1/namespaces/app/persistentvolumeclaims",
    "/api/v1/persistentvolumes",
    "/api/v1/namespaces",
    "/apis/apps/v1/namespaces/app/deployments",
    "/apis/apps/v1/namespaces/app/statefulsets",
    "/apis/batch/v1/namespaces/app/jobs",
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
)


@pytest.mark.slow
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=malformed, target=st.sampled_from(TARGETS), named=st.booleans())
def test_a_hostile_body_gets_a_status_and_the_server_lives_on(call, body, target, named) -> None:
    call("POST", "/api/v1/namespaces", {"metadata": {"name": "app"}})
    if named and isinstance(body, dict):
        body = {**body, "metadata": {"name": "hostile"}}

    answers = [
        call("POST", target, body),
        call("PUT", f"{target}/hostile", body),
        call("PATCH", f"{target}/hostile", body, type=MERGE),
        call("PATCH", f"{target}/hostile", body, type=JSON_PATCH),
        call("PATCH", f"{target}/hostile?fieldManager=x", body, type=APPLY),
        call("DELETE", f"{target}/hostile", body),
    ]

    assert {answer.status for answer in answers} <= {200, 201, 400, 403, 404, 409, 415, 422, 500}
    assert all(isinstance(answer.body, dict) for answer in answers), answers
    assert call("GET", "/readyz").body == "ok"


HOSTILE = (
    ("configmaps", {"metadata": {"ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "x", "uid": 5}]}}),
    ("configmaps", {"metadata": {"ownerReferences": "x"}}),
    ("configmaps", {"metadata": {"labels": {"a": 1}}}),
    ("configmaps", {"metadata": {"finalizers": [{}]}}),
    ("configmaps", {"metadata": {"managedFields": [1]}}),
    ("configmaps", {"metadata": {"name": ["x"]}}),
    ("configmaps", {"metadata": {"resourceVersion": 5}}),
    ("services", {"spec": {"ports": [{"port": {}}]}}),
    ("services", {"spec": {"ports": [{"port": 1, "nodePort": [1]}], "type": "NodePort"}}),
    ("services", {"spec": {"ports": [{"port": 1}], "clusterIPs": [{}, 5]}}),
    ("services", {"spec": {"type": "ExternalName", "clusterIPs": [{}]}}),
    ("services", {"spec": {"ports": [{"port": 1}], "selector": {"a": {}}}}),
    ("persistentvolumeclaims", {"spec": {"accessModes": ["x"], "resources": {"requests": {"storage": "much"}}}}),
    ("persistentvolumeclaims", {"spec": {"accessModes": [{}], "resources": {"requests": {"storage": {"a": 1}}}}}),
    ("pods", {"spec": {"containers": [{}], "volumes": [{"persistentVolumeClaim": {"claimName": {}}}]}}),
)
"""Bodies that are wrong in a type, where a careless server would store them and choke on them for ever."""


@pytest.mark.parametrize(("plural", "body"), HOSTILE)
def test_a_stored_oddity_stops_neither_the_controllers_nor_the_next_start(tmp_path, plural, body) -> None:
    home = tmp_path / "odd"
    path = "/api/v1/namespaces/default"
    with serve_in_thread(home) as served:
        call = Caller(served.url, served.token)
        answer = call("POST", f"{path}/{plural}", {**body, "metadata": {"name": "odd", **body.get("metadata", {})}})
        assert answer.status in (201, 400, 403, 422)
        call.create("/api/v1/namespaces", {"metadata": {"name": "after"}})
        call.until("/api/v1/namespaces/after/serviceaccounts/default", lambda answer: answer.status == 200)
        call.close()
    with serve_in_thread(home) as served:
        call = Caller(served.url, served.token)
        assert call("GET", f"{path}/{plural}").status == 200
        call.create("/api/v1/namespaces", {"metadata": {"name": "later"}})
        call.until("/api/v1/namespaces/later/serviceaccounts/default", lambda answer: answer.status == 200)
        call.close()


@pytest.mark.parametrize("deep", ["[" * 100_000, '{"a":' * 100_000, "{'a': !!python/object/apply:os.system ['true']}"])
def test_a_body_too_deep_or_too_clever_is_refused(call, configmaps, deep) -> None:
    for media_type in ("application/json", "application/yaml"):
        assert call("POST", configmaps, deep, type=media_type).status == 400


@pytest.mark.parametrize(
    "raw",
    [
        b"GET\r\n\r\n",
        b"\x00\xff\x16\x03\x01\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: nine\r\n\r\n",
        b"POST /api/v1/namespaces HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nshort",
    ],
)
def test_bytes_that_are_no_request_do_no_harm(served, call, raw) -> None:
    at = urlsplit(served.url)
    with socket.create_connection((at.hostname, at.port), timeout=5) as connection:
        connection.sendall(raw)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass

    assert call("GET", "/readyz").body == "ok"


@pytest.mark.parametrize(
    "query", ["limit=-1", "limit=99999999999999999999", "continue=%00", "fieldSelector=%3D", "labelSelector=%2C%2C"]
)
def test_odd_queries_get_an_answer(call, configmaps, query) -> None:
    assert call("GET", f"{configmaps}?{query}").status in (200, 400)


def test_of_many_writers_to_one_version_one_wins(served, configmaps) -> None:
    made = Caller(served.url, served.token).create(configmaps, config("one"))
    statuses: list[int] = []

    def write(number: int) -> None:
        call = Caller(served.url, served.token)
        statuses.append(call("PUT", f"{configmaps}/one", {**made, "data": {"writer": str(number)}}).status)
        call.close()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(statuses) == [200] + [409] * 7


def test_of_many_creators_of_one_name_one_wins(served, configmaps) -> None:
    statuses: list[int] = []

    def create() -> None:
        call = Caller(served.url, served.token)
        statuses.append(call("POST", configmaps, config("one")).status)
        call.close()

    threads = [threading.Thread(target=create) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(statuses) == [201] + [409] * 7


def test_every_change_has_a_revision_of_its_own(call, configmaps) -> None:
    revisions = [int(call.create(configmaps, config(f"c{n}"))["metadata"]["resourceVersion"]) for n in range(50)]

    assert revisions == sorted(set(revisions))


@pytest.mark.slow
def test_it_is_fast_enough_to_stand_in_for_a_real_cluster(served, configmaps) -> None:
    """Loose floors, as client and server share an interpreter here; of their own they do four times as much."""
    body = json.dumps(config("x", {f"k{n}": "v" * 100 for n in range(11)}))

    def write(part: int) -> None:
        call = Caller(served.url, served.token)
        for number in range(part, 4_000, 4):
            assert call("POST", configmaps, body.replace('"x"', f'"c{number}"', 1)).status == 201
        call.close()

    began = time.monotonic()
    threads = [threading.Thread(target=write, args=(part,)) for part in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rate = 4_000 / (time.monotonic() - began)
    http = Caller(served.url, served.token).http
    began = time.monotonic()
    raw = http.request("GET", served.url + configmaps, headers={"Authorization": f"Bearer {served.token}"})
    took = time.monotonic() - began
    http.clear()

    assert len(raw.data) > 5_000_000
    assert rate > 200
    assert took < 0.8
