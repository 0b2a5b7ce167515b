"""Time as a gateway: the hour, a counter that only rises, waiting, and the right to stop waiting."""

import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from drsync.errors import DeadlineExceeded, Interrupted


class Cancellation:
    """One token for all that must stop together; every wait takes it.

    The first reason stays. It is raised as given, so a lost lease ends as LeaseLost.
    """

    def __init__(self) -> None:
        self._event = threading.Event()
        self._reason: Exception | None = None

    def cancel(self, reason: Exception | None = None) -> None:
        if not self._event.is_set():
            self._reason = reason or Interrupted(
                "The run was asked to stop.", remedy="run the same command again; it goes on from the journal"
            )
            self._event.set()

    @property
    def cancelled(self) -> bool:
        return self._event.is_set()

    def check(self) -> None:
        """Raises the reason if the token was cancelled."""
        if self._event.is_set() and self._reason:
            raise self._reason

    def wait(self, seconds: float) -> None:
        """Waits; raises the reason as soon as the token is cancelled."""
        self._event.wait(max(0.0, seconds))
        self.check()


class Clock(Protocol):
    """What the shell knows of time. `boot_s` rises through suspend and never jumps."""

    def now(self) -> datetime: ...

    def boot_s(self) -> float: ...

    def sleep(self, seconds: float, cancel: Cancellation) -> None: ...


class SystemClock:
    """This host's clocks."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def boot_s(self) -> float:
        # CLOCK_MONOTONIC stands still while a machine is suspended; a lease does not.
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def sleep(self, seconds: float, cancel: Cancellation) -> None:
        cancel.wait(seconds)


@dataclass(frozen=True, slots=True)
class Deadline:
    """An instant on `boot_s` after which nothing new may start."""

    at_s: float
    what: str

    @classmethod
    def after(cls, clock: Clock, wait: timedelta, what: str) -> "Deadline":
        return cls(clock.boot_s() + wait.total_seconds(), what)

    def left_s(self, clock: Clock) -> float:
        return max(0.0, self.at_s - clock.boot_s())

    def check(self, clock: Clock) -> None:
        if clock.boot_s() >= self.at_s:
            raise DeadlineExceeded(
                f"{self.what} took longer than it may.",
                remedy="look at the far side, or allow more time with --timeout",
            )
