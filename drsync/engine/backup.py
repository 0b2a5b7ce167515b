"""One capture from lease to report."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from drsync.clock import Deadline
from drsync.engine.actions.capture_volume import capture_volume
from drsync.engine.actions.cut_objects import cut_objects
from drsync.engine.actions.seal_point import seal_point
from drsync.engine.capture_inputs import CaptureInputs
from drsync.engine.executor import Action, execute
from drsync.engine.observe import observe_capture
from drsync.engine.outcome import end_of
from drsync.engine.volume_access import VolumeAccess
from drsync.engine.world import Work, World
from drsync.errors import DrsyncError, NoRecoveryPoint, NotFound
from drsync.model.facts import CaptureFacts
from drsync.model.ids import point_id
from drsync.model.plan import Plan
from drsync.model.policy import ProtectionPolicy
from drsync.model.recovery_point import MissedSlot, RecoveryPoint, SealedPoint
from drsync.model.request import CaptureRequest
from drsync.model.run import Outcome, Run, RunEnd
from drsync.model.step import SealPoint
from drsync.plans.capture import plan_capture
from drsync.state.claim import claim
from drsync.state.holder import Holder
from drsync.state.journal import Journal, create_run
from drsync.state.lease import HeldLease, LeaseState, read_lease
from drsync.state.log import CommitLog, MissedBody
from drsync.state.policies import put_policy

UNCERTAIN_CLOCK: Final = timedelta(seconds=1)
"""What may always be off: Date headers tell whole seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupOrder:
    """What to capture, and who does it. Random parts are given, so that the engine stays repeatable."""

    policy: ProtectionPolicy
    document: str
    """The policy files in force, as the store is to keep them."""
    run: str
    point_suffix: str
    holder: Holder
    tool_version: str
    slot: datetime | None = None
    """The slot of the schedule that this capture runs for; None when a person asked for it."""
    passed: tuple[datetime, ...] = ()
    """Earlier slots that nothing ran for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupReport:
    """What came of it."""

    run: str
    point: SealedPoint
    end: RunEnd
    added_bytes: int
    timings: Mapping[str, float]


def backup(order: BackupOrder, world: World, access: VolumeAccess) -> BackupReport:
    """Captures one point. Raises AlreadyRunning, NothingSelected, and whatever ended the run.

    A run that died before is closed as abandoned first; what it uploaded is reused.
    """
    log = CommitLog(world.store, order.policy.name, key=world.keyring.derive("log"))
    before = read_lease(world.store, log.policy)
    lease = claim(world.store, log, order.holder, clock=world.clock, cancel=world.cancel)
    try:
        with lease.keep_alive(world.cancel):
            if before and before.document.state is LeaseState.HELD:
                close_dead_run(world, log, before.document.holder.run, order.run)
            if order.passed:
                _note_missed(order, order.passed[-1], f"{len(order.passed)} slots passed", log, lease, world)
            try:
                plan, inputs = _prepare(order, world, access, log)
                return _carry_out(plan, inputs, world, lease)
            except DrsyncError as error:
                if order.slot:
                    _note_missed(order, order.slot, error.problem, log, lease, world)
                raise
    finally:
        lease.release()


def _note_missed(
    order: BackupOrder, due_at: datetime, reason: str, log: CommitLog, lease: HeldLease, world: World
) -> None:
    """The ledger of the objective holds failures too. What ended the run matters more than that it is noted."""
    try:
        lease.check()
        slot = MissedSlot(due_at=due_at, reason=reason, run=order.run)
        log.append(MissedBody(slot=slot), epoch=lease.epoch, now=world.clock.now())
    except DrsyncError:
        return


def preview(order: BackupOrder, world: World, access: VolumeAccess) -> tuple[Plan, CaptureFacts]:
    """What a backup would do. Changes nothing, neither in the cluster nor in the store."""
    log = CommitLog(world.store, order.policy.name, key=world.keyring.derive("log"))
    seen = observe_capture(order.policy, world.cluster, access, _newest(log))
    return _plan(order, seen.facts, world.clock.now(), ""), seen.facts


def _prepare(order: BackupOrder, world: World, access: VolumeAccess, log: CommitLog) -> tuple[Plan, CaptureInputs]:
    parent = _newest(log)
    seen = observe_capture(order.policy, world.cluster, access, parent)
    sha256 = put_policy(world.store, order.document)
    inputs = CaptureInputs(
        policy=order.policy,
        policy_sha256=sha256,
        discovery=seen.discovery,
        parent=parent,
        log=log,
        clock_bound=abs(world.store.skew or timedelta()) + UNCERTAIN_CLOCK,
    )
    return _plan(order, seen.facts, world.clock.now(), sha256), inputs


def _plan(order: BackupOrder, facts: CaptureFacts, now: datetime, sha256: str) -> Plan:
    return plan_capture(
        CaptureRequest(policy=order.policy.name, policy_sha256=sha256, cluster=order.policy.cluster),
        facts,
        run=order.run,
        point=point_id(now=now, suffix=order.point_suffix),
        now=now,
        tool_version=order.tool_version,
    )


def _carry_out(plan: Plan, inputs: CaptureInputs, world: World, lease: HeldLease) -> BackupReport:
    key = world.keyring.derive("journal")
    create_run(world.store, plan, key=key)
    journal = Journal(world.store, plan.run, key=key)
    began_s = world.clock.boot_s()
    work = Work(world=world, plan=plan, inputs=inputs, results={})
    try:
        run = execute(work, journal, lease, _actions(lease)).run
    except DrsyncError as error:
        _end_quietly(journal, end_of(error, now=world.clock.now()), lease)
        raise
    took_s = world.clock.boot_s() - began_s
    point = sealed_by(inputs.log, plan)
    end = _end(run, point, world.clock.now())
    journal.end(end)
    added = sum(int(r.result.get("addedBytes", 0)) for r in run.records)
    return BackupReport(run=plan.run, point=point, end=end, added_bytes=added, timings={"cutToSealS": round(took_s, 3)})


def _actions(lease: HeldLease) -> Mapping[str, Action[CaptureInputs]]:
    def seal(step: SealPoint, work: Work[CaptureInputs], deadline: Deadline) -> dict[str, Any]:
        return seal_point(step, work, deadline, epoch=lease.epoch)

    return {"cut-objects": cut_objects, "capture-volume": capture_volume, "seal-point": seal}


def sealed_by(log: CommitLog, plan: Plan) -> SealedPoint:
    """The log's own word for what this plan sealed."""
    wanted = next(s.point for s in plan.steps() if isinstance(s, SealPoint))
    found = next((p for p in log.read().points if p.point.id == wanted), None)
    if found is None:
        raise NoRecoveryPoint(f"The log does not hold {wanted}.", remedy="run the backup again")
    return found


