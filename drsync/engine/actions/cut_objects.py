"""Cut the objects: every selected kind as of one revision, into the repository."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

from drsync.clock import Deadline
from drsync.engine.capture_inputs import CaptureInputs
from drsync.engine.observe import CLAIMS, NAMESPACES
from drsync.engine.world import Work
from drsync.kube.cut import Cut, ListWant, take_cut
from drsync.model.policy import Selection
from drsync.model.resource import ResourceKind, ResourceObject
from drsync.model.step import CutObjects
from drsync.repository.objects import write_objects
from drsync.resources.select import choose_kinds, may_match_group, referenced, selects
from drsync.units import print_instant

NAMESPACE_BY_NAMESPACE: Final = 3
"""Up to so many namespaces are listed one by one; with more, whole kinds are listed and filtered."""


def cut_objects(step: CutObjects, work: Work[CaptureInputs], deadline: Deadline) -> dict[str, Any]:
    """Returns what the seal needs: session, revision, counts, skews, failures, and the claims at R."""
    world, inputs = work.world, work.inputs
    choice = choose_kinds(inputs.policy.select, inputs.discovery.kinds)
    wants = [*_wants(choice.namespaced, step.namespaces), *(ListWant(kind=kind) for kind in choice.cluster)]
    cut = take_cut(world.cluster, wants, clock=world.clock, cancel=world.cancel)
    deadline.check(world.clock)
    objects = _kept(cut, inputs.policy.select, step.namespaces)
    parent = inputs.parent.objects.session if inputs.parent else None
    with world.repository.begin(source=f"objects/{inputs.policy.name}", parent=parent, writer=work.plan.run) as session:
        stats = session.seal(write_objects(session, objects))
        sid = session.id
    counts = Counter(o.kind.group_resource for o in objects)
    return {
        "words": f"{len(objects):,} objects of {len(counts)} kinds as of revision {cut.revision}",
        "session": sid,
        "revision": cut.revision,
        "cutAt": cut.started_at.isoformat(),
        "counts": dict(sorted(counts.items())),
        "claims": sorted(f"{o.namespace}/{o.name}" for o in objects if o.kind.group_resource == CLAIMS.group_resource),
        "skews": [
            {"kind": s.group_resource, "listedAt": s.listed_at.isoformat(), "reason": s.reason} for s in cut.skews
        ],
        "failures": _failures(cut, work),
        "notices": [f"kind pattern {pattern} matches nothing that is served" for pattern in choice.unmatched],
        "excluded": [{"what": e.what, "reason": e.reason} for e in choice.excluded],
        "addedBytes": stats.added_bytes,
        "at": print_instant(cut.started_at),
    }


def _wants(kinds: Iterable[ResourceKind], namespaces: Sequence[str]) -> Iterable[ListWant]:
    for kind in kinds:
        if len(namespaces) > NAMESPACE_BY_NAMESPACE:
            yield ListWant(kind=kind)
        else:
            yield from (ListWant(kind=kind, namespace=namespace) for namespace in namespaces)


def _kept(cut: Cut, selection: Selection, namespaces: Sequence[str]) -> list[ResourceObject]:
    """What the policy selects, and the cluster-scoped objects that it refers to."""
    inside = frozenset(namespaces)
    chosen: list[ResourceObject] = []
    cluster: list[ResourceObject] = []
    for listing in cut.listings:
        for one in listing.objects:
            if not one.kind.namespaced:
                cluster.append(one)
            elif one.namespace in inside and not one.terminating and selects(selection, one):
                chosen.append(one)
    own = [o for o in cluster if o.kind.group_resource == NAMESPACES.group_resource and o.name in inside]
    others = [o for o in cluster if o.kind.group_resource != NAMESPACES.group_resource]
    kept = referenced(
        chosen, others, selection.cluster_scoped, include=selection.cluster_scoped_include, rbac=selection.rbac
    )
    return [*own, *(o for o in kept if o not in own), *chosen]


def _failures(cut: Cut, work: Work[CaptureInputs]) -> list[dict[str, str]]:
    """Kinds that could not be listed, and API groups that could not even be discovered."""
    listed = [{"what": f"kind {f.want.kind.group_resource}", "reason": f.reason} for f in cut.failures]
    groups = [
        {"what": f"API group {failure.group_version}", "reason": failure.reason}
        for failure in work.inputs.discovery.failures
        if may_match_group(work.inputs.policy.select, failure.group_version.rpartition("/")[0])
    ]
    return listed + groups
