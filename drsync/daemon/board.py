"""What the daemon knows right now; written by its rounds, read by metrics and health."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from drsync.clock import Clock
from drsync.web.view import DaemonView, PolicyView, RunView, StoreView


@dataclass(slots=True)
class Board:
    """The newest facts, each replaced as a whole. Used from several threads."""

    version: str
    clock: Clock
    _ticked_s: float = 0.0
    _not_ready: tuple[str, ...] = ("the first round is not over",)
    _policies: tuple[PolicyView, ...] = ()
    _stores: tuple[StoreView, ...] = ()
    _runs: dict[tuple[str, str], RunView] = field(default_factory=dict[tuple[str, str], RunView])
    _missed: dict[str, int] = field(default_factory=dict[str, int])
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def ticked(
        self, policies: tuple[PolicyView, ...], stores: tuple[StoreView, ...], not_ready: tuple[str, ...]
    ) -> None:
        """A round is over."""
        with self._lock:
            self._ticked_s = self.clock.boot_s()
            self._policies, self._stores, self._not_ready = policies, stores, not_ready

    def ran(self, run: RunView) -> None:
        with self._lock:
            self._runs[run.policy, run.kind] = run

    def missed(self, policy: str, slots: int) -> None:
        with self._lock:
            self._missed[policy] = self._missed.get(policy, 0) + slots

    def view(self) -> DaemonView:
        with self._lock:
            return DaemonView(
                version=self.version,
                ticked_s=self._ticked_s,
                not_ready=self._not_ready,
                policies=self._policies,
                runs=tuple(self._runs.values()),
                stores=self._stores,
                missed_slots=dict(self._missed),
            )

    def last_runs(self) -> Mapping[tuple[str, str], RunView]:
        with self._lock:
            return dict(self._runs)


@dataclass(slots=True)
class Attempts:
    """The newest slot that this process tried for each policy, so that a failing one waits for its next slot."""

    _slots: dict[str, datetime] = field(default_factory=dict[str, datetime])
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def last(self, policy: str) -> datetime | None:
        with self._lock:
            return self._slots.get(policy)

    def tried(self, policy: str, slot: datetime) -> None:
        with self._lock:
            self._slots[policy] = slot
