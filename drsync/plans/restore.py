"""A restore: namespaces, then objects stage by stage, volumes filled before anything runs on them."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from drsync.errors import Blocked, NothingToRestore
from drsync.model.facts import RestoreFacts
from drsync.model.plan import Plan, RunKind, Stage
from drsync.model.request import RestoreRequest
from drsync.model.step import ApplyObjects, EnsureNamespaces, LinkOwners, RestoreVolume, VerifyRestore
from drsync.model.volume import CapturedVolume, ClaimId

CLAIMS_STAGE: Final = "claims"
"""The stage of resources.order that makes the claims; volumes are filled right after it."""


def plan_restore(request: RestoreRequest, facts: RestoreFacts, *, run: str, now: datetime, tool_version: str) -> Plan:
    """All of it is `commit`: a restore that stops half way goes on, it is never taken back.

    Raises NothingToRestore, and Blocked where going on would leave something out in silence.
    """
    volumes = chosen_volumes(request, facts)
    _preflight(request, facts, volumes)
    return Plan(
        kind=RunKind.RESTORE,
        run=run,
        scope=run,
        made_at=now,
        tool_version=tool_version,
        request=request,
        commit=tuple(_stages(request, facts, volumes)),
    )


def chosen_volumes(request: RestoreRequest, facts: RestoreFacts) -> tuple[CapturedVolume, ...]:
    """The point's volumes that the request wants filled. Raises NothingToRestore for a name that matches none."""
    chosen = set(facts.claims)
    volumes = tuple(v for v in facts.sealed.point.volumes if v.claim in chosen)
    if request.volumes is None:
        return volumes
    unknown = [name for name in request.volumes if not any(_names(name, v.claim) for v in volumes)]
    if unknown:
        held = ", ".join(str(v.claim) for v in facts.sealed.point.volumes) or "no volume"
        raise NothingToRestore(
            f"Point {facts.sealed.point.id} holds no volume {unknown[0]} among what was chosen.",
            remedy=f"it holds {held}; name one of them with --volumes",
        )
    return tuple(v for v in volumes if any(_names(name, v.claim) for name in request.volumes))


def target_of(claim: ClaimId, request: RestoreRequest) -> ClaimId:
    """Where a claim of the point goes."""
    return ClaimId(namespace=request.namespace_map.get(claim.namespace, claim.namespace), name=claim.name)


def _names(name: str, claim: ClaimId) -> bool:
    return name in (claim.name, str(claim))


def _preflight(request: RestoreRequest, facts: RestoreFacts, volumes: tuple[CapturedVolume, ...]) -> None:
    point = facts.sealed.point
    if not facts.chosen:
        raise NothingToRestore(
            f"Nothing of point {point.id} matches what was asked for.",
            remedy=f"`drsync ls {point.id}` lists what it holds",
        )
    if request.paths and not volumes:
        raise NothingToRestore(
            f"--path {request.paths[0]} names a file, and no volume is chosen.",
            remedy="name the volume with --volumes NAME",
        )
    if facts.sealed.unusable:
        raise Blocked(
            f"Point {point.id} was found unusable: {facts.sealed.unusable}.",
            remedy="choose another point; `drsync get points` lists them",
        )
    if not point.complete and not request.allow_partial:
        raise Blocked(
            f"Point {point.id} is PARTIAL: {point.missing[0].what} is missing ({point.missing[0].reason}).",
            remedy="choose a complete point (POLICY@latest), or restore what there is with --allow-partial",
        )
    if volumes and not facts.reaches_volumes:
        raise Blocked(
            f"The point holds {len(volumes)} volumes; those of cluster {request.cluster} cannot be reached from here.",
            remedy="set connect.localVolumes on the ClusterTarget if its volumes are directories of this host, "
            "or restore without data with --volumes none",
        )


def _stages(request: RestoreRequest, facts: RestoreFacts, volumes: tuple[CapturedVolume, ...]) -> Iterator[Stage]:
    fills: Stage = tuple(
        RestoreVolume(
            id=f"volume {v.claim}",
            session=v.session,
            source=v.claim,
            target=target_of(v.claim, request),
            paths=request.paths,
        )
        for v in volumes
    )
    yield (EnsureNamespaces(id="namespaces"),)
    for stage in facts.stages:
        yield (ApplyObjects(id=f"objects {stage}", stage=stage),)
        if stage == CLAIMS_STAGE and fills:
            yield fills
    if facts.late_owners:
        yield (LinkOwners(id="owners"),)
    yield (VerifyRestore(id="verify"),)
