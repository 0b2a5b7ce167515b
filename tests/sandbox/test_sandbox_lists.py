"""Lists: the present, an exact past, pages of it, and selectors."""

import gzip
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drsync.sandbox.serving import serve_in_thread
from tests.sandbox.conftest import MERGE, Caller, config


def revision(call: Caller, path: str) -> str:
    return call.get(f"{path}?limit=1")["metadata"]["resourceVersion"]


def exact(path: str, at: str) -> str:
    return f"{path}?resourceVersion={at}&resourceVersionMatch=Exact"


def test_a_list_says_its_revision_and_leaves_kinds_off_its_items(call, configmaps) -> None:
    made = call.create(configmaps, config("one"))

    listed = call.get(configmaps)

    assert listed["kind"] == "ConfigMapList"
    assert listed["metadata"] == {"resourceVersion": made["metadata"]["resourceVersion"]}
    (item,) = [item for item in listed["items"] if item["metadata"]["name"] == "one"]
    assert "kind" not in item
    assert "apiVersion" not in item


def test_an_exact_list_shows_what_was_deleted_changed_and_added_since_as_it_was(call, configmaps) -> None:
    for name in ("changed", "deleted"):
        call.create(configmaps, config(name))
    at = revision(call, configmaps)
    before = call.get(configmaps)["items"]
    call("DELETE", f"{configmaps}/deleted")
    call("PATCH", f"{configmaps}/changed", {"data": {"a": "2"}}, type=MERGE)
    call.create(configmaps, config("added"))

    listed = call.get(exact(configmaps, at))

    assert listed["metadata"]["resourceVersion"] == at
    assert listed["items"] == before


def test_one_revision_holds_for_every_kind(call, configmaps) -> None:
    secret = {"metadata": {"name": "s"}, "stringData": {"a": "1"}}
    call.create("/api/v1/namespaces/app/secrets", secret)
    at = revision(call, configmaps)
    call("DELETE", "/api/v1/namespaces/app/secrets/s")

    listed = call.get(exact("/api/v1/secrets", at))

    assert [item["metadata"]["name"] for item in listed["items"]] == ["s"]


