"""Watches: each change once, in order, from a revision on."""

import json
import threading

from tests.sandbox.conftest import MERGE, config


def events(call, path, **headers):
    raw = call.http.request("GET", call.url + path, headers={"Authorization": f"Bearer {call.token}", **headers})
    assert raw.status == 200, raw.data
    return [json.loads(line) for line in raw.data.splitlines()]


def told(found):
    return [(event["type"], event["object"]["metadata"].get("name")) for event in found]


def test_a_watch_tells_what_happened_since_a_revision(call, configmaps) -> None:
    made = call.create(configmaps, config("one"))
    call("PATCH", f"{configmaps}/one", {"data": {"a": "2"}}, type=MERGE)
    call("DELETE", f"{configmaps}/one")

    found = events(call, f"{configmaps}?watch=1&timeoutSeconds=1&resourceVersion={made['metadata']['resourceVersion']}")

    assert told(found) == [("MODIFIED", "one"), ("DELETED", "one")]
    assert found[0]["object"]["kind"] == "ConfigMap"
    assert int(found[1]["object"]["metadata"]["resourceVersion"]) > int(
        found[0]["object"]["metadata"]["resourceVersion"]
    )


def test_a_watch_from_nothing_tells_the_present_first(call, configmaps) -> None:
    call.create(configmaps, config("one"))

    found = events(call, f"{configmaps}?watch=true&timeoutSeconds=1&fieldSelector=metadata.name%3Done")

    assert told(found) == [("ADDED", "one")]


def test_a_watch_tells_changes_as_they_come(call, configmaps) -> None:
    at = call.get(configmaps)["metadata"]["resourceVersion"]
    found: list[dict[str, object]] = []
    path = f"{configmaps}?watch=1&timeoutSeconds=2&resourceVersion={at}&labelSelector=mine"
    watching = threading.Thread(target=lambda: found.extend(events(call, path)))
    watching.start()

    call.create(configmaps, config("one", labels={"mine": "yes"}))
    call.create(configmaps, config("other"))
    watching.join(10)

    assert told(found) == [("ADDED", "one")]


def test_an_object_that_stops_matching_is_deleted_to_the_watch(call, configmaps) -> None:
    made = call.create(configmaps, config("one", labels={"mine": "yes"}))
    call("PATCH", f"{configmaps}/one", {"metadata": {"labels": None}}, type=MERGE)

    at = made["metadata"]["resourceVersion"]
    found = events(call, f"{configmaps}?watch=1&timeoutSeconds=1&resourceVersion={at}&labelSelector=mine")

    assert told(found) == [("DELETED", "one")]


def test_a_bookmark_ends_a_watch_that_asks_for_them(call, configmaps) -> None:
    at = call.create(configmaps, config("one"))["metadata"]["resourceVersion"]

    found = events(call, f"{configmaps}?watch=1&timeoutSeconds=1&resourceVersion={at}&allowWatchBookmarks=true")

    assert found[-1]["type"] == "BOOKMARK"
    assert found[-1]["object"] == {
        "kind": "ConfigMap",
        "apiVersion": "v1",
        "metadata": {"resourceVersion": found[-1]["object"]["metadata"]["resourceVersion"]},
    }


def test_a_watch_from_compacted_history_is_told_so(served, call, configmaps) -> None:
    call.create(configmaps, config("one"))
    served.compact()

    (found,) = events(call, f"{configmaps}?watch=1&timeoutSeconds=1&resourceVersion=1")

    assert (found["type"], found["object"]["code"], found["object"]["reason"]) == ("ERROR", 410, "Expired")
