"""A policy's schedule as the scheduler wants it: only a timer, never the truth about what is due."""

from datetime import datetime, timedelta
from typing import Any

from apscheduler.triggers.base import BaseTrigger

from drsync.model.policy import Schedule
from drsync.schedule import next_slot


class SlotTrigger(BaseTrigger):
    """Fires at each slot."""

    def __init__(self, schedule: Schedule, policy: str) -> None:
        self._schedule = schedule
        self._policy = policy

    def get_next_fire_time(self, previous_fire_time: Any, now: datetime) -> Any:
        after: datetime = previous_fire_time or now
        # One slot at a time: after a long sleep the next in the future is enough, what was missed is in the log.
        return next_slot(self._schedule, self._policy, after=max(after, now - timedelta(seconds=1)))