def test_pages_show_the_revision_of_the_first_page(call, configmaps) -> None:
    for number in range(7):
        call.create(configmaps, config(f"c{number}", labels={"mine": "yes"}))
    first = call.get(f"{configmaps}?limit=3")
    call("DELETE", f"{configmaps}/c6")
    call.create(configmaps, config("c5-later"))

    names = [item["metadata"]["name"] for item in first["items"]]
    page = first
    while page["metadata"].get("continue"):
        page = call.get(f"{configmaps}?limit=3&continue={page['metadata']['continue']}")
        names += [item["metadata"]["name"] for item in page["items"]]
        assert page["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]

    assert names == ["c0", "c1", "c2", "c3", "c4", "c5", "c6", "kube-root-ca.crt"]


def test_pages_of_an_exact_list_go_on_without_naming_the_revision_again(call, configmaps) -> None:
    for number in range(4):
        call.create(configmaps, config(f"c{number}"))
    at = revision(call, configmaps)
    call("DELETE", f"{configmaps}/c3")

    first = call.get(exact(configmaps, at) + "&limit=3")
    second = call.get(f"{configmaps}?limit=3&continue={first['metadata']['continue']}")

    assert first["metadata"]["remainingItemCount"] == 2
    assert [item["metadata"]["name"] for item in second["items"]] == ["c3", "kube-root-ca.crt"]


def test_history_that_was_compacted_is_gone_in_every_form(served, call, configmaps) -> None:
    call.create(configmaps, config("one"))
    first = call.get(f"{configmaps}?limit=1")
    at = first["metadata"]["resourceVersion"]
    call.create(configmaps, config("two"))
    served.compact()

    refused = [
        call("GET", exact(configmaps, at)),
        call("GET", exact(configmaps, at) + "&limit=1"),
        call("GET", f"{configmaps}?limit=1&continue={first['metadata']['continue']}"),
    ]

    assert [(answer.status, answer.body["reason"]) for answer in refused] == [(410, "Expired")] * 3


def test_the_continue_token_of_a_410_goes_on_with_what_is_there_now(served, call, configmaps) -> None:
    for name in ("a", "b", "c"):
        call.create(configmaps, config(name))
    token = call.get(f"{configmaps}?limit=1")["metadata"]["continue"]
    call("DELETE", f"{configmaps}/b")
    served.compact()

    refused = call("GET", f"{configmaps}?limit=1&continue={token}")
    later = call.get(f"{configmaps}?limit=9&continue={refused.body['metadata']['continue']}")

    assert [item["metadata"]["name"] for item in later["items"]] == ["c", "kube-root-ca.crt"]


def test_the_compacted_revision_itself_is_still_known(served, call, configmaps) -> None:
    call.create(configmaps, config("one"))
    at = served.compact()
    call("DELETE", f"{configmaps}/one")

    listed = call.get(exact(configmaps, str(at)))

    assert "one" in [item["metadata"]["name"] for item in listed["items"]]


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("tier=web", ["one", "two"]),
        ("tier!=web", ["kube-root-ca.crt", "three"]),
        ("tier in (web,db),!old", ["one", "three"]),
        ("tier notin (web)", ["kube-root-ca.crt", "three"]),
        ("old", ["two"]),
        ("tier=web,old=yes", ["two"]),
        ("nothing==here", []),
    ],
)
def test_label_selectors(call, configmaps, selector, names) -> None:
    call.create(configmaps, config("one", labels={"tier": "web"}))
    call.create(configmaps, config("two", labels={"tier": "web", "old": "yes"}))
    call.create(configmaps, config("three", labels={"tier": "db"}))

    answer = call("GET", f"{configmaps}?labelSelector={selector.replace(' ', '%20').replace('=', '%3D')}")

    assert [item["metadata"]["name"] for item in answer.body["items"]] == names


def test_a_field_selector_names_one_object(call, configmaps) -> None:
    call.create(configmaps, config("one"))

    listed = call.get("/api/v1/configmaps?fieldSelector=metadata.name%3Done,metadata.namespace%3Dapp")

    assert len(listed["items"]) == 1


def test_big_answers_are_compressed_for_who_asks(call, configmaps) -> None:
    for number in range(30):
        call.create(configmaps, config(f"c{number}", {"a": "x" * 10_000}))

    raw = call.http.request(
        "GET",
        call.url + configmaps,
        headers={"Authorization": f"Bearer {call.token}", "Accept-Encoding": "gzip"},
        decode_content=False,
    )

    assert raw.headers["Content-Encoding"] == "gzip"
    assert len(json.loads(gzip.decompress(raw.data))["items"]) == 31


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(st.tuples(st.sampled_from("abcdef"), st.booleans()), min_size=1, max_size=25),
    back=st.integers(0, 24),
)
def test_every_revision_can_be_listed_as_it_was(tmp_path_factory, steps, back) -> None:
    """Against a model: after each step, what a plain list showed is what an exact list shows for ever."""
    path = "/api/v1/namespaces/default/configmaps"
    with serve_in_thread(tmp_path_factory.mktemp("history")) as served:
        call = Caller(served.url, served.token)
        call.until(f"{path}/kube-root-ca.crt", lambda answer: answer.status == 200)
        seen = []
        for name, keep in steps:
            if not keep:
                call("DELETE", f"{path}/{name}")
            elif call("POST", path, config(name)).status == 409:
                call("PATCH", f"{path}/{name}", {"data": {"n": str(len(seen))}}, type=MERGE)
            listed = call.get(path)
            seen.append((listed["metadata"]["resourceVersion"], listed["items"]))
        at, items = seen[min(back, len(seen) - 1)]

        assert call.get(exact(path, at))["items"] == items
        call.close()
