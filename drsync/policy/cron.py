"""The longest time between two slots of a cron expression."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from cronsim import CronSim

_FROM = datetime(2024, 1, 1, tzinfo=UTC)
_HOUR = timedelta(hours=1)
_DAYS = 366 * 8
"""Eight years: every month length, every weekday on every date, two leap days."""


def longest_gap(expression: str, zone: str) -> timedelta:
    """The longest time between two slots, with changed clocks counted in; eight years if it is longer.

    Times of day are the same on every day that matches, so days and times are looked at apart.
    """
    minute, hour, *days = expression.split()
    times = _times_of_day(minute, hour)
    within = max((late - early for early, late in pairwise(times)), default=timedelta())
    overnight = timedelta(days=_longest_days_apart(days)) - times[-1] + times[0]
    gap = max(within, overnight)
    changes = _clock_changes(ZoneInfo(zone))
    if changes and (minute.startswith("*") or hour.startswith("*")):
        # Such slots follow the clock on the wall: those in a skipped hour never come.
        gap = max(gap, *(_gap_around(expression, ZoneInfo(zone), change, gap) for change in changes))
        return gap + _HOUR if gap >= timedelta(days=1) else gap
    return gap + _HOUR if changes and gap >= _HOUR else gap


def _times_of_day(minute: str, hour: str) -> list[timedelta]:
    sim = CronSim(f"{minute} {hour} * * *", _FROM)
    return [timedelta(hours=h, minutes=m) for h in sorted(sim.hours) for m in sorted(sim.minutes)]


def _longest_days_apart(days: list[str]) -> int:
    """Between two days that match."""
    sim = CronSim(" ".join(["0", "0", *days]), _FROM)
    dates = (_FROM.date() + timedelta(days=day) for day in range(_DAYS))
    matching = [date for date in dates if date.month in sim.months and sim.match_day(date)]
    return max(((late - early).days for early, late in pairwise(matching)), default=_DAYS)


def _clock_changes(zone: ZoneInfo) -> list[datetime]:
    """The hours of one year after which the zone's offset is another."""
    hours = [_FROM + _HOUR * hour for hour in range(24 * 366)]
    offsets = [hour.astimezone(zone).utcoffset() for hour in hours[::24]]
    changed = [day for day, (early, late) in enumerate(pairwise(offsets)) if early != late]
    return [
        early
        for day in changed
        for early, late in pairwise(hours[day * 24 : day * 24 + 25])
        if early.astimezone(zone).utcoffset() != late.astimezone(zone).utcoffset()
    ]


def _gap_around(expression: str, zone: ZoneInfo, change: datetime, gap: timedelta) -> timedelta:
    longest, before = timedelta(), None
    for local in CronSim(expression, (change - gap - _HOUR).astimezone(zone)):
        slot = local.astimezone(UTC)
        if before is not None:
            longest = max(longest, slot - before)
        if slot > change + 3 * _HOUR:
            return longest
        before = slot
    return longest
