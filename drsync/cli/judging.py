"""Objectives as rows: what programs get, and the words that people read."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from drsync.model.policy import ProtectionPolicy
from drsync.objectives import Objective, State
from drsync.units import print_duration, print_instant


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
