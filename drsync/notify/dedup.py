"""Which events are news to whom: begun, still going on after a while, or over. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from drsync.model.event import Event
from drsync.model.policy import NotifyRoute
from drsync.notify.channel import Message, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A channel knows that an event fires."""

    since: datetime
    sent_at: datetime
    times: int


Memory = Mapping[tuple[str, str], Told]
"""(channel, event key) to what was told; an event that is over, or was never told, is not in it."""


def news(
    events: Iterable[Event], routes: Mapping[str, Sequence[NotifyRoute]], memory: Memory, *, now: datetime
) -> tuple[Message, ...]:
    """The messages to send. `routes` are by policy.

    An event that nobody mentions goes on as it was: that a store is silent does not mend anything.
    """
    latest = {event.key: event for event in events}
    found = (
        _message(event, channel, resend, memory, now=now)
        for event in latest.values()
        for channel, resend in _channels(event, routes.get(event.policy, ())).items()
    )
    return tuple(message for message in found if message is not None)


def remember(memory: Memory, message: Message, *, now: datetime) -> Memory:
    """The memory after the channel has taken the message."""
    key = (message.channel, message.event.key)
    if message.status is Status.RESOLVED:
        return {other: told for other, told in memory.items() if other != key}
    return {**memory, key: Told(since=message.since, sent_at=now, times=message.times)}


def _channels(event: Event, routes: Sequence[NotifyRoute]) -> dict[str, timedelta | None]:
    """Each channel that wants the event, and after how long again; the shortest of its routes."""
    wanted: dict[str, timedelta | None] = {}
    for route in routes:
        if event.kind in route.when:
            intervals = [interval for interval in (wanted.get(route.to), route.resend) if interval is not None]
            wanted[route.to] = min(intervals, default=None)
    return wanted


def _message(event: Event, channel: str, resend: timedelta | None, memory: Memory, *, now: datetime) -> Message | None:
    told = memory.get((channel, event.key))
    if event.firing and told is None:
        return Message(channel=channel, event=event, status=Status.FIRING, since=event.at, times=1)
    if told is None:
        return None
    if not event.firing:
        return Message(channel=channel, event=event, status=Status.RESOLVED, since=told.since, times=told.times)
    if resend is not None and now - told.sent_at >= resend:
        return Message(channel=channel, event=event, status=Status.FIRING, since=told.since, times=told.times + 1)
    return None
