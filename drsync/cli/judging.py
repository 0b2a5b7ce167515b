"""What the log of a policy comes to: its objective, for each standby."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from drsync.engine.opening import OpenedStore
from drsync.model.policy import Config, ProtectionPolicy
from drsync.objectives import Objective, State, judge
from drsync.schedule import next_slot
from drsync.state.log import CommitLog, History
from drsync.units import print_duration, print_instant


def read_history(opened: OpenedStore, policy: str) -> History:
    return CommitLog(opened.store, policy, key=opened.log_key).read()


def judge_policy(
    config: Config, policy: ProtectionPolicy, history: History, *, now: datetime, skew: timedelta | None
) -> list[tuple[str, Objective]]:
    """(standby, objective) for each standby; one with an empty name where the policy names none."""
    upcoming = None if policy.schedule.paused else next_slot(policy.schedule, policy.name, after=now)
    standbys = policy.standbys or ("",)
    return [
        (
            standby,
            judge(
                policy,
                history.points if reads(config, policy, standby) else (),
                now=now,
                since=history.since,
                next_slot=upcoming,
                missed=history.missed,
                bound=abs(skew) if skew else timedelta(),
                unreadable="",
            ),
        )
        for standby in standbys
    ]


def reads(config: Config, policy: ProtectionPolicy, standby: str) -> bool:
    """Whether the standby can read the store that the points go to; a point elsewhere is no point for it."""
    target = config.clusters.get(standby)
    return target is None or not target.reads_stores or policy.copies[0].store in target.reads_stores


def row_of(policy: ProtectionPolicy, standby: str, objective: Objective, *, store: str) -> Mapping[str, Any]:
    """A row of `drsync status`, as programs get it."""
    newest = objective.newest.point if objective.newest else None
    exposure = objective.exposure
    return {
        "name": policy.name,
        "policy": policy.name,
        "standby": standby,
        "store": store,
        "state": objective.state.value,
        "exposureSeconds": None if exposure is None else round(exposure.total_seconds()),
        "rpoSeconds": round(objective.rpo.total_seconds()),
        "worstCaseSeconds": round(objective.worst_case.total_seconds()),
        "point": newest.id if newest else None,
        "consistentAt": print_instant(newest.consistent_at) if newest else None,
        "consistency": newest.consistency.value if newest else None,
        "breachAt": print_instant(objective.breach_at) if objective.breach_at else None,
        "compliance": objective.compliance,
        "reasons": list(objective.reasons),
    }


def unknown_row(policy: ProtectionPolicy, *, store: str, reason: str) -> Mapping[str, Any]:
    return {
        "name": policy.name,
        "policy": policy.name,
        "standby": "",
        "store": store,
        "state": State.UNKNOWN.value,
        "exposureSeconds": None,
        "rpoSeconds": round(policy.rpo.total_seconds()),
        "worstCaseSeconds": None,
        "point": None,
        "consistentAt": None,
        "consistency": None,
        "breachAt": None,
        "compliance": None,
        "reasons": [reason],
    }


def is_breached(rows: Iterable[Mapping[str, Any]]) -> bool:
    return any(row["state"] in (State.BREACHED, State.UNPROTECTED) for row in rows)


def exposure_words(row: Mapping[str, Any]) -> str:
    seconds = row["exposureSeconds"]
    if seconds is None:
        return "unknown" if row["state"] == State.UNKNOWN else "everything"
    return print_duration(timedelta(seconds=seconds))
