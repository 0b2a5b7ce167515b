"""The rules on manifests, on real API servers: what they make is accepted, is the same, and belongs to whom it did."""

import time
from collections.abc import Iterable, Iterator
from copy import deepcopy
from typing import Any

import pytest

from drsync.resources.diff import changes, merge, replacement, same
from drsync.resources.managers import appliers, ownership
from drsync.resources.sanitise import sanitise
from tests.e2e.api import Api, Refused
from tests.e2e.cluster import Cluster, start
from tests.resources import corpus

pytestmark = pytest.mark.e2e

Manifest = dict[str, Any]
_FIRST = ("Namespace", "CustomResourceDefinition")


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Cluster, Cluster]]:
    """Two control planes of their own: real applications have fixed names."""
    corpus.manifests()
    source, target = (Cluster(name, root=tmp_path_factory.mktemp(name)) for name in ("rules-a", "rules-b"))
    start(source, target)
    yield source, target
    source.stop()
    target.stop()


@pytest.fixture(scope="module")
def captured(pair: tuple[Cluster, Cluster]) -> list[Manifest]:
    """Real applications as the source serves them; half were applied by a GitOps tool, half just created."""
    api = pair[0].api
    _make_namespaces(api, corpus.manifests())
    bodies = sorted(corpus.manifests(), key=lambda body: body["kind"] not in _FIRST)
    # By name, so that nobody both creates and applies one object: the source itself would have the conflict.
    paths = dict.fromkeys(_make(api, body, applied=sum(body["metadata"]["name"].encode()) % 2 == 0) for body in bodies)
    found = [body for path in paths if path and (body := api.find(path))]
    # Two versions of a kind may have shown the same object.
    alone = {body["metadata"]["uid"]: body for body in found if not body["metadata"].get("ownerReferences")}
    return list(alone.values())


@pytest.fixture(scope="module")
def restored(pair: tuple[Cluster, Cluster], captured: list[Manifest]) -> list[tuple[Manifest, Manifest]]:
    """(captured, wanted) of every object, written into the target."""
    api = pair[1].api
    wanted = [(body, sanitise(body)) for body in captured]
    _make_namespaces(api, captured)
    for body, desired in sorted(wanted, key=lambda both: both[1]["kind"] not in _FIRST):
        if desired["kind"] == "Namespace":
            api.merge(api.path_of(desired), desired)
        else:
            _wait_served(api, desired)
            api.create(desired)
        if fields := ownership(body):
            api.merge(api.path_of(desired), {"metadata": {"managedFields": fields}})
    return wanted


def _make_namespaces(api: Api, bodies: Iterable[Manifest]) -> None:
    names = {body["metadata"].get("namespace", "default") for body in bodies}
    names |= {body["metadata"]["name"] for body in bodies if body["kind"] == "Namespace"}
    for name in names:
        if not api.find(f"/api/v1/namespaces/{name}"):
            api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})


def _make(api: Api, body: Manifest, *, applied: bool) -> str:
    """The object's path; empty when today's server does not take it: some of the corpus is old on purpose."""
    try:
        _wait_served(api, body)
        made = api.apply(body, manager="gitops") if applied else api.create(body)
    except (Refused, KeyError):
        return ""
    return api.path_of(made)


def _wait_served(api: Api, body: Manifest) -> None:
    """A kind is served a moment after its definition was created."""
    for _ in range(10):
        try:
            api.kind_of(body)
        except (Refused, KeyError):
            time.sleep(0.02)
        else:
            return


def test_real_applications_are_written_and_stay_the_same(
    pair: tuple[Cluster, Cluster], restored: list[tuple[Manifest, Manifest]]
) -> None:
    api = pair[1].api
    found = {api.path_of(desired): (desired, api.find(api.path_of(desired))) for _, desired in restored}

    different = {path: changes(desired, live) for path, (desired, live) in found.items() if not same(desired, live)}
    assert different == {}
    assert len(found) > 300


def test_merging_what_is_the_same_writes_nothing(
    pair: tuple[Cluster, Cluster], restored: list[tuple[Manifest, Manifest]]
) -> None:
    api = pair[1].api
    for _, desired in restored:
        if desired["kind"] == "PodDisruptionBudget":
            continue  # its controller writes all the while
        path = api.path_of(desired)
        # Defaults of a custom resource's status are stored with the first write.
        live = api.call("PUT", path, replacement(desired, api.get(path)))
        again = api.call("PUT", path, merge(desired, live))
        assert again["metadata"]["resourceVersion"] == live["metadata"]["resourceVersion"], path


def test_the_next_apply_of_the_owners_has_no_conflict(
    pair: tuple[Cluster, Cluster], restored: list[tuple[Manifest, Manifest]]
) -> None:
    api = pair[1].api
    bodies = [deepcopy(applier.body) for body, desired in restored for applier in appliers(body, desired)]
    for body in bodies:
        if body["kind"] in ("Deployment", "StatefulSet"):
            body["spec"]["replicas"] = 7
        path = f"{api.path_of(body)}?fieldManager=gitops"
        answer = api.request("PATCH", path, body, content_type="application/apply-patch+yaml")
        assert answer.status == 200, answer.body

    assert len(bodies) > 100


def test_without_handing_back_the_next_apply_has_a_conflict(pair: tuple[Cluster, Cluster]) -> None:
    """The case that the rule is there for."""
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "kept", "namespace": "default"}}
    api = pair[1].api
    api.create({**body, "data": {"a": "1"}})

    path = f"{api.path_of(body)}?fieldManager=gitops"
    answer = api.request("PATCH", path, {**body, "data": {"a": "2"}}, content_type="application/apply-patch+yaml")

    assert answer.status == 409
