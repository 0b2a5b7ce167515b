"""`explain` says what a policy comes to, and what it does not do."""

from datetime import UTC, datetime

import pytest

from drsync.errors import NotFound
from drsync.policy.explain import explain
from drsync.policy.load import load
from tests.policy.policy_texts import CHANNEL, FILES, policy_with, replaced


def lines(files: dict[str, str]) -> str:
    return "\n".join(explain(load(files), "shop"))


def test_defaults_are_marked_as_such() -> None:
    assert "every 30m (default: half the RPO), up to 1m late (default)" in lines(FILES)


def test_what_is_said_is_not_marked_as_a_default() -> None:
    assert "(default" not in lines(
        policy_with("schedule: {every: 20m, jitter: 5s}\nvolumes: {rules: [{method: skip}]}")
    )


def test_the_worst_case_is_reckoned_with_its_numbers() -> None:
    text = lines(policy_with("schedule: {every: 20m, jitter: 5m}"))

    assert "20m between slots + 5m jitter = 25m and the time that a capture takes, of an RPO of 1h" in text
    assert "a capture may take 35m" in text


def test_live_volumes_are_told_and_that_they_do_not_count() -> None:
    text = lines(FILES)

    assert "not crash-consistent" in text
    assert "do not count for the RPO. Set objectives.allowLive: true" in text


def test_live_volumes_that_are_allowed_are_told_to_count() -> None:
    assert "points with such volumes count" in lines(replaced("rpo: 1h", "rpo: 1h, allowLive: true"))


def test_nothing_is_said_of_live_volumes_when_none_is_read() -> None:
    assert "crash-consistent" not in lines(policy_with("volumes: {rules: [{method: skip}]}"))


def test_a_field_that_does_nothing_yet_is_told_once_with_the_reason() -> None:
    text = lines(policy_with("retention: {daily: 7, weekly: 4}"))

    assert text.count("does nothing yet") == 1
    assert "ProtectionPolicy/shop: spec.retention does nothing yet: no point is deleted yet" in text


def test_a_value_that_does_nothing_yet_is_told() -> None:
    files = {**policy_with("notify: [{to: on-call, when: [partial, drill-failed]}]"), "channel.yaml": CHANNEL}

    assert "spec.notify[0].when[1] does nothing yet: there are no drills yet" in lines(files)


def test_the_next_slots_are_listed() -> None:
    text = explain(load(FILES), "shop", upcoming=[datetime(2026, 8, 21, 3, 8, tzinfo=UTC)])

    assert "next        2026-08-21T03:08:00Z" in text


def test_a_paused_schedule_is_told() -> None:
    assert "PAUSED" in lines(policy_with("schedule: {paused: true}"))


def test_a_policy_that_is_not_there_is_not_found() -> None:
    with pytest.raises(NotFound):
        explain(load(FILES), "other")
