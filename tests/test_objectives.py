"""The RPO is judged from what could be restored, and never better than it is."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsync.model.epoch import Epoch
from drsync.model.policy import Copy, ProtectionPolicy, Schedule, Selection, VolumeMethod, VolumeRule
from drsync.model.recovery_point import CapturedObjects, MissedSlot, Missing, RecoveryPoint, SealedPoint
from drsync.model.volume import CapturedVolume, ClaimId, Consistency, VolumeMode
from drsync.objectives import (
    Objective,
    PointTime,
    State,
    breach_at,
    capture_time,
    compliance,
    exposure,
    judge,
    point_times,
    print_exposure,
    worst_case,
)

START = datetime(2026, 8, 21, tzinfo=UTC)
RPO = timedelta(minutes=20)
HISTORIES = 10_000


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


def point(cut: float, usable: float, *, bound: float = 0) -> PointTime:
    return PointTime(consistent_at=START + minutes(cut), usable_at=START + minutes(usable), bound=minutes(bound))


def sealed(
    cut: float,
    usable: float,
    *,
    sequence: int = 1,
    partial: bool = False,
    volume: Consistency | None = None,
    unusable: str = "",
) -> SealedPoint:
    instant = START + minutes(cut)
    volumes = (
        CapturedVolume(
            claim=ClaimId(namespace="shop", name="data"),
            session="s",
            mode=VolumeMode.FILESYSTEM,
            consistency=volume,
            instant=instant,
            size_bytes=1,
            added_bytes=1,
            files=1,
        ),
    )
    return SealedPoint(
        point=RecoveryPoint(
            id=f"rp-{sequence}",
            policy="shop",
            policy_sha256="0",
            cluster="primary",
            run="b",
            parent=None,
            objects=CapturedObjects(session="s", cut_at=instant, revision="1", counts={}, namespaces=("shop",)),
            volumes=volumes if volume else (),
            missing=(Missing(what="volume shop/data", reason="gone"),) if partial else (),
            clock_bound=timedelta(),
            started_at=instant,
            tool_version="0",
        ),
        sequence=sequence,
        epoch=Epoch(),
        sealed_at=START + minutes(usable),
        unusable=unusable,
    )


POLICY = ProtectionPolicy(
    name="shop",
    cluster="primary",
    rpo=RPO,
    select=Selection(namespaces=("shop",)),
    schedule=Schedule(every=minutes(10), jitter=minutes(1)),
    volume_rules=(VolumeRule(method=VolumeMethod.FILESYSTEM),),
    copies=(Copy(store="backups", within=minutes(4)),),
)


def judged(*points: SealedPoint, at: float, policy: ProtectionPolicy = POLICY) -> Objective:
    return judge(policy, points, now=START + minutes(at), since=START)


def test_exposure_is_infinite_before_the_first_point() -> None:
    assert exposure([], START) is None
    assert exposure([point(0, 5)], START + minutes(4)) is None
    assert print_exposure(None) == "∞"


def test_exposure_counts_from_the_cut_and_not_from_the_end_of_the_capture() -> None:
    assert exposure([point(0, 5)], START + minutes(5)) == minutes(5)


def test_a_point_counts_only_once_it_is_usable() -> None:
    assert exposure([point(0, 1), point(10, 15)], START + minutes(12)) == minutes(12)


def test_points_that_end_out_of_order_do_not_bring_older_content_back() -> None:
    assert exposure([point(10, 11), point(5, 20)], START + minutes(21)) == minutes(11)


def test_what_clocks_may_be_off_is_added() -> None:
    assert exposure([point(0, 1, bound=2)], START + minutes(5), bound=minutes(3)) == minutes(10)


def test_content_is_never_newer_than_its_seal() -> None:
    assert exposure([point(60, 1)], START + minutes(5)) == minutes(4)


@given(
    cuts=st.lists(st.tuples(st.integers(-600, 600), st.integers(0, 600), st.integers(0, 60)), max_size=8),
    now=st.integers(-100, 700),
)
def test_exposure_is_never_less_than_nothing(cuts: list[tuple[int, int, int]], now: int) -> None:
    found = exposure([point(cut, usable, bound=bound) for cut, usable, bound in cuts], START + minutes(now))

    assert found is None or found >= timedelta()


def test_the_breach_is_one_rpo_after_the_newest_cut() -> None:
    assert breach_at([point(0, 1), point(3, 5)], RPO, START + minutes(6)) == START + minutes(23)
    assert breach_at([], RPO, START) is None


def test_the_worst_case_adds_interval_capture_jitter_and_copy() -> None:
    assert worst_case(POLICY, capture=minutes(2)) == minutes(10 + 2 + 1 + 4)


def test_compliance_is_the_share_of_time_within_the_rpo() -> None:
    points = [point(0, 10), point(30, 40)]

    # Bad before 10, good until 20, bad until 40, good until 50, bad until 60.
    assert compliance(points, RPO, since=START, now=START + minutes(60)) == pytest.approx(20 / 60)


def test_compliance_of_no_point_is_nothing_and_of_no_time_is_how_it_is_now() -> None:
    assert compliance([], RPO, since=START, now=START + minutes(60)) == 0.0
    assert compliance([], RPO, since=START, now=START) == 0.0
    assert compliance([point(-5, -1)], RPO, since=START, now=START) == 1.0


def _by_brute_force(points: list[PointTime], rpo: timedelta, *, since: datetime, now: datetime) -> float:
    """Looks at the middle of every second; exact, since every instant is a whole second."""
    good = 0
    seconds = int((now - since).total_seconds())
    for second in range(seconds):
        middle = since + timedelta(seconds=second, milliseconds=500)
        newest = max((p.consistent_at - p.bound for p in points if p.usable_at <= middle), default=None)
        good += newest is not None and middle - newest <= rpo
    return good / seconds


@pytest.mark.slow
def test_compliance_in_closed_form_equals_brute_force_on_ten_thousand_histories() -> None:
    worst = 0.0
    for seed in range(HISTORIES):
        random_ = random.Random(seed)  # noqa: S311 - a seed that can be given again
        length = random_.randint(1, 300)
        points = []
        for _ in range(random_.randint(0, 12)):
            cut = random_.randint(-100, length + 50)
            usable = cut + random_.choice([0, 1, random_.randint(0, 200)])
            bound = timedelta(seconds=random_.choice([0, 0, 3]))
            times = [START + timedelta(seconds=second) for second in (cut, usable)]
            points.append(PointTime(consistent_at=times[0], usable_at=times[1], bound=bound))
        random_.shuffle(points)
        rpo = timedelta(seconds=random_.randint(1, 120))
        now = START + timedelta(seconds=length)

        closed = compliance(points, rpo, since=START, now=now)

        worst = max(worst, abs(closed - _by_brute_force(points, rpo, since=START, now=now)))
    assert worst < 1e-6


def test_points_that_are_partial_withdrawn_or_read_live_do_not_count() -> None:
    points = [
        sealed(0, 1, partial=True),
        sealed(1, 2, unusable="damaged"),
        sealed(2, 3, volume=Consistency.LIVE),
        sealed(3, 4, volume=Consistency.CRASH),
        sealed(4, 5),
    ]

    assert [p.consistent_at for p in point_times(points, allow_live=False)] == [START + minutes(3), START + minutes(4)]


def test_points_read_live_count_where_the_policy_allows_it() -> None:
    live = sealed(0, 1, volume=Consistency.LIVE)

    assert judged(live, at=5).state is State.UNPROTECTED
    assert judged(live, at=5, policy=replace(POLICY, allow_live=True)).state is State.PROTECTED


def test_capture_time_is_that_of_the_slow_among_recent_points() -> None:
    points = [sealed(10 * n, 10 * n + (9 if n == 25 else 1), sequence=n) for n in range(30)]

    assert capture_time(points) == minutes(1)
    assert capture_time(points[:26]) == minutes(1)
    assert capture_time([points[25]]) == minutes(9)
    assert capture_time([]) == timedelta()


def test_protected_has_no_reasons() -> None:
    found = judged(sealed(0, 1), at=5)

    assert (found.state, found.reasons) == (State.PROTECTED, ())
    assert found.newest is not None
    assert found.breach_at == START + minutes(20)


def test_breached_says_how_much_would_be_lost() -> None:
    found = judged(sealed(0, 1), at=25)

    assert found.state is State.BREACHED
    assert found.reasons[0] == "25m00s would be lost, and 20m00s is agreed."


def test_exactly_the_rpo_is_kept() -> None:
    assert judged(sealed(0, 1), at=20).state is State.AT_RISK


def test_no_point_is_unprotected_and_nothing_is_finite() -> None:
    found = judged(at=5)

    assert (found.state, found.exposure, found.breach_at) == (State.UNPROTECTED, None, None)
    assert found.compliance == 0.0


def test_only_live_points_say_that_live_does_not_count() -> None:
    assert "allowLive" in judged(sealed(0, 1, volume=Consistency.LIVE), at=5).reasons[0]


def test_a_store_that_cannot_be_read_is_unknown_and_never_good() -> None:
    found = judge(POLICY, [sealed(0, 1)], now=START + minutes(2), since=START, unreadable="The store did not answer.")

    assert found.state is State.UNKNOWN
    assert (found.exposure, found.breach_at, found.newest, found.compliance) == (None, None, None, None)


def test_paused_is_told_while_the_rpo_is_kept_and_breached_after() -> None:
    paused = replace(POLICY, schedule=replace(POLICY.schedule, paused=True))

    assert judged(sealed(0, 1), at=5, policy=paused).state is State.PAUSED
    assert judged(sealed(0, 1), at=25, policy=paused).state is State.BREACHED
    assert judged(at=5, policy=paused).state is State.UNPROTECTED


def test_four_fifths_of_the_rpo_are_a_risk() -> None:
    assert judged(sealed(0, 1), at=16).state is State.PROTECTED
    assert judged(sealed(0, 1), at=17).state is State.AT_RISK


def test_a_next_slot_that_comes_too_late_is_a_risk_before_the_breach() -> None:
    now, late = START + minutes(13), START + minutes(20)

    found = judge(POLICY, [sealed(0, 1)], now=now, since=START, next_slot=late)

    assert found.state is State.AT_RISK
    assert found.reasons == (
        "The RPO breaks at 2026-08-21T00:20:00Z; the next point is expected at 2026-08-21T00:21:00Z.",
    )


@pytest.mark.parametrize("now", [10, 11, 12])
def test_a_capture_that_may_still_be_under_way_is_no_risk(now: float) -> None:
    found = judge(POLICY, [sealed(0, 1)], now=START + minutes(now), since=START, next_slot=START + minutes(20))

    assert found.state is State.PROTECTED


def test_no_capture_under_way_is_a_forecast_while_paused() -> None:
    paused = replace(POLICY, schedule=replace(POLICY.schedule, paused=True))

    found = judge(paused, [sealed(0, 1)], now=START + minutes(13), since=START, next_slot=START + minutes(20))

    assert found.reasons == ("The schedule is paused.",)


def test_a_newer_partial_point_is_a_risk() -> None:
    found = judged(sealed(0, 1), sealed(10, 11, sequence=2, partial=True), at=12)

    assert found.state is State.AT_RISK
    assert found.exposure == minutes(12)
    assert "rp-2 is partial" in found.reasons[0]


def test_a_slot_missed_since_the_newest_point_is_a_risk() -> None:
    slot = MissedSlot(due_at=START + minutes(10), reason="the cluster did not answer")

    found = judge(POLICY, [sealed(0, 1)], now=START + minutes(12), since=START, missed=[slot])

    assert found.state is State.AT_RISK
    assert "the cluster did not answer" in found.reasons[0]


def test_a_slot_missed_before_the_newest_point_is_over() -> None:
    slot = MissedSlot(due_at=START - minutes(10), reason="the cluster did not answer")

    assert judge(POLICY, [sealed(0, 1)], now=START + minutes(5), since=START, missed=[slot]).state is State.PROTECTED


def test_a_point_from_the_future_is_an_alarm_and_does_not_count() -> None:
    found = judged(sealed(0, 1), sealed(30, 31, sequence=2), at=10)

    assert found.state is State.AT_RISK
    assert found.exposure == minutes(10)
    assert "21m00s in the future" in found.reasons[0]


def test_the_readers_own_clock_bound_can_breach() -> None:
    found = judge(POLICY, [sealed(0, 1)], now=START + minutes(19), since=START, bound=minutes(2))

    assert found.state is State.BREACHED
