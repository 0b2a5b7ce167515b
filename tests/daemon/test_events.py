"""daemon/events.py: what fires, and what is thereby resolved."""

from datetime import UTC, datetime, timedelta

import pytest

from drsync.daemon.events import objective_events, run_events
from drsync.model.event import EventKind
from drsync.objectives import Objective, State
from drsync.web.view import RunView
from tests.engine.site import shop_policy

NOW = datetime(2026, 8, 21, 3, 8, 4, tzinfo=UTC)


def objective(state: State, exposure: timedelta | None = timedelta(minutes=5)) -> Objective:
    return Objective(
        policy="shop",
        state=state,
        rpo=timedelta(hours=1),
        exposure=exposure,
        breach_at=NOW,
        newest=None,
        worst_case=timedelta(minutes=31),
        compliance=1.0,
        reasons=(),
    )


@pytest.mark.parametrize(
    ("state", "firing"),
    [
        (State.PROTECTED, set()),
        (State.BREACHED, {EventKind.RPO_BREACHED}),
        (State.UNPROTECTED, {EventKind.RPO_BREACHED}),
        (State.AT_RISK, {EventKind.RPO_AT_RISK}),
    ],
)
def test_each_state_fires_its_own_event_and_resolves_the_others(state: State, firing: set[EventKind]) -> None:
    events = list(objective_events(shop_policy(), [("standby", objective(state))], now=NOW))

    assert {event.kind for event in events if event.firing} == firing
    assert len(events) == 2


def test_an_event_of_two_standbys_is_two_events() -> None:
    both = [("one", objective(State.BREACHED)), ("two", objective(State.PROTECTED))]

    events = list(objective_events(shop_policy(), both, now=NOW))

    assert len({event.key for event in events}) == 4


def test_without_a_point_everything_would_be_lost() -> None:
    events = list(objective_events(shop_policy(), [("", objective(State.UNPROTECTED, None))], now=NOW))

    assert "everything would be lost" in events[0].problem


@pytest.mark.parametrize(
    ("code", "firing"), [(0, []), (5, []), (11, []), (3, [EventKind.PARTIAL]), (10, [EventKind.RUN_FAILED])]
)
def test_the_newest_run_tells_whether_captures_fail(code: int, firing: list[EventKind]) -> None:
    run = RunView(policy="shop", kind="backup", exit_code=code, ended_at=NOW)

    events = list(run_events(run, now=NOW))

    assert [event.kind for event in events if event.firing] == firing