def close_dead_run(world: World, log: CommitLog, dead: str, closer: str) -> None:
    """Writes the end of a run whose process died while it held this policy's lease."""
    journal = _open_if_there(world, dead)
    if journal is None or journal.read().end is not None:
        return
    sealed = any(p.point.run == dead for p in log.read().points)
    journal.end(
        RunEnd(
            outcome=Outcome.COMPLETE if sealed else Outcome.ABANDONED,
            exit_code=0 if sealed else 1,
            at=world.clock.now(),
            summary={"words": "its process died; the next run closed it", "closedBy": closer},
        )
    )


def _open_if_there(world: World, run: str) -> Journal | None:
    try:
        return Journal(world.store, run, key=world.keyring.derive("journal"))
    except NotFound:
        # It died before its plan was written: nothing was begun, so nothing is to be closed.
        return None


def _newest(log: CommitLog) -> RecoveryPoint | None:
    usable = [p for p in log.read().points if not p.unusable]
    return usable[-1].point if usable else None


def _end(run: Run, point: SealedPoint, now: datetime) -> RunEnd:
    complete = point.point.complete
    return RunEnd(
        outcome=Outcome.COMPLETE if complete else Outcome.PARTIAL,
        exit_code=0 if complete else 3,
        at=now,
        summary={"point": point.point.id, "steps": len(run.records)},
    )


def _end_quietly(journal: Journal, end: RunEnd, lease: HeldLease) -> None:
    """The run's own error matters more than that its end could not be written."""
    try:
        lease.check()
        journal.end(end)
    except DrsyncError:
        return
