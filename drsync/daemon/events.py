"""What a person should be told, from what a round found. Pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from drsync.model.event import Event, EventKind
from drsync.model.policy import ProtectionPolicy
from drsync.objectives import Objective, State
from drsync.units import print_duration, print_instant
from drsync.web.view import RunView

_PARTIAL = 3
_SKIPPED = 11
"""Another run was at work: not a failure of this one."""


def objective_events(
    policy: ProtectionPolicy, objectives: Sequence[tuple[str, Objective]], *, now: datetime
) -> Iterator[Event]:
    """One event a standby and kind, firing or not: what fires no more is thereby resolved."""
    for standby, objective in objectives:
        about = f"{policy.name}@{standby}" if standby else policy.name
        breached = objective.state in (State.BREACHED, State.UNPROTECTED)
        yield Event(
            kind=EventKind.RPO_BREACHED,
            key=f"rpo-breached/{about}",
            policy=policy.name,
            at=now,
            firing=breached,
            problem=_exposure(about, objective),
            remedy=f"drsync backup {policy.name}; runbooks/rpo-breached.md",
            details={"standby": standby, "rpoSeconds": objective.rpo.total_seconds()},
        )
        yield Event(
            kind=EventKind.RPO_AT_RISK,
            key=f"rpo-at-risk/{about}",
            policy=policy.name,
            at=now,
            firing=objective.state is State.AT_RISK,
            problem=_risk(about, objective),
            remedy=objective.reasons[0] if objective.reasons else f"drsync backup {policy.name}",
            details={"standby": standby},
        )


def run_events(run: RunView, *, now: datetime) -> Iterator[Event]:
    """Of the newest run: a later one that is well resolves what an earlier one told."""
    failed = run.exit_code not in (0, _PARTIAL, _SKIPPED, 5)
    yield Event(
        kind=EventKind.RUN_FAILED,
        key=f"run-failed/{run.policy}",
        policy=run.policy,
        at=now,
        firing=failed,
        problem=f"The newest capture of {run.policy} failed with exit code {run.exit_code}.",
        remedy="drsync get runs --since 24h",
        details={"exitCode": run.exit_code},
    )
    yield Event(
        kind=EventKind.PARTIAL,
        key=f"partial/{run.policy}",
        policy=run.policy,
        at=now,
        firing=run.exit_code == _PARTIAL,
        problem=f"The newest point of {run.policy} is partial and does not count.",
        remedy=f"drsync describe point {run.policy}@latest; mend what is missing",
    )


def store_event(store: str, policy: str, problem: str, *, now: datetime) -> Event:
    """An empty problem resolves it."""
    return Event(
        kind=EventKind.STORE_UNREACHABLE,
        key=f"store-unreachable/{store}/{policy}",
        policy=policy,
        at=now,
        firing=bool(problem),
        problem=problem or f"Store {store} answers again.",
        remedy="drsync doctor",
        details={"store": store},
    )


def missed_event(policy: str, passed: int, *, now: datetime, firing: bool) -> Event:
    return Event(
        kind=EventKind.SLOT_MISSED,
        key=f"slot-missed/{policy}",
        policy=policy,
        at=now,
        firing=firing,
        problem=f"{passed} slots of {policy} passed while nothing ran.",
        remedy="drsync get runs --since 24h; see that the daemon runs",
    )


def _exposure(about: str, objective: Objective) -> str:
    target = print_duration(objective.rpo)
    if objective.exposure is None:
        return f"{about} has no point that counts: everything would be lost, {target} is allowed."
    return f"{about} would lose {print_duration(objective.exposure)}, {target} is allowed."


def _risk(about: str, objective: Objective) -> str:
    when = print_instant(objective.breach_at) if objective.breach_at else "soon"
    return f"{about} will breach its RPO of {print_duration(objective.rpo)} at {when}."
