"""Points and runs as the rows and documents that programs get."""

from collections.abc import Mapping
from typing import Any

from drsync.model.recovery_point import SealedPoint
from drsync.model.request import RestoreRequest
from drsync.model.run import Run, StepState
from drsync.model.step import SealPoint
from drsync.units import print_duration, print_instant


def point_state(sealed: SealedPoint) -> str:
    if sealed.unusable:
        return "UNUSABLE"
    return "complete" if sealed.point.complete else "PARTIAL"


def point_row(sealed: SealedPoint, *, store: str) -> Mapping[str, Any]:
    point = sealed.point
    return {
        "name": point.id,
        "policy": point.policy,
        "state": point_state(sealed),
        "consistentAt": print_instant(point.consistent_at),
        "sealedAt": print_instant(sealed.sealed_at),
        "objects": sum(point.objects.counts.values()),
        "volumes": len(point.volumes),
        "consistency": point.consistency.value,
        "volumeBytes": sum(v.size_bytes for v in point.volumes),
        "cluster": point.cluster,
        "run": point.run,
        "store": store,
    }


def point_document(sealed: SealedPoint, *, store: str) -> dict[str, Any]:
    """All of a point."""
    point = sealed.point
    return {
        "schema": "drsync.point/v1",
        **point_row(sealed, store=store),
        "unusable": sealed.unusable,
        "parent": point.parent,
        "revision": point.objects.revision,
        "namespaces": list(point.objects.namespaces),
        "counts": dict(point.objects.counts),
        "skews": [
            {"kind": s.group_resource, "listedAt": print_instant(s.listed_at), "reason": s.reason}
            for s in point.objects.skews
        ],
        "volumeList": [
            {
                "claim": str(v.claim),
                "mode": v.mode.value,
                "consistency": v.consistency.value,
                "instant": print_instant(v.instant),
                "sizeBytes": v.size_bytes,
                "addedBytes": v.added_bytes,
                "files": v.files,
                "torn": list(v.torn),
                "unreadable": list(v.unreadable),
            }
            for v in point.volumes
        ],
        "missing": [{"what": m.what, "reason": m.reason} for m in point.missing],
        "exclusions": [{"what": e.what, "reason": e.reason} for e in point.exclusions],
        "notices": list(point.notices),
        "policySha256": point.policy_sha256,
        "clockBoundSeconds": point.clock_bound.total_seconds(),
        "sequence": sealed.sequence,
        "epoch": str(sealed.epoch),
        "tool": point.tool_version,
    }


def run_row(run: Run, *, store: str) -> Mapping[str, Any]:
    plan, end = run.plan, run.end
    newest = max((record.at for record in run.records), default=plan.made_at)
    return {
        "name": run.id,
        "kind": plan.kind.name.lower(),
        "policy": plan.request.policy,
        "state": end.outcome.value if end else "unfinished",
        "startedAt": print_instant(plan.made_at),
        "took": print_duration((end.at if end else newest) - plan.made_at),
        "point": _point_of(run),
        "exitCode": end.exit_code if end else None,
        "store": store,
    }


def run_document(run: Run, *, store: str) -> dict[str, Any]:
    """All of a run: its plan, and what came of each step."""
    return {
        "schema": "drsync.run/v1",
        **run_row(run, store=store),
        "steps": [
            {
                "step": record.step,
                "state": record.state.value,
                "attempt": record.attempt,
                "at": print_instant(record.at),
                "result": record.result,
            }
            for record in run.records
        ],
        "notBegun": [s.id for s in run.plan.steps() if s.id not in {r.step for r in run.records}],
        "summary": run.end.summary if run.end else {},
    }


def _point_of(run: Run) -> str | None:
    if isinstance(run.plan.request, RestoreRequest):
        return run.plan.request.point
    sealed = any(r.step == "seal-point" and r.state is StepState.DONE for r in run.records)
    return next((s.point for s in run.plan.steps() if isinstance(s, SealPoint)), None) if sealed else None
