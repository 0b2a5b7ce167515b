"""What the daemon shows of itself: frozen values that it replaces at each tick."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class StandbyView:
    """What one standby could recover of a policy."""

    standby: str
    """A ClusterTarget's name; empty for a policy that names no standby."""
    consistent_at: datetime | None
    """Of the newest point that counts for the objective in a store that this standby reads; None before
    the first. Its age is counted when the metrics are asked for, so a stuck daemon never shows a young point.
    """
    bound: timedelta = timedelta()
    """How far the clocks may be off; added to the age."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyView:
    """One policy and what is known of it. Leave out standbys that could not be judged: no series is an alarm."""

    policy: str
    rpo: timedelta
    standbys: tuple[StandbyView, ...] = ()
    paused: bool = False
    next_slot_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """The newest ended run of a kind."""

    policy: str
    kind: str
    """`backup`, `restore`, …"""
    exit_code: int
    ended_at: datetime
    took: timedelta = timedelta()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreView:
    """Whether a store answered when it was last asked."""

    store: str
    up: bool
    asked_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonView:
    """Everything at one moment."""

    version: str
    ticked_s: float
    """`Clock.boot_s` at the end of the newest tick."""
    stale_after: timedelta = timedelta(minutes=2)
    """A loop that has not ticked for so long is stuck."""
    not_ready: tuple[str, ...] = ()
    """Why not to rely on it yet, a sentence each: the configuration is wrong, a store was never reached."""
    policies: tuple[PolicyView, ...] = ()
    runs: tuple[RunView, ...] = ()
    stores: tuple[StoreView, ...] = ()
    missed_slots: dict[str, int] = field(default_factory=dict[str, int])
    """By policy, since the daemon began."""
