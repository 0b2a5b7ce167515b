"""When captures are due: a pure function of the schedule, the policy's name and the time."""

import hashlib
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from cronsim import CronSim

from drsync.model.policy import Schedule

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_LOOK = timedelta(hours=2)
_LONGEST_LOOK = timedelta(days=366 * 9)
"""February 29 stays away for eight years at most."""


def slots(schedule: Schedule, policy: str, *, after: datetime, until: datetime) -> Iterator[datetime]:
    """Every slot later than `after` and not later than `until`, in UTC, whether or not it is paused."""
    late = lateness(schedule, policy)
    for slot in _plain_slots(schedule, after - late):
        if slot + late > until:
            return
        yield slot + late


def next_slot(schedule: Schedule, policy: str, *, after: datetime) -> datetime:
    """The first slot later than `after`."""
    late = lateness(schedule, policy)
    return next(islice(_plain_slots(schedule, after - late), 1)) + late


def latest_slot(schedule: Schedule, policy: str, *, now: datetime) -> datetime | None:
    """The last slot that is not later than `now`."""
    look = _FIRST_LOOK
    while True:
        found = deque(slots(schedule, policy, after=now - look, until=now), maxlen=1)
        if found or look > _LONGEST_LOOK:
            return found[0] if found else None
        look *= 4


def due(schedule: Schedule, policy: str, *, last: datetime | None, now: datetime) -> datetime | None:
    """The slot that a capture should run for now, if any.

    `last` is the slot, or the start, of the newest capture. However many slots went by since then,
    only the newest is due: a capture now is worth as much as all of them.
    """
    if schedule.paused:
        return None
    slot = latest_slot(schedule, policy, now=now)
    return slot if slot is not None and (last is None or slot > last) else None


def lateness(schedule: Schedule, policy: str) -> timedelta:
    """This policy's own share of the jitter: always the same, and evenly spread over policies."""
    digest = hashlib.blake2b(policy.encode(), digest_size=8).digest()
    seconds = int(schedule.jitter.total_seconds())
    return timedelta(seconds=int.from_bytes(digest) * seconds >> 64)


def _plain_slots(schedule: Schedule, after: datetime) -> Iterator[datetime]:
    """Slots without jitter, later than `after`."""
    if schedule.cron is None:
        return _every(schedule.every, after)
    return _cron(schedule.cron, ZoneInfo(schedule.timezone), after)


def _every(interval: timedelta, after: datetime) -> Iterator[datetime]:
    slot = _EPOCH + (after - _EPOCH) // interval * interval
    while True:
        slot += interval
        yield slot


def _cron(expression: str, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    """As Debian's cron: a fixed hour that daylight saving skips or repeats comes once; `*` follows real time."""
    latest = after.astimezone(UTC)
    for local in CronSim(expression, after.astimezone(zone)):
        slot = local.astimezone(UTC)
        # In the repeated hour it looks back to the first pass, and in the skipped one several become one.
        if slot > latest:
            yield slot
            latest = slot
