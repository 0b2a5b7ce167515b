"""What would be lost now, whether that is more than agreed, and when it will be.

Every instant is taken so that the loss is never understated: a point's content is as old as its
oldest part, never newer than its seal, and older by what clocks may be off.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from drsync.model.policy import ProtectionPolicy
from drsync.model.recovery_point import MissedSlot, SealedPoint
from drsync.model.volume import Consistency
from drsync.units import print_duration, print_instant

RISK_SHARE = 0.8
"""Of the RPO: a warning from here on."""
FUTURE = timedelta(seconds=60)
"""Clocks that differ by more are an alarm."""
_SHORTEST_CAPTURE = timedelta(seconds=30)
"""Less is not worth an alarm."""
_RECENT = 20
"""Points whose capture times say how long the next one will take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PointTime:
    """When a point's content was cut, and since when it could be restored."""

    consistent_at: datetime
    usable_at: datetime
    bound: timedelta = timedelta()
    """How far clocks may be off that is not yet taken off `consistent_at`."""

    @property
    def instant(self) -> datetime:
        """Everything written before it is in the point, whatever the clocks say."""
        return min(self.consistent_at, self.usable_at) - self.bound


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
    """None: infinite, nothing could be restored; or, when UNKNOWN, nobody knows."""
    breach_at: datetime | None
    """When the RPO breaks, or broke, unless a new point comes; None: there is no point."""
    newest: SealedPoint | None
    """The newest point that counts."""
    worst_case: timedelta
    compliance: float | None
    """Share of the time since the log began in which the RPO was kept; None: nothing is known."""
    reasons: tuple[str, ...]


def counts(sealed: SealedPoint, *, allow_live: bool) -> bool:
    """Whether a point counts: complete, not withdrawn, and not read live unless that is allowed."""
    is_live = sealed.point.consistency is Consistency.LIVE
    return sealed.point.complete and not sealed.unusable and (allow_live or not is_live)


def point_time(sealed: SealedPoint) -> PointTime:
    """The clock bound is off the point's own instants already."""
    return PointTime(consistent_at=sealed.point.consistent_at, usable_at=sealed.sealed_at)


def point_times(points: Iterable[SealedPoint], *, allow_live: bool) -> tuple[PointTime, ...]:
    """Of the points that count."""
    return tuple(point_time(sealed) for sealed in points if counts(sealed, allow_live=allow_live))


def exposure(points: Iterable[PointTime], now: datetime, *, bound: timedelta = timedelta()) -> timedelta | None:
    """The age of the newest content that can be restored; None is infinite. `bound` is how far off `now` may be."""
    newest = _newest_instant(points, now)
    return None if newest is None else now + bound - newest


def breach_at(points: Iterable[PointTime], rpo: timedelta, now: datetime) -> datetime | None:
    """When the exposure passes the RPO if no point comes; may be past. None without a point."""
    newest = _newest_instant(points, now)
    return None if newest is None else newest + rpo


def worst_case(policy: ProtectionPolicy, *, capture: timedelta = timedelta()) -> timedelta:
    """The largest exposure that can be when all goes well: interval + capture time + jitter + copy."""
    copy = max((copy.within or timedelta() for copy in policy.copies), default=timedelta())
    return policy.schedule.every + capture + policy.schedule.jitter + copy


def compliance(points: Iterable[PointTime], rpo: timedelta, *, since: datetime, now: datetime) -> float:
    """The share of the time from `since` to `now` in which the exposure was within the RPO.

    Between two usable times the exposure only grows, so each gap is bad from one instant on. Points
    that end out of order are covered by the running maximum. For no time at all: how it is now.
    """
    best: datetime | None = None
    kept_until = since
    bad = timedelta()
    for point in sorted(points, key=lambda point: point.usable_at):
        if point.usable_at > now:
            break
        if point.usable_at > since:
            bad += _bad(kept_until, point.usable_at, best, rpo)
            kept_until = point.usable_at
        best = point.instant if best is None else max(best, point.instant)
    if now <= since:
        return 1.0 if best is not None and now <= best + rpo else 0.0
    bad += _bad(kept_until, now, best, rpo)
    return 1.0 - bad / (now - since)


