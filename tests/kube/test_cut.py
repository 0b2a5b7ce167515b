"""The rules of a cut that no real server breaks on cue: who is asked for what, and what failures mean.

The rules on real servers are in tests/e2e/test_cut.py.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qs, urlsplit

import pytest

from drsync.clock import Cancellation
from drsync.errors import ClusterUnreachable, Interrupted, PermissionDenied, RevisionGone
from drsync.kube.cut import ListWant, take_cut
from tests.kube.conftest import CONFIG_MAPS, SECRETS, WIDGETS
from tests.kube.scripted_server import Asked, Reply, ScriptedServer

METRICS = replace(WIDGETS, group="metrics.example.com", resource="readings", kind="Reading")


@dataclass
class Server:
    """An API server as far as a cut sees it: a revision, and what each path does. Hooks run before the answer."""

    revision: int = 100
    own: dict[str, int] = field(default_factory=dict)
    """Kinds with another store, and its revision."""
    faults: dict[str, Callable[[], Reply | None]] = field(default_factory=dict)
    on: Callable[[str, bool], None] = lambda *_: None
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Kind, and the revision it was asked for."""

    def __call__(self, asked: Asked) -> Reply:
        url = urlsplit(asked.path)
        resource = url.path.rsplit("/", 1)[-1]
        exact = parse_qs(url.query).get("resourceVersion", [""])[0]
        self.asked.append((resource, exact))
        self.on(resource, bool(exact))
        if resource in self.faults and (fault := self.faults[resource]()):
            return fault
        if url.path in {"/api", "/apis"}:
            return listed("APIGroupDiscoveryList", "0", [])
        if resource == "apiservices":
            spec = {"group": METRICS.group, "version": METRICS.version, "service": {"name": "m"}}
            return listed("APIServiceList", str(self.revision), [{"metadata": {"name": "m"}, "spec": spec}])
        revision = exact or str(self.own.get(resource, self.revision))
        return listed("List", revision, [{"metadata": {"name": f"{resource}-{revision}"}}])


def listed(kind, revision, items):
    return Reply(body=json.dumps({"kind": kind, "metadata": {"resourceVersion": revision}, "items": items}).encode())


def refused(code, **fields):
    return Reply(status=code, body=json.dumps({"kind": "Status", **fields}).encode())


@pytest.fixture
def cut(open_client, clock):
    """Takes a cut of kinds from a Server, one request after the other."""

    def take(server, *kinds, cancel=None):
        with ScriptedServer(route=server) as scripted, open_client(scripted.url, connections=1) as client:
            wants = [kind if isinstance(kind, ListWant) else ListWant(kind=kind) for kind in kinds]
            return take_cut(client, wants, clock=clock, cancel=cancel or Cancellation())

    return take


def names(cut):
    return [each.name for listing in cut.listings for each in listing.objects]


def test_a_quiet_cluster_costs_one_request_a_kind_and_three(cut):
    server = Server()

    found = cut(server, CONFIG_MAPS, WIDGETS)

    assert sorted(resource for resource, _ in server.asked) == [
        "apiservices",
        "configmaps",
        "namespaces",
        "namespaces",
        "widgets",
    ]
    assert found.revision == "100"
    assert (found.skews, found.failures, found.attempts) == ((), (), 1)


def test_what_was_written_while_kinds_were_proven_makes_them_be_listed_at_the_second_reading(cut):
    server = Server()

    def write(resource, exact):
        server.revision += resource == "widgets"

    server.on = write
    found = cut(server, CONFIG_MAPS, WIDGETS)

    assert found.revision == "101"
    assert names(found) == ["configmaps-101", "widgets-101"]
    assert [exact for resource, exact in server.asked if resource == "configmaps"] == ["", "101"]


@pytest.mark.parametrize("counter", [7, 99, 101, 10**9])
def test_a_kind_in_another_store_is_never_asked_for_the_main_stores_revision(cut, counter):
    server = Server(own={"widgets": counter})

    found = cut(server, CONFIG_MAPS, WIDGETS)

    assert [exact for resource, exact in server.asked if resource == "widgets"] == [""]
    assert names(found) == ["configmaps-100", f"widgets-{counter}"]
    assert [(skew.group_resource, str(counter) in skew.reason) for skew in found.skews] == [
        ("widgets.example.com", True)
    ]


def test_an_aggregated_api_is_listed_afresh_though_its_counter_agrees(cut):
    server = Server(own={"readings": 100})

    found = cut(server, METRICS)

    assert [exact for resource, exact in server.asked if resource == "readings"] == [""]
    assert "aggregated" in found.skews[0].reason


def test_a_server_that_tells_no_revision_is_skewed(cut):
    server = Server(faults={"widgets": lambda: listed("List", "", [])})

    assert [skew.reason for skew in cut(server, WIDGETS).skews] == ["its server tells no revision"]


def test_several_lists_of_a_kind_need_one_proof(cut):
    server = Server()
    wants = [ListWant(kind=CONFIG_MAPS, namespace=namespace) for namespace in ("a", "b", "c")]

    found = cut(server, *wants)

    assert [exact for resource, exact in server.asked if resource == "configmaps"] == ["", "100", "100"]
    assert [listing.namespace for listing in found.listings] == ["a", "b", "c"]


