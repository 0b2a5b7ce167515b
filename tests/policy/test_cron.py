"""The longest time between two slots is never less than what the clock brings."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from drsync.model.policy import Schedule
from drsync.policy.cron import longest_gap
from drsync.schedule import slots


@pytest.mark.parametrize(
    ("expression", "zone", "gap"),
    [
        ("*/15 * * * *", "UTC", timedelta(minutes=15)),
        ("8-59/15 * * * *", "Europe/Berlin", timedelta(minutes=15)),
        ("0,10 * * * *", "UTC", timedelta(minutes=50)),
        ("0 2 * * *", "UTC", timedelta(days=1)),
        ("0 2 * * *", "Europe/Berlin", timedelta(hours=25)),
        ("0 9-17 * * *", "UTC", timedelta(hours=16)),
        ("0 9 * * 1-5", "UTC", timedelta(days=3)),
        ("0 0 1 * *", "UTC", timedelta(days=31)),
        ("0 0 29 2 *", "UTC", timedelta(days=1461)),
        ("30 1 * * MON#1", "UTC", timedelta(days=35)),
    ],
)
def test_the_longest_gap_of_an_expression(expression: str, zone: str, gap: timedelta) -> None:
    assert longest_gap(expression, zone) == gap


@pytest.mark.parametrize(
    "zone", ["UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/New_York", "Africa/Casablanca"]
)
@pytest.mark.parametrize(
    "expression",
    ["0 2 * * *", "30 2 * * *", "*/15 2 * * *", "0 */2 * * *", "7 1,13 * * *", "*/20 1-3 * * 0", "45 * * * *"],
)
def test_no_real_gap_of_two_years_is_longer_than_the_longest(expression: str, zone: str) -> None:
    gap = longest_gap(expression, zone)
    schedule = Schedule(cron=expression, every=gap, timezone=zone)

    begin = datetime(2025, 1, 1, tzinfo=UTC)
    real = list(slots(schedule, "shop", after=begin, until=begin + timedelta(days=730)))

    assert max(late - early for early, late in pairwise(real)) <= gap
