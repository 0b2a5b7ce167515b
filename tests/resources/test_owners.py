"""resources/owners.py: new uids, and owners before what they own."""

import copy
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsync.model.resource import Owner, ResourceKind
from drsync.resources.order import STAGES, stage_of
from drsync.resources.owners import arrange, late, relink
from tests.resources.builders import kind, manifest, owned_by

KINDS = [
    kind("v1", "Namespace"),
    kind("v1", "Secret"),
    kind("v1", "PersistentVolumeClaim"),
    kind("v1", "Service"),
    kind("example.com/v1", "Widget"),
    kind("apps/v1", "Deployment"),
    kind("networking.k8s.io/v1", "Ingress"),
]


@dataclass(frozen=True)
class Thing:
    uid: str
    kind: ResourceKind
    owners: tuple[Owner, ...]


def owner(uid: str, *, api_version: str = "apps/v1", name: str = "web", of: str = "Deployment") -> Owner:
    return Owner(api_version=api_version, kind=of, name=name, uid=uid, controller=True)


def thing(uid: str, what: ResourceKind, *owners: str) -> Thing:
    return Thing(uid, what, tuple(owner(it) for it in owners))


@st.composite
def things(draw: st.DrawFn) -> list[Thing]:
    """Objects that own one another in any way, cycles and unknown owners among them."""
    uids = [f"u{number}" for number in range(draw(st.integers(0, 8)))]
    owners = st.lists(st.sampled_from([*uids, "unknown"]), max_size=2, unique=True)
    return [thing(uid, draw(st.sampled_from(KINDS)), *draw(owners)) for uid in uids]


def places(items: list[Thing]) -> dict[str, tuple[int, int]]:
    return {
        item.uid: (STAGES.index(stage), number)
        for stage, waves in arrange(items).items()
        for number, wave in enumerate(waves)
        for item in wave
    }


@given(things())
def test_every_object_is_placed_once(items: list[Thing]) -> None:
    placed = [item.uid for waves in arrange(items).values() for wave in waves for item in wave]

    assert sorted(placed) == sorted(item.uid for item in items)


@given(things())
def test_no_object_comes_before_its_kind_may(items: list[Thing]) -> None:
    found = places(items)

    assert all(found[item.uid][0] >= STAGES.index(stage_of(item.kind)) for item in items)


@given(things())
def test_owners_come_first_but_for_those_told_to_be_late(items: list[Thing]) -> None:
    found = places(items)
    named = {item.uid for item in late(items)}

    for item in items:
        owners = [found[it.uid] for it in item.owners if it.uid in found]
        assert all(place < found[item.uid] for place in owners) == (item.uid not in named)


@given(things())
def test_without_cycles_only_pinned_kinds_are_late(items: list[Thing]) -> None:
    forward = [
        Thing(item.uid, item.kind, tuple(it for it in item.owners if it.uid < item.uid and it.uid != "unknown"))
        for item in items
    ]

    assert {stage_of(item.kind) for item in late(forward)} <= {"namespaces", "definitions", "claims"}


@given(things())
def test_a_cycle_leaves_at_least_one_member_late(items: list[Thing]) -> None:
    ring = [Thing(item.uid, KINDS[1], (owner(items[number - 1].uid),)) for number, item in enumerate(items)]

    assert len(late(ring)) == min(len(ring), 1)


def test_a_dependent_moves_to_the_stage_of_its_owner() -> None:
    secret, deployment = thing("s", KINDS[1], "d"), thing("d", KINDS[5])

    assert arrange([secret, deployment]) == {"workloads": ((deployment,), (secret,))}


def test_a_claim_never_waits_for_the_workload_that_owns_it() -> None:
    claim, stateful = thing("c", KINDS[2], "s"), thing("s", kind("apps/v1", "StatefulSet"))

    assert arrange([claim, stateful]) == {"claims": ((claim,),), "workloads": ((stateful,),)}
    assert late([claim, stateful]) == (claim,)


def test_a_long_chain_of_owners_is_no_deep_recursion() -> None:
    chain = [thing(f"u{number}", KINDS[1], f"u{number - 1}") for number in range(5_000)]

    assert len(arrange(chain)["configuration"]) == 5_000


def test_objects_without_a_uid_are_placed_too() -> None:
    nameless = [thing("", KINDS[1]), thing("", KINDS[1])]

    assert arrange(nameless) == {"configuration": (tuple(nameless),)}


def test_references_are_turned_to_the_new_owner() -> None:
    reference = {**owned_by("apps/v1beta1", "Deployment", "web", "old"), "blockOwnerDeletion": True}
    body = manifest("v1", "Secret", metadata={"ownerReferences": [reference]})

    result, dropped = relink(body, {"old": owner("new")})

    assert result["metadata"]["ownerReferences"] == [
        {**owned_by("apps/v1", "Deployment", "web", "new"), "blockOwnerDeletion": True}
    ]
    assert dropped == ()


def test_a_dangling_reference_is_dropped_and_told() -> None:
    references = [owned_by("apps/v1", "Deployment", "web", "old"), owned_by("v1", "Node", "n1", "elsewhere")]
    body = manifest("v1", "Secret", metadata={"ownerReferences": references})

    result, dropped = relink(body, {"old": owner("new")})

    assert [it["uid"] for it in result["metadata"]["ownerReferences"]] == ["new"]
    assert [(it.kind, it.name, it.uid) for it in dropped] == [("Node", "n1", "elsewhere")]


def test_no_reference_is_left_that_nobody_wrote() -> None:
    body = manifest("v1", "Secret", metadata={"ownerReferences": [owned_by("v1", "Node", "n1", "elsewhere")]})

    result, _ = relink(body, {})

    assert "ownerReferences" not in result["metadata"]


def test_the_manifest_is_never_changed() -> None:
    body = manifest("v1", "Secret", metadata={"ownerReferences": [owned_by("v1", "Node", "n1", "u")]})
    before = copy.deepcopy(body)

    relink(body, {"u": owner("new")})

    assert body == before


@pytest.mark.parametrize("references", [None, [], "x", [7], [{}], [{"uid": []}]])
def test_nonsense_is_no_owner(references: object) -> None:
    result, _ = relink(manifest("v1", "Secret", metadata={"ownerReferences": references}), {"u": owner("new")})

    assert not result["metadata"].get("ownerReferences")
