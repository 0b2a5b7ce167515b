"""The law of the cut, on servers that write, forget, fail and drop kinds at random between any two requests.

Whatever happens, each listing that is not marked as skewed is the state at the cut's revision, a kind in another store
is never taken for one of the main store, and a kind is called vanished only if it was not served then.
"""

import json
import random
import threading
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qs, urlsplit

import pytest

from drsync.clock import Cancellation
from drsync.errors import ClusterUnreachable, RevisionGone
from drsync.kube.cut import ListWant, take_cut
from drsync.kube.listing import ListQuery
from tests.kube.conftest import WIDGETS
from tests.kube.scripted_server import Asked, Reply, ScriptedServer

OWN = ("reds", "greens", "blues")
FOREIGN = ("strangers",)
KINDS = {name: replace(WIDGETS, resource=name, kind=name.title()) for name in (*OWN, *FOREIGN)}
State = dict[str, frozenset[str]]
"""Names by kind; a kind that is not served has no entry."""


@dataclass
class Chance:
    """How often, before a request is answered, each thing happens."""

    write: float
    forget: float = 0
    fail: float = 0
    drop: float = 0


@dataclass
class Server:
    """An API server with two stores and all of their past."""

    seed: int
    chance: Chance
    past: dict[int, State] = field(default_factory=lambda: {100: dict.fromkeys(OWN, frozenset())})
    foreign: dict[int, State] = field(default_factory=lambda: {9000: dict.fromkeys(FOREIGN, frozenset())})
    forgotten: int = 0

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311 - printed with the test's name
        self._lock = threading.Lock()

    @property
    def revision(self) -> int:
        return max(self.past)

    def __call__(self, asked: Asked) -> Reply:
        with self._lock:
            self._happen()
            url = urlsplit(asked.path)
            if self._random.random() < self.chance.fail:
                return Reply(status=503, body=b'{"kind":"Status"}')
            if url.path in {"/api", "/apis"}:
                return self._discovery()
            return self._list(url.path.rsplit("/", 1)[-1], parse_qs(url.query))

    def _happen(self) -> None:
        while self._random.random() < self.chance.write:
            store = self._random.choice((self.past, self.past, self.foreign))
            now = max(store)
            state = dict(store[now])
            kind = self._random.choice(sorted(state))
            names = set(state[kind])
            if names and self._random.random() < 0.4:
                names.remove(self._random.choice(sorted(names)))
            else:
                names.add(f"n{now}")
            store[now + 1] = {**state, kind: frozenset(names)}
        if self._random.random() < self.chance.forget:
            self.forgotten = self.revision - 1
        if self._random.random() < self.chance.drop and len(self.past[self.revision]) > 1:
            state = dict(self.past[self.revision])
            del state[self._random.choice(sorted(state))]
            self.past[self.revision + 1] = state

    def _list(self, resource: str, query: dict[str, list[str]]) -> Reply:
        if resource in {"namespaces", "apiservices"}:
            return listed(self.revision, ())
        store = self.foreign if resource in FOREIGN else self.past
        if resource not in store[max(store)]:
            return Reply(status=404, body=b"404 page not found", content_type="text/plain")
        token = query.get("continue", [""])[0]
        start, revision = (int(part) for part in token.split(".")) if token else (0, max(store))
        exact = int(query.get("resourceVersion", [0])[0])
        if (token or exact) and store is self.past and (exact or revision) <= self.forgotten:
            offer = {"kind": "Status", "reason": "Expired", "metadata": {"continue": f"0.{max(store)}"}}
            return Reply(status=410, body=json.dumps(offer).encode())
        if exact and store is self.foreign:
            # the lie: whatever the other store holds, under the revision that was asked for
            return listed(exact, sorted(store[max(store)][resource]))
        names = sorted(store[exact or revision].get(resource, frozenset()))
        limit = int(query["limit"][0])
        end = start + max(1, limit // 100)
        token = f"{end}.{exact or revision}" if end < len(names) else ""
        return listed(exact or revision, names[start:end], token)

    def _discovery(self) -> Reply:
        served = [*self.past[self.revision], *FOREIGN]
        resources = [{"resource": name, "responseKind": {"kind": name}} for name in served]
        versions = [{"version": "v1", "resources": resources}]
        group = {"metadata": {"name": "example.com"}, "versions": versions}
        return Reply(body=json.dumps({"kind": "APIGroupDiscoveryList", "items": [group]}).encode())


def listed(revision, names, token=""):
    meta = {"resourceVersion": str(revision), "continue": token}
    return Reply(
        body=json.dumps({"metadata": meta, "items": [{"metadata": {"name": name}} for name in names]}).encode()
    )


CHANCES = (
    Chance(write=0.0),
    Chance(write=0.6),
    Chance(write=0.9),
    Chance(write=0.6, forget=0.2),
    Chance(write=0.6, fail=0.2),
    Chance(write=0.6, drop=0.1),
    Chance(write=0.7, forget=0.1, fail=0.1, drop=0.1),
)


def check(open_client, clock, seed, chance):
    """Takes one cut and holds it against the server's past."""
    server = Server(seed, chance)
    for _ in range(30):
        server._happen()
    wants = [ListWant(kind=kind) for kind in KINDS.values()]
    with ScriptedServer(route=server) as scripted, open_client(scripted.url, connections=4) as client:
        try:
            cut = take_cut(client, wants, clock=clock, cancel=Cancellation())
        except (RevisionGone, ClusterUnreachable):
            return
    then = server.past[int(cut.revision)]
    told = {listing.kind.resource: frozenset(each.name for each in listing.objects) for listing in cut.listings}
    failed = {failure.want.kind.resource for failure in cut.failures}
    skewed = {skew.group_resource.split(".")[0] for skew in cut.skews}
    assert skewed | failed >= set(FOREIGN)
    assert not skewed & set(OWN)
    assert not {kind.resource for kind in cut.vanished} & then.keys()
    assert {name: told[name] for name in set(OWN) - failed} == {
        name: then.get(name, frozenset()) for name in set(OWN) - failed
    }


@pytest.mark.slow
@pytest.mark.parametrize("chance", CHANCES, ids=str)
def test_every_listing_is_the_state_at_the_revision_or_says_that_it_is_not(open_client, clock, chance):
    check_many(open_client, clock, chance)


def test_the_law_catches_a_cut_that_trusts_every_store(open_client, clock, monkeypatch):
    """The negative case: without the bracket the lie goes unseen."""
    monkeypatch.setattr("drsync.kube.proof.Proof.elsewhere", lambda *_: "")

    with pytest.raises(AssertionError):
        check(open_client, clock, 1, CHANCES[1])


def check_many(open_client, clock, chance):
    for seed in range(30):
        check(open_client, clock, seed, chance)


def test_the_law_catches_a_cut_of_fresh_lists(open_client, clock, monkeypatch):
    """The negative case: lists that are not asked for the revision are of different instants."""
    monkeypatch.setattr("drsync.kube.proof.ListWant.query", lambda want, *_: ListQuery(kind=want.kind))

    with pytest.raises(AssertionError):
        check_many(open_client, clock, CHANCES[2])
