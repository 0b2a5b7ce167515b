"""One timer a policy, on APScheduler: it says when to look at the log, never what is due."""

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from drsync.model.policy import Schedule
from drsync.schedule import next_slot


class SlotTrigger(BaseTrigger):
    """Fires at each slot of a schedule."""

    def __init__(self, schedule: Schedule, policy: str) -> None:
        self._schedule = schedule
        self._policy = policy

    def get_next_fire_time(self, previous_fire_time: Any, now: datetime) -> Any:
        """Always in the future: slots that passed while nothing ran are the log's to tell."""
        del previous_fire_time
        return next_slot(self._schedule, self._policy, after=now)


class Timers:
    """Kept in memory alone: every timer is derived from the policies at each start, so there is no second truth."""

    def __init__(self, *, at_once: int) -> None:
        self._scheduler: Any = BackgroundScheduler(
            timezone="UTC",
            executors={"default": ThreadPoolExecutor(at_once)},
            # By default a call that is a second late is dropped.
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )
        self._set: dict[str, Schedule] = {}

    def start(self) -> None:
        self._scheduler.start()

    def arrange(self, schedules: dict[str, Schedule], call: Callable[[str], None]) -> None:
        """Calls with each policy's name at its slots, and once now for one that is new or changed.

        What did not change is not touched: a timer that is set anew puts its next slot off.
        """
        for name in self._set.keys() - schedules.keys():
            self._scheduler.remove_job(name)
            del self._set[name]
        for name, schedule in schedules.items():
            if self._set.get(name) != schedule:
                trigger = SlotTrigger(schedule, name)
                self._scheduler.add_job(call, trigger, args=(name,), id=name, name=name, replace_existing=True)
                # What was missed while nothing ran is asked of the log at once.
                self._scheduler.add_job(call, args=(name,), id=f"{name} now", name=name, replace_existing=True)
                self._set[name] = schedule

    def stop(self, wait_s: float) -> bool:
        """No call begins any more; whether those at work ended within `wait_s`."""
        self._scheduler.pause()
        # The scheduler's own wait has no deadline: a thread waits for it and is left behind if need be.
        drain = threading.Thread(target=lambda: self._scheduler.shutdown(wait=True), daemon=True)
        drain.start()
        drain.join(wait_s)
        return not drain.is_alive()
