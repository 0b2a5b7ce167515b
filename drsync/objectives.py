"""What would be lost now, whether that is more than agreed, and when it will be."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from drsync.model.policy import ProtectionPolicy
from drsync.model.recovery_point import MissedSlot, SealedPoint


@dataclass(frozen=True, slots=True, kw_only=True)
class PointTime:
    """When a point's content was cut, and since when it could be restored."""

    consistent_at: datetime
    usable_at: datetime
    bound: timedelta = timedelta()
    """How far clocks may be off that is not yet taken off `consistent_at`."""


class State(StrEnum):
    """In the words that people see."""

    PROTECTED = "PROTECTED"
    AT_RISK = "AT RISK"
    BREACHED = "BREACHED"
    UNPROTECTED = "UNPROTECTED"
    PAUSED = "PAUSED"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """A policy's RPO, judged."""

    policy: str
    state: State
    rpo: timedelta
    exposure: timedelta | None
    """None: infinite, nothing could be restored."""
    breach_at: datetime | None
    """When the RPO breaks, or broke, unless a new point comes; None: there is no point."""
    newest: SealedPoint | None
    """The newest point that counts."""
    worst_case: timedelta
    compliance: float | None
    """Share of the time since the log began in which the RPO was kept; None: nothing is known."""
    reasons: tuple[str, ...]


def point_times(points: Iterable[SealedPoint], *, allow_live: bool) -> tuple[PointTime, ...]:
    """Only points that count: complete, not withdrawn, and not read live unless that is allowed."""
    raise NotImplementedError


def exposure(points: Iterable[PointTime], now: datetime, *, bound: timedelta = timedelta()) -> timedelta | None:
    """The age of the newest content that can be restored; None is infinite. `bound` is how far off `now` may be."""
    raise NotImplementedError


def breach_at(points: Iterable[PointTime], rpo: timedelta, now: datetime) -> datetime | None:
    """When the exposure passes the RPO if no point comes; may be past. None without a point."""
    raise NotImplementedError


def worst_case(policy: ProtectionPolicy, *, capture: timedelta = timedelta()) -> timedelta:
    """The largest exposure that can be when all goes well: interval + capture time + jitter + copy."""
    raise NotImplementedError


def compliance(points: Iterable[PointTime], rpo: timedelta, *, since: datetime, now: datetime) -> float:
    """The share of the time from `since` to `now` in which the exposure was within the RPO."""
    raise NotImplementedError


def judge(
    policy: ProtectionPolicy,
    points: Sequence[SealedPoint],
    *,
    now: datetime,
    since: datetime | None = None,
    next_slot: datetime | None = None,
    missed: Sequence[MissedSlot] = (),
    unreadable: str = "",
    bound: timedelta = timedelta(),
) -> Objective:
    """`since` is when the log began; `unreadable` says why the store could not be read, and makes it UNKNOWN."""
    raise NotImplementedError
