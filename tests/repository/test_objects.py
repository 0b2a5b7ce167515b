"""Kubernetes objects in a repository: to the byte, in few requests, one change at the price of one segment."""

import json
import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drsync.clock import SystemClock
from drsync.errors import IntegrityError, UserError
from drsync.model.resource import Owner, ResourceKind, ResourceObject
from drsync.repository.kubernetes_json import read_object
from drsync.repository.objects import ObjectSet, write_objects
from drsync.stores.open import open_store
from drsync.stores.wrappers.count import Counting
from tests.fakes.memory_store import MemoryStore
from tests.fakes.repositories import new_repository

KINDS = (
    ResourceKind(group="", version="v1", resource="configmaps", kind="ConfigMap", namespaced=True),
    ResourceKind(
        group="apps",
        version="v1",
        resource="deployments",
        kind="Deployment",
        namespaced=True,
        verbs=frozenset({"get", "list"}),
    ),
)


def make(name, *, namespace="shop", kind=KINDS[0], labels=None, owners=(), padding="", version="7", gone=False):
    metadata = {"name": name, "namespace": namespace, "uid": f"u-{name}", "resourceVersion": version}
    if labels:
        metadata["labels"] = labels
    if owners:
        metadata["ownerReferences"] = [
            {"apiVersion": o.api_version, "kind": o.kind, "name": o.name, "uid": o.uid, "controller": o.controller}
            for o in owners
        ]
    if gone:
        metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    return ResourceObject(
        kind=kind,
        namespace=namespace,
        name=name,
        uid=f"u-{name}",
        resource_version=version,
        labels=labels or {},
        owners=owners,
        terminating=gone,
        raw=json.dumps({"metadata": metadata, "data": {"x": padding}}).encode(),
    )


def write(repository, objects, *, parent=None):
    with repository.begin(source="objects", parent=parent, writer="t") as session:
        session.seal(write_objects(session, objects))
    return session.id


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8), st.sampled_from(KINDS), st.text(max_size=200))))
def test_objects_come_back_to_the_byte(rows):
    made = {(n, s, k): make(n, namespace=s, kind=k, padding=p, labels={"a": n}) for n, s, k, p in rows}
    repository = new_repository(MemoryStore())
    stored = ObjectSet(repository.reader(write(repository, made.values())))

    back = list(stored.read(stored.entries))

    assert {(o.name, o.namespace, o.kind): o for o in back} == made


def test_facts_come_back_from_the_json():
    owner = Owner(api_version="apps/v1", kind="ReplicaSet", name="rs", uid="u1", controller=True)
    item = make("pod", labels={"app": "shop"}, owners=(owner,), gone=True)

    assert read_object(item.kind, item.namespace, item.name, item.raw) == item


def test_entries_are_ordered_and_say_what_there_is():
    repository = new_repository(MemoryStore())
    objects = [make("b"), make("a"), make("z", kind=KINDS[1]), make("c", namespace="app")]

    entries = ObjectSet(repository.reader(write(repository, objects))).entries

    assert [(e.kind.resource, e.namespace, e.name) for e in entries] == [
        ("configmaps", "app", "c"),
        ("configmaps", "shop", "a"),
        ("configmaps", "shop", "b"),
        ("deployments", "shop", "z"),
    ]
    assert {e.uid for e in entries} == {"u-a", "u-b", "u-c", "u-z"}
    assert sum(e.size_bytes for e in entries) == sum(len(o.raw) for o in objects)


def test_any_choice_of_entries_can_be_read_in_any_order():
    repository = new_repository(MemoryStore())
    objects = [make(f"n{n}", padding="x" * 2000) for n in range(400)]
    stored = ObjectSet(repository.reader(write(repository, objects)))
    chosen = random.Random(5).sample(list(stored.entries), 50)  # noqa: S311 - seeded

    assert [o.name for o in stored.read(chosen)] == [e.name for e in chosen]


def test_no_object_at_all_is_a_set_too():
    repository = new_repository(MemoryStore())

    assert ObjectSet(repository.reader(write(repository, []))).entries == []


def test_an_unchanged_set_costs_two_uploads():
    store = Counting(MemoryStore())
    repository = new_repository(store)
    objects = [make(f"n{n}", padding=str(n) * 300) for n in range(2000)]
    parent = write(repository, objects)
    store.counts.clear()

    write(repository, objects, parent=parent)

    assert store.counts["create"] == 2


def test_one_changed_object_uploads_about_one_segment():
    store = Counting(MemoryStore())
    repository = new_repository(store)
    dice = random.Random(1)  # noqa: S311 - seeded
    objects = [make(f"n{n:05}", padding=dice.randbytes(500).hex()) for n in range(6000)]
    parent = write(repository, objects)
    objects[3000] = make("n03000", padding="changed", version="99999")
    store.counts.clear()
    store.sent_bytes = 0

    write(repository, objects, parent=parent)

    assert store.counts["create"] <= 5
    assert store.sent_bytes < 1_000_000


def test_an_object_beyond_all_bounds_is_named():
    with pytest.raises(UserError, match="configmaps shop/huge has"):
        write(new_repository(MemoryStore()), [make("huge", padding="x" * (9 << 20))])


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b'{"metadata":{"name":"other","namespace":"shop"}}', b"\xff"])
def test_json_of_something_else_is_damage(raw):
    with pytest.raises(IntegrityError, match="Object configmaps shop/a is damaged"):
        read_object(KINDS[0], "shop", "a", raw)


@pytest.mark.slow
def test_twenty_thousand_objects_are_written_fast(tmp_path):
    dice = random.Random(1)  # noqa: S311 - seeded
    objects = [make(f"n{n:05}", padding=dice.randbytes(580).hex()) for n in range(20_000)]
    repository = new_repository(open_store(f"file://{tmp_path}", clock=SystemClock()), pack_bytes=16 << 20)

    started = time.process_time()
    write(repository, objects)
    took_s = time.process_time() - started

    # CPU of all threads, so that a busy machine does not decide; alone it takes 0.25 s of wall time.
    assert took_s < 1.0
