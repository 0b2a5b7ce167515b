"""Slots come once each, however the clock on the wall changes and however time is cut into windows."""

from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drsync.model.policy import Schedule
from drsync.policy.cron import longest_gap
from drsync.schedule import due, lateness, latest_slot, next_slot, slots

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Apia"]
EXPRESSIONS = [
    "*/15 * * * *",
    "8-59/15 * * * *",
    "30 2 * * *",
    "0,30 1-3 * * *",
    "15,45 2 * * *",
    "*/20 2 * * *",
    "0 */2 * * *",
    "7 3 * * 1-5",
    "0 0 1,15 * *",
]
AUTUMN = datetime(2026, 10, 25, 1, tzinfo=UTC)
"""The clocks of Europe go back."""
SPRING = datetime(2026, 3, 29, 1, tzinfo=UTC)
"""They go forward."""
CHANGES = [SPRING, AUTUMN, datetime(2026, 3, 8, 7, tzinfo=UTC), datetime(2026, 11, 1, 6, tzinfo=UTC)]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def cron(expression: str, zone: str = "UTC", *, jitter: int = 0, paused: bool = False) -> Schedule:
    return Schedule(
        cron=expression,
        every=longest_gap(expression, zone),
        timezone=zone,
        jitter=timedelta(seconds=jitter),
        paused=paused,
    )


def every(minutes: int) -> Schedule:
    return Schedule(every=timedelta(minutes=minutes))


schedules = st.one_of(
    st.builds(cron, st.sampled_from(EXPRESSIONS), st.sampled_from(ZONES), jitter=st.integers(0, 900)),
    st.builds(every, st.integers(1, 600)),
)
instants = st.builds(
    lambda change, seconds: change + timedelta(seconds=seconds),
    st.sampled_from(CHANGES),
    st.integers(-36 * 3600, 36 * 3600),
)


def test_a_fixed_hour_that_comes_twice_in_autumn_is_one_slot() -> None:
    found = list(
        slots(cron("30 2 * * *", "Europe/Berlin"), "p", after=at("2026-10-24T12:00"), until=at("2026-10-26T12:00"))
    )

    assert found == [at("2026-10-25T00:30"), at("2026-10-26T01:30")]


def test_a_fixed_hour_that_spring_skips_is_a_slot_when_the_skipped_hour_ends() -> None:
    found = list(
        slots(cron("30 2 * * *", "Europe/Berlin"), "p", after=at("2026-03-28T12:00"), until=at("2026-03-30T12:00"))
    )

    assert found == [at("2026-03-29T01:00"), at("2026-03-30T00:30")]


def test_two_fixed_times_in_the_skipped_hour_are_one_slot() -> None:
    found = list(slots(cron("15,45 2 * * *", "Europe/Berlin"), "p", after=SPRING - timedelta(hours=2), until=SPRING))

    assert found == [at("2026-03-29T01:00")]


@pytest.mark.parametrize("change", [SPRING, AUTUMN])
def test_half_hours_stay_half_hours_when_the_clock_changes(change: datetime) -> None:
    found = list(
        slots(
            cron("*/30 * * * *", "Europe/Berlin"),
            "p",
            after=change - timedelta(days=1),
            until=change + timedelta(days=1),
        )
    )

    assert {late - early for early, late in pairwise(found)} == {timedelta(minutes=30)}


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(schedule=schedules, start=instants, cuts=st.lists(st.integers(0, 72 * 3600), max_size=6))
def test_windows_put_together_have_the_slots_of_the_whole(schedule: Schedule, start: datetime, cuts: list[int]) -> None:
    end = start + timedelta(days=3)
    edges = [start, *(start + timedelta(seconds=cut) for cut in sorted(cuts)), end]

    pieces = [slot for early, late in pairwise(edges) for slot in slots(schedule, "p", after=early, until=late)]

    assert pieces == list(slots(schedule, "p", after=start, until=end))
    assert all(early < late for early, late in pairwise(pieces))


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(schedule=schedules, now=instants)
def test_the_next_and_the_latest_slot_are_neighbours_in_the_list_of_all(schedule: Schedule, now: datetime) -> None:
    every_slot = list(slots(schedule, "p", after=now - timedelta(days=40), until=now + timedelta(days=40)))
    position = bisect_right(every_slot, now)

    assert next_slot(schedule, "p", after=now) == every_slot[position]
    assert latest_slot(schedule, "p", now=now) == every_slot[position - 1]


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(schedule=schedules, last=instants, wait=st.integers(0, 5 * 86_400))
def test_what_is_due_is_due_once(schedule: Schedule, last: datetime, wait: int) -> None:
    now = last + timedelta(seconds=wait)

    slot = due(schedule, "p", last=last, now=now)

    assert slot == due(schedule, "p", last=last, now=now)
    assert slot is None or due(schedule, "p", last=slot, now=now) is None
    assert slot is None or last < slot <= now
    assert (slot is None) == (next_slot(schedule, "p", after=last) > now)


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(schedule=schedules, start=instants, step=st.integers(30, 4000))
def test_a_timer_of_any_period_runs_each_slot_once_and_none_twice(
    schedule: Schedule, start: datetime, step: int
) -> None:
    last, ran = start, []
    for tick in range(86_400 // step):
        slot = due(schedule, "p", last=last, now=start + timedelta(seconds=tick * step))
        if slot is not None:
            ran.append(slot)
            last = slot

    every_slot = list(slots(schedule, "p", after=start, until=start + timedelta(days=2)))
    assert len(set(ran)) == len(ran)
    assert set(ran) <= set(every_slot)


def test_slots_that_were_missed_run_once() -> None:
    assert due(every(10), "p", last=at("2026-01-01T00:00"), now=at("2026-01-02T00:05")) == at("2026-01-02T00:00")


def test_a_policy_that_never_ran_is_due_at_once() -> None:
    assert due(cron("0 0 29 2 *"), "p", last=None, now=at("2027-06-01T00:00")) == at("2024-02-29T00:00")


def test_nothing_is_due_while_the_schedule_is_paused() -> None:
    assert due(cron("* * * * *", paused=True), "p", last=None, now=AUTUMN) is None


def test_each_policy_has_its_own_fixed_share_of_the_jitter() -> None:
    schedule = cron("*/15 * * * *", jitter=600)
    shares = [lateness(schedule, f"policy-{number}") for number in range(200)]

    assert shares == [lateness(schedule, f"policy-{number}") for number in range(200)]
    assert all(timedelta() <= share < timedelta(seconds=600) for share in shares)
    assert len({share.seconds // 60 for share in shares}) == 10


def test_jitter_moves_every_slot_by_the_same_time() -> None:
    plain, late = cron("*/15 * * * *"), cron("*/15 * * * *", jitter=600)
    share = lateness(late, "p")

    assert next_slot(late, "p", after=AUTUMN) == next_slot(plain, "p", after=AUTUMN - share) + share
