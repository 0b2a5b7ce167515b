"""One look at every store: what each policy's log comes to, for metrics and for people."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from drsync.clock import Clock
from drsync.daemon.events import objective_events, store_event
from drsync.engine.judging import judge_policy, read_history
from drsync.engine.opening import OpenedStore, opened_store
from drsync.errors import DrsyncError
from drsync.model.event import Event
from drsync.model.policy import Config, ProtectionPolicy
from drsync.objectives import Objective, State
from drsync.schedule import next_slot
from drsync.settings import Settings
from drsync.state.heartbeat import beat
from drsync.web.view import PolicyView, StandbyView, StoreView


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one look came to."""

    policies: tuple[PolicyView, ...]
    stores: tuple[StoreView, ...]
    events: tuple[Event, ...]
    problems: tuple[str, ...]
    """Stores that could not be read, a sentence each."""


def look(config: Config, settings: Settings, clock: Clock) -> Round:
    """Reads each store once. One that does not answer leaves its policies without series, and is told."""
    policies: list[PolicyView] = []
    stores: list[StoreView] = []
    events: list[Event] = []
    problems: list[str] = []
    now = clock.now()
    for spec in config.stores.values():
        mine = [p for p in config.policies.values() if p.copies[0].store == spec.name]
        problem = ""
        try:
            with opened_store(spec.url, settings, clock, spec) as opened:
                policies += _policies(config, mine, opened, now, events)
                beat(opened.store, settings.site, now, next_due=_upcoming(mine, now))
        except DrsyncError as error:
            problem = error.problem
            problems.append(f"store {spec.name}: {error.problem}")
        stores.append(StoreView(store=spec.name, up=not problem, asked_at=now))
        events += [store_event(spec.name, p.name, problem, now=now) for p in mine]
    return Round(policies=tuple(policies), stores=tuple(stores), events=tuple(events), problems=tuple(problems))


def _policies(
    config: Config, mine: list[ProtectionPolicy], opened: OpenedStore, now: datetime, events: list[Event]
) -> list[PolicyView]:
    views: list[PolicyView] = []
    for policy in mine:
        history = read_history(opened, policy.name)
        objectives = judge_policy(config, policy, history, now=now, skew=opened.store.skew)
        events += objective_events(policy, objectives, now=now)
        views.append(_view(policy, objectives, now))
    return views


def _view(policy: ProtectionPolicy, objectives: list[tuple[str, Objective]], now: datetime) -> PolicyView:
    return PolicyView(
        policy=policy.name,
        rpo=policy.rpo,
        standbys=tuple(
            StandbyView(
                standby=standby,
                consistent_at=objective.newest.point.consistent_at if objective.newest else None,
                bound=timedelta(),
            )
            for standby, objective in objectives
            if objective.state is not State.UNKNOWN
        ),
        paused=policy.schedule.paused,
        next_slot_at=None if policy.schedule.paused else next_slot(policy.schedule, policy.name, after=now),
    )


def _upcoming(policies: list[ProtectionPolicy], now: datetime) -> Mapping[str, datetime]:
    return {p.name: next_slot(p.schedule, p.name, after=now) for p in policies if not p.schedule.paused}
