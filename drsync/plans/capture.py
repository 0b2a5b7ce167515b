"""A capture: cut the objects, read the volumes, seal the point."""

from datetime import datetime

from drsync.model.facts import CaptureFacts
from drsync.model.plan import Plan, RunKind, Stage
from drsync.model.recovery_point import RecoveryPoint
from drsync.model.request import CaptureRequest
from drsync.model.step import CaptureVolume, CutObjects, SealPoint
from drsync.model.volume import Claim


def plan_capture(
    request: CaptureRequest, facts: CaptureFacts, *, run: str, point: str, now: datetime, tool_version: str
) -> Plan:
    """Nothing has an undo: what was not sealed is not a point, and the next capture reuses its bytes."""
    parent = facts.parent
    cut = CutObjects(id="cut-objects", namespaces=facts.namespaces)
    volumes: Stage = tuple(_capture(claim, parent) for claim in sorted(facts.claims, key=lambda c: c.id))
    gone = tuple((f"namespace {name}", "it was in the previous point and no longer exists") for name in facts.vanished)
    seal = SealPoint(
        id="seal-point",
        point=point,
        parent=parent.id if parent else None,
        missing=gone + tuple((m.what, m.reason) for m in facts.missing),
        exclusions=tuple((e.what, e.reason) for e in facts.left_out),
        notices=facts.notices,
    )
    return Plan(
        kind=RunKind.BACKUP,
        run=run,
        scope=request.policy,
        made_at=now,
        tool_version=tool_version,
        request=request,
        prepare=((cut,), volumes) if volumes else ((cut,),),
        commit=((seal,),),
    )


def _capture(claim: Claim, parent: RecoveryPoint | None) -> CaptureVolume:
    earlier = parent.volumes if parent else ()
    session = next((v.session for v in earlier if v.claim == claim.id and v.mode is claim.mode), None)
    return CaptureVolume(id=f"volume {claim.id}", claim=claim, parent_session=session)
