"""Each channel hears of an event once, again after its interval, and once that it is over."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from drsync.model.event import Event, EventKind
from drsync.model.policy import NotifyRoute
from drsync.notify.channel import Status
from drsync.notify.dedup import Memory, news, remember

START = datetime(2026, 8, 21, tzinfo=UTC)
AGAIN = timedelta(minutes=30)


def event(*, firing: bool, minute: float = 0, key: str = "partial/shop") -> Event:
    return Event(
        kind=EventKind.PARTIAL,
        key=key,
        policy="shop",
        at=START + timedelta(minutes=minute),
        firing=firing,
        problem="The newest point is partial.",
    )


def route(to: str = "on-call", *, resend: timedelta | None = AGAIN, when: Sequence[str] = ("partial",)) -> NotifyRoute:
    return NotifyRoute(to=to, when=tuple(when), resend=resend)


def told(story: Sequence[tuple[float, bool]], *routes: NotifyRoute) -> list[tuple[float, Status, int]]:
    """Plays (minute, firing) through; (minute, status, times) of what was sent and taken."""
    memory: Memory = {}
    sent: list[tuple[float, Status, int]] = []
    for minute, firing in story:
        now = START + timedelta(minutes=minute)
        found = news([event(firing=firing, minute=minute)], {"shop": routes or (route(),)}, memory, now=now)
        for message in found:
            memory = remember(memory, message, now=now)
            sent.append((minute, message.status, message.times))
    return sent


def test_an_event_that_goes_on_is_told_once_and_again_after_its_interval() -> None:
    story = [(minute, True) for minute in range(0, 70, 5)]

    assert told(story) == [(0, Status.FIRING, 1), (30, Status.FIRING, 2), (60, Status.FIRING, 3)]


def test_an_event_that_ends_is_told_to_be_over_once() -> None:
    story = [(0, True), (5, False), (10, False)]

    assert told(story) == [(0, Status.FIRING, 1), (5, Status.RESOLVED, 1)]


def test_an_event_that_never_fired_is_no_news() -> None:
    assert told([(0, False), (5, False)]) == []


def test_an_event_that_comes_back_is_told_anew() -> None:
    assert told([(0, True), (5, False), (6, True)])[-1] == (6, Status.FIRING, 1)


def test_without_an_interval_it_is_told_once() -> None:
    assert told([(0, True), (500, True)], route(resend=None)) == [(0, Status.FIRING, 1)]


def test_two_routes_to_one_channel_are_one_message_with_the_shorter_interval() -> None:
    routes = (route(resend=None), route(resend=timedelta(minutes=10)))

    assert told([(0, True), (10, True)], *routes) == [(0, Status.FIRING, 1), (10, Status.FIRING, 2)]


def test_a_channel_hears_only_of_what_it_asked_for() -> None:
    assert told([(0, True)], route(when=["rpo-breached"])) == []


def test_each_channel_is_told_for_itself() -> None:
    routes = {"shop": (route("a"), route("b"))}
    first = news([event(firing=True)], routes, {}, now=START)
    memory = remember({}, first[0], now=START)

    second = news([event(firing=True)], routes, memory, now=START)

    assert [message.channel for message in first] == ["a", "b"]
    assert [message.channel for message in second] == ["b"]


def test_a_message_that_was_not_taken_is_news_again() -> None:
    first = news([event(firing=True)], {"shop": (route(),)}, {}, now=START)

    assert news([event(firing=True)], {"shop": (route(),)}, {}, now=START) == first


def test_the_same_event_twice_in_a_round_is_one_message() -> None:
    assert len(news([event(firing=True), event(firing=True)], {"shop": (route(),)}, {}, now=START)) == 1


def test_an_event_that_nobody_mentions_is_not_over() -> None:
    (message,) = news([event(firing=True)], {"shop": (route(),)}, {}, now=START)
    memory = remember({}, message, now=START)

    assert news([], {"shop": (route(),)}, memory, now=START + AGAIN) == ()


def test_a_message_keeps_the_instant_since_when_it_fires() -> None:
    (first,) = news([event(firing=True)], {"shop": (route(),)}, {}, now=START)
    memory = remember({}, first, now=START)

    (again,) = news([event(firing=True, minute=40)], {"shop": (route(),)}, memory, now=START + timedelta(minutes=40))

    assert (again.since, again.event.at) == (START, START + timedelta(minutes=40))


@given(st.lists(st.tuples(st.integers(0, 40), st.booleans()), max_size=40))
def test_firing_and_resolved_take_turns_and_never_come_sooner_than_the_interval(steps: list[tuple[int, bool]]) -> None:
    story, minute = [], 0
    for wait, firing in steps:
        minute += wait
        story.append((float(minute), firing))

    sent = told(story)

    resolved = [status for _, status, times in sent if times == 1 or status is Status.RESOLVED]
    assert all(early != late for early, late in pairwise(resolved))
    again = [(a, b) for a, b in pairwise(sent) if b[1] is Status.FIRING and b[2] > 1]
    assert all(late[0] - early[0] >= 30 and late[2] == early[2] + 1 for early, late in again)
