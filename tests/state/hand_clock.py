"""A clock that moves when someone waits, and lets others act meanwhile."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from drsync.clock import Cancellation


class HandClock:
    def __init__(self) -> None:
        self.passed_s = 1_000.0
        self.meanwhile: Callable[[], None] = lambda: None

    def now(self) -> datetime:
        return datetime(2026, 8, 21, 3, 8, 4, tzinfo=UTC) + timedelta(seconds=self.passed_s)

    def boot_s(self) -> float:
        return self.passed_s

    def sleep(self, seconds: float, cancel: Cancellation) -> None:
        cancel.check()
        self.passed_s += seconds
        self.meanwhile()
        cancel.check()
