"""Seal the point: one log entry, and the point exists."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from drsync.clock import Deadline
from drsync.engine.capture_inputs import CaptureInputs
from drsync.engine.world import Work
from drsync.model.epoch import Epoch
from drsync.model.recovery_point import CapturedObjects, Exclusion, KindSkew, Missing, RecoveryPoint
from drsync.model.step import CaptureVolume, CutObjects, SealPoint
from drsync.model.volume import CapturedVolume, Consistency
from drsync.state.log import SealedBody

SHARP_DROP: Final = 0.5
"""Fewer than this share of the previous point's objects is worth a look."""
_FEW: Final = 10
_NAMED: Final = 20


def seal_point(step: SealPoint, work: Work[CaptureInputs], _deadline: Deadline, *, epoch: Epoch) -> dict[str, Any]:
    """Appends the point to the policy's log; a run that was cut off after the append finds its own entry."""
    point = build_point(step, work)
    entry = work.inputs.log.append(SealedBody(point=point), epoch=epoch, now=work.world.clock.now())
    return {
        "words": f"{point.id} {'complete' if point.complete else 'PARTIAL'}",
        "point": point.id,
        "sequence": entry.sequence,
        "sealedAt": entry.at.isoformat(),
    }


def build_point(step: SealPoint, work: Work[CaptureInputs]) -> RecoveryPoint:
    """The point that the journal's results add up to."""
    inputs = work.inputs
    cut = next(work.results[s.id] for s in work.plan.steps() if isinstance(s, CutObjects))
    namespaces = next(s.namespaces for s in work.plan.steps() if isinstance(s, CutObjects))
    steps = [s for s in work.plan.steps() if isinstance(s, CaptureVolume)]
    volumes = tuple(_volume(s, work.results[s.id]) for s in steps if "session" in work.results[s.id])
    return RecoveryPoint(
        id=step.point,
        policy=inputs.policy.name,
        policy_sha256=inputs.policy_sha256,
        cluster=inputs.policy.cluster,
        run=work.plan.run,
        parent=step.parent,
        objects=CapturedObjects(
            session=cut["session"],
            cut_at=datetime.fromisoformat(cut["cutAt"]) - inputs.clock_bound,
            revision=cut["revision"],
            counts=cut["counts"],
            namespaces=namespaces,
            skews=tuple(
                KindSkew(group_resource=s["kind"], listed_at=datetime.fromisoformat(s["listedAt"]), reason=s["reason"])
                for s in cut["skews"]
            ),
        ),
        volumes=volumes,
        missing=tuple(_missing(step, steps, work, cut)),
        exclusions=tuple(_exclusions(step, steps, work, cut)),
        notices=(*step.notices, *cut["notices"], *_notices(inputs.parent, cut["counts"], volumes)),
        clock_bound=inputs.clock_bound,
        started_at=work.plan.made_at,
        tool_version=work.plan.tool_version,
    )


def _volume(step: CaptureVolume, result: Mapping[str, Any]) -> CapturedVolume:
    return CapturedVolume(
        claim=step.claim.id,
        session=result["session"],
        mode=step.claim.mode,
        consistency=Consistency(result["consistency"]),
        instant=datetime.fromisoformat(result["instant"]),
        size_bytes=result["sizeBytes"],
        added_bytes=result["addedBytes"],
        files=result["files"],
        torn=tuple(result["torn"])[:_NAMED],
        unreadable=tuple(result["unreadable"])[:_NAMED],
    )


def _missing(
    step: SealPoint, volumes: list[CaptureVolume], work: Work[CaptureInputs], cut: Mapping[str, Any]
) -> Iterator[Missing]:
    for what, reason in step.missing:
        yield Missing(what=what, reason=reason)
    for failure in cut["failures"]:
        yield Missing(what=failure["what"], reason=failure["reason"])
    for one in volumes:
        result = work.results[one.id]
        if "problem" in result:
            yield Missing(what=f"volume {one.claim.id}", reason=result["problem"])
        elif result["unreadable"]:
            count = len(result["unreadable"])
            yield Missing(
                what=f"{count} files of volume {one.claim.id}", reason=f"unreadable: {result['unreadable'][0]}"
            )
    yield from _closure(step, volumes, cut)


def _exclusions(
    step: SealPoint, volumes: list[CaptureVolume], work: Work[CaptureInputs], cut: Mapping[str, Any]
) -> Iterator[Exclusion]:
    for what, reason in step.exclusions:
        yield Exclusion(what=what, reason=reason)
    for one in volumes:
        for skipped in work.results[one.id].get("skipped", ())[:_NAMED]:
            path, _, reason = skipped.partition(": ")
            yield Exclusion(what=f"volume {one.claim.id} {path}", reason=reason or "not a kind of file that is kept")
    for excluded in cut["excluded"]:
        yield Exclusion(what=excluded["what"], reason=excluded["reason"])


def _closure(step: SealPoint, volumes: list[CaptureVolume], cut: Mapping[str, Any]) -> Iterator[Missing]:
    """The claims that exist at the point's revision must be those that were dealt with, no more and no less."""
    at_revision = set(cut["claims"])
    captured = {str(s.claim.id) for s in volumes}
    dealt_with = captured | {what.removeprefix("volume ") for what, _ in (*step.missing, *step.exclusions)}
    for claim in sorted(at_revision - dealt_with):
        yield Missing(what=f"volume {claim}", reason="the claim appeared while the capture began; the next one has it")
    for claim in sorted(captured - at_revision):
        yield Missing(what=f"object of claim {claim}", reason="the claim went away while the capture began")


def _notices(
    parent: RecoveryPoint | None, counts: Mapping[str, int], volumes: tuple[CapturedVolume, ...]
) -> Iterator[str]:
    """What a person should look at although the point is complete."""
    for volume in volumes:
        if volume.files == 0 and not volume.size_bytes:
            yield f"volume {volume.claim} is empty"
        if volume.torn:
            yield f"volume {volume.claim}: {len(volume.torn)} files changed while being read, first {volume.torn[0]}"
    if parent:
        yield from _drops(parent, counts, volumes)


def _drops(parent: RecoveryPoint, counts: Mapping[str, int], volumes: tuple[CapturedVolume, ...]) -> Iterator[str]:
    compared = [("objects", sum(parent.objects.counts.values()), sum(counts.values()))]
    compared += [(kind, had, counts.get(kind, 0)) for kind, had in sorted(parent.objects.counts.items())]
    earlier = {v.claim: v.files for v in parent.volumes}
    compared += [(f"files in volume {v.claim}", earlier.get(v.claim, 0), v.files) for v in volumes]
    for what, had, has in compared:
        if had >= _FEW and has < had * SHARP_DROP:
            yield f"sharp drop: {has} {what}, the previous point has {had}"
