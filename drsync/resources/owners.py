"""Owner references: turned to the new uids, and owners written before what they own."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Protocol, TypeVar

from drsync.fields import changed, mappings, metadata, text
from drsync.model.resource import Manifest, Owner, ResourceKind
from drsync.resources.order import STAGES, stage_of

_PINNED: Final = frozenset({"namespaces", "definitions", "claims"})
"""Stages whose objects do not wait for an owner.

A StatefulSet owns claims, and an operator may: were it written first, it would make empty claims of its
own in place of those that are to be filled.
"""


class Owned(Protocol):
    """What ordering needs to know of an object; a ResourceObject is one."""

    @property
    def kind(self) -> ResourceKind: ...

    @property
    def uid(self) -> str: ...

    @property
    def owners(self) -> tuple[Owner, ...]: ...


T = TypeVar("T", bound=Owned)


def relink(manifest: Manifest, uids: Mapping[str, Owner]) -> tuple[Manifest, tuple[Owner, ...]]:
    """The manifest with its owner references turned to the owners' new uids, and those dropped.

    `uids` maps old uids to what was written. A reference that it does not name is dropped: the
    garbage collector deletes an object whose owner does not exist within a second.
    """
    fields = metadata(manifest)
    if "ownerReferences" not in fields:
        return manifest, ()
    kept: list[Manifest] = []
    dropped: list[Owner] = []
    for reference in mappings(fields["ownerReferences"]):
        owner = uids.get(text(reference.get("uid")))
        if owner is None:
            dropped.append(_owner(reference))
            continue
        turned = {"apiVersion": owner.api_version, "kind": owner.kind, "name": owner.name, "uid": owner.uid}
        kept.append({**reference, **turned})
    return {**manifest, "metadata": changed(fields, "ownerReferences", kept)}, tuple(dropped)


def arrange(objects: Iterable[T]) -> dict[str, tuple[tuple[T, ...], ...]]:
    """Stage → waves, in order; the owners of a wave's objects are all in waves or stages before it.

    An object whose owner comes in a later stage moves to that stage, but for those that `late` names.
    A cycle is opened at its first member. Stages without objects are left out.
    """
    members = tuple(objects)
    places = _places(members)
    found: dict[int, dict[int, list[T]]] = {}
    for member, (stage, wave) in zip(members, places, strict=True):
        found.setdefault(stage, {}).setdefault(wave, []).append(member)
    return {
        STAGES[stage]: tuple(tuple(waves[wave]) for wave in sorted(waves)) for stage, waves in sorted(found.items())
    }


def late(objects: Iterable[T]) -> tuple[T, ...]:
    """Objects that are written before an owner of theirs, which is linked to them afterwards."""
    members = tuple(objects)
    places = _places(members)
    place_of = {member.uid: place for member, place in zip(members, places, strict=True) if member.uid}
    return tuple(
        member
        for member, place in zip(members, places, strict=True)
        if any(place_of[owner.uid] >= place for owner in member.owners if owner.uid in place_of)
    )


def _places(members: Sequence[Owned]) -> list[tuple[int, int]]:
    """(stage, wave) of each member."""
    index = {member.uid: number for number, member in enumerate(members) if member.uid}
    owners = [{index[owner.uid] for owner in member.owners if owner.uid in index} for member in members]
    places: dict[int, tuple[int, int]] = {}
    for number in _owners_first(owners):
        # In an opened cycle an owner may have no place yet.
        places[number] = _place(members[number], [places[owner] for owner in owners[number] if owner in places])
    return [places[number] for number in range(len(members))]


def _owners_first(owners: Sequence[set[int]]) -> Iterator[int]:
    """Every number once, after its owners; a queue and no recursion, since chains may be long."""
    owned: list[list[int]] = [[] for _ in owners]
    for number, theirs in enumerate(owners):
        for owner in theirs:
            owned[owner].append(number)
    waiting = [len(theirs) for theirs in owners]
    given: set[int] = set()
    # Whatever is still waiting when its turn comes is part of a cycle, or owned by one.
    for first in (*(number for number, count in enumerate(waiting) if count == 0), *range(len(owners))):
        ready = deque([first])
        while ready:
            number = ready.popleft()
            if number in given:
                continue
            given.add(number)
            yield number
            for dependent in owned[number]:
                waiting[dependent] -= 1
                if waiting[dependent] == 0:
                    ready.append(dependent)


def _place(member: Owned, owners: Sequence[tuple[int, int]]) -> tuple[int, int]:
    name = stage_of(member.kind)
    stage = STAGES.index(name)
    if name not in _PINNED:
        stage = max([stage, *(place[0] for place in owners)])
    wave = max((place[1] + 1 for place in owners if place[0] == stage), default=0)
    return stage, wave


def _owner(reference: Manifest) -> Owner:
    return Owner(
        api_version=text(reference.get("apiVersion")),
        kind=text(reference.get("kind")),
        name=text(reference.get("name")),
        uid=text(reference.get("uid")),
        controller=reference.get("controller") is True,
    )