def test_a_lost_revision_makes_the_whole_cut_be_taken_again(cut):
    server = Server()
    lost = iter([refused(410, reason="Expired"), None, None])

    def advance(resource, exact):
        server.revision += not exact

    server.on = advance
    server.faults["configmaps"] = lambda: next(lost) if server.asked[-1][1] else None
    found = cut(server, CONFIG_MAPS, SECRETS)

    assert found.attempts == 2
    assert {listing.revision for listing in found.listings} == {found.revision}


def test_a_revision_lost_each_time_ends_the_cut_after_four_attempts(cut):
    server = Server()

    def advance(resource, exact):
        server.revision += not exact

    server.on = advance
    server.faults["configmaps"] = lambda: refused(410, reason="Expired") if server.asked[-1][1] else None

    with pytest.raises(RevisionGone, match="4 times"):
        cut(server, CONFIG_MAPS, SECRETS)


def test_a_kind_that_fails_twice_is_told_and_the_others_go_on(cut):
    server = Server(faults={"widgets": lambda: refused(422, reason="Invalid", message="conversion")})

    found = cut(server, CONFIG_MAPS, WIDGETS)

    assert names(found) == ["configmaps-100"]
    assert [failure.want.kind for failure in found.failures] == [WIDGETS]
    assert "conversion" in found.failures[0].reason
    assert [resource for resource, _ in server.asked].count("widgets") == 2


def test_a_kind_that_fails_once_is_complete(cut):
    answers = iter([refused(422), None])
    server = Server(faults={"widgets": lambda: next(answers)})

    assert cut(server, WIDGETS).failures == ()


def test_a_kind_that_may_not_be_listed_is_told_with_the_reason(cut):
    message = 'secrets is forbidden: User "bob" cannot list resource "secrets"'
    server = Server(faults={"secrets": lambda: refused(403, reason="Forbidden", message=message)})

    found = cut(server, CONFIG_MAPS, SECRETS)

    assert [failure.want.kind for failure in found.failures] == [SECRETS]
    assert "forbids to list secrets" in found.failures[0].reason


def test_one_forbidden_namespace_does_not_lose_the_kind_in_others(cut):
    calls = iter([refused(403, reason="Forbidden"), None])
    server = Server(faults={"secrets": lambda: next(calls)})

    found = cut(server, ListWant(kind=SECRETS, namespace="a"), ListWant(kind=SECRETS, namespace="b"))

    assert [failure.want.namespace for failure in found.failures] == ["a"]
    assert [listing.namespace for listing in found.listings] == ["b"]


def test_without_rights_on_namespaces_another_kind_tells_the_revision(cut):
    server = Server(faults={"namespaces": lambda: refused(403, reason="Forbidden")})

    assert cut(server, CONFIG_MAPS, WIDGETS).revision == "100"


def test_without_rights_on_anything_the_cut_is_refused(cut):
    server = Server(faults=dict.fromkeys(("namespaces", "secrets"), lambda: refused(403, reason="Forbidden")))

    with pytest.raises(PermissionDenied):
        cut(server, SECRETS)


def test_a_kind_that_is_no_longer_served_has_no_objects(cut):
    server = Server(faults={"widgets": lambda: Reply(status=404, body=b"404 page not found")})

    found = cut(server, CONFIG_MAPS, WIDGETS)

    assert found.vanished == (WIDGETS,)
    assert [len(listing.objects) for listing in found.listings] == [1, 0]


def test_a_404_that_the_server_does_not_stand_by_is_a_failure(cut):
    server = Server(faults=dict.fromkeys(("widgets", "apis"), lambda: Reply(status=404, body=b"404 page not found")))

    found = cut(server, CONFIG_MAPS, WIDGETS)

    assert [failure.want.kind for failure in found.failures] == [WIDGETS]


def test_a_kind_that_vanishes_after_the_second_reading_makes_the_cut_be_taken_again(cut):
    server = Server()
    gone = []

    def write(resource, exact):
        server.revision += resource == "configmaps" and server.revision == 100
        if resource == "widgets" and exact:
            gone.append("widgets")

    server.on = write
    server.faults["widgets"] = lambda: Reply(status=404, body=b"404 page not found") if gone else None
    found = cut(server, WIDGETS, CONFIG_MAPS)

    assert (found.attempts, found.vanished, found.failures) == (2, (WIDGETS,), ())


def test_a_store_that_was_set_back_makes_the_cut_be_taken_again(cut):
    server = Server()

    def restore(resource, exact):
        if resource == "configmaps" and server.revision == 100:
            server.revision = 50

    server.on = restore

    assert (cut(server, CONFIG_MAPS).attempts, server.revision) == (2, 50)


def test_a_server_that_goes_away_ends_the_cut(cut):
    server = Server(own={"widgets": 7})
    down = refused(503)
    server.faults = {"namespaces": lambda: down if server.asked.count(("namespaces", "")) > 2 else None}
    server.faults["readings"] = lambda: down

    with pytest.raises(ClusterUnreachable):
        cut(server, CONFIG_MAPS, METRICS)


def test_the_cut_starts_before_its_first_request(cut, clock):
    server = Server()
    seen = []
    server.on = lambda *_: seen.append(clock.now())

    assert cut(server, CONFIG_MAPS).started_at <= seen[0]


def test_a_cancelled_cut_stops(cut):
    cancel = Cancellation()
    server = Server(on=lambda *_: cancel.cancel())

    with pytest.raises(Interrupted):
        cut(server, CONFIG_MAPS, WIDGETS, cancel=cancel)