def judge(  # noqa: PLR0913 - the facts of one judgement
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
    """The policy's state with every reason for it. What is not known is never good.

    `since` is when the log began; `unreadable` says in one sentence why the store could not be read;
    `bound` is how far the clock of whoever judges may be off.
    """
    evidence = _Evidence(points, missed=missed, next_slot=next_slot, unreadable=unreadable)
    counting = [sealed for sealed in points if counts(sealed, allow_live=policy.allow_live)]
    times = [point_time(sealed) for sealed in counting]
    age = None if unreadable else exposure(times, now, bound=bound)
    usable = [sealed for sealed in counting if sealed.sealed_at <= now]
    newest = max(usable, key=lambda sealed: point_time(sealed).instant, default=None)
    state, reasons = _state(policy, evidence, newest=newest, age=age, now=now)
    return Objective(
        policy=policy.name,
        state=state,
        rpo=policy.rpo,
        exposure=age,
        breach_at=None if unreadable else breach_at(times, policy.rpo, now),
        newest=None if unreadable else newest,
        worst_case=worst_case(policy, capture=capture_time(counting)),
        compliance=None if unreadable or since is None else compliance(times, policy.rpo, since=since, now=now),
        reasons=reasons,
    )


def capture_time(points: Sequence[SealedPoint]) -> timedelta:
    """From cut to usable, which 95 of 100 recent captures did not exceed; nothing without points."""
    recent = sorted(points, key=lambda sealed: sealed.sealed_at)[-_RECENT:]
    took = sorted(max(timedelta(), sealed.sealed_at - sealed.point.consistent_at) for sealed in recent)
    return took[(len(took) * 95 + 99) // 100 - 1] if took else timedelta()


def print_exposure(value: timedelta | None) -> str:
    """`19m08s`, or the sign of infinity."""
    return "∞" if value is None else print_duration(value)


@dataclass(frozen=True, slots=True)
class _Evidence:
    points: Sequence[SealedPoint]
    missed: Sequence[MissedSlot]
    next_slot: datetime | None
    unreadable: str


def _newest_instant(points: Iterable[PointTime], now: datetime) -> datetime | None:
    return max((point.instant for point in points if point.usable_at <= now), default=None)


def _bad(begin: datetime, end: datetime, best: datetime | None, rpo: timedelta) -> timedelta:
    """How much of the gap the exposure was too large."""
    if best is None:
        return end - begin
    return max(timedelta(), end - max(begin, best + rpo))


def _state(
    policy: ProtectionPolicy,
    evidence: _Evidence,
    *,
    newest: SealedPoint | None,
    age: timedelta | None,
    now: datetime,
) -> tuple[State, tuple[str, ...]]:
    if evidence.unreadable:
        return State.UNKNOWN, (evidence.unreadable,)
    paused = ("The schedule is paused.",) if policy.schedule.paused else ()
    future = tuple(_future(evidence.points, now))
    if age is None or newest is None:
        return State.UNPROTECTED, (_nothing_counts(evidence.points, now), *future, *paused)
    risks = (*future, *_risks(policy, evidence, newest=newest, age=age, now=now))
    if age > policy.rpo:
        over = f"{print_duration(age)} would be lost, and {print_duration(policy.rpo)} is agreed."
        return State.BREACHED, (over, *risks, *paused)
    if paused:
        return State.PAUSED, (*paused, *risks)
    return (State.AT_RISK if risks else State.PROTECTED), risks


def _nothing_counts(points: Sequence[SealedPoint], now: datetime) -> str:
    if not points:
        return "There is no point yet."
    if any(sealed.point.complete and not sealed.unusable for sealed in points if sealed.sealed_at <= now):
        return "No point counts: volumes were read live, and objectives.allowLive is not true."
    return "No point counts: each is partial, withdrawn or not usable yet."


def _future(points: Sequence[SealedPoint], now: datetime) -> Iterator[str]:
    ahead = [max(s.point.consistent_at, s.sealed_at) - now for s in points]
    if ahead and max(ahead) > FUTURE:
        yield f"A point is dated {print_duration(max(ahead))} in the future: a clock is wrong."


def _risks(
    policy: ProtectionPolicy, evidence: _Evidence, *, newest: SealedPoint, age: timedelta, now: datetime
) -> Iterator[str]:
    seen = point_time(newest).instant
    breach = seen + policy.rpo
    if age <= policy.rpo and age > policy.rpo * RISK_SHARE:
        yield f"{print_duration(age)} of {print_duration(policy.rpo)} are used up."
    ready = _next_ready(policy, evidence, seen=seen, now=now)
    if ready is not None and age <= policy.rpo and ready > breach:
        yield f"The RPO breaks at {print_instant(breach)}; the next point is expected at {print_instant(ready)}."
    later = [sealed for sealed in evidence.points if sealed.sequence > newest.sequence]
    partial = [sealed for sealed in later if not sealed.point.complete]
    if partial:
        yield f"The newer point {partial[-1].point.id} is partial and does not count."
    withdrawn = [sealed for sealed in later if sealed.unusable]
    if withdrawn:
        yield f"The newer point {withdrawn[-1].point.id} was withdrawn: {withdrawn[-1].unusable}"
    missed = [slot for slot in evidence.missed if seen < slot.due_at <= now]
    if missed:
        yield f"The capture due at {print_instant(missed[-1].due_at)} made no point: {missed[-1].reason}"


def _next_ready(policy: ProtectionPolicy, evidence: _Evidence, *, seen: datetime, now: datetime) -> datetime | None:
    """When the next point should be usable; None while nobody captures.

    A capture whose slot has just passed is taken to be under way, for twice the time that one takes.
    """
    if evidence.next_slot is None or policy.schedule.paused:
        return None
    good = [sealed for sealed in evidence.points if counts(sealed, allow_live=policy.allow_live)]
    takes = capture_time(good)
    passed = evidence.next_slot - policy.schedule.every
    is_under_way = seen < passed <= now <= passed + 2 * max(takes, _SHORTEST_CAPTURE)
    return max(now, passed + takes) if is_under_way else max(now, evidence.next_slot) + takes
