"""Tells every channel its news, remembers what was taken, and waits longer for a channel that does not answer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from drsync.clock import Clock
from drsync.errors import DrsyncError
from drsync.model.event import Event
from drsync.model.policy import Config, NotifyChannel
from drsync.notify.channel import Channel, Message
from drsync.notify.dedup import Memory, news, remember

FIRST_WAIT = timedelta(seconds=15)
LONGEST_WAIT = timedelta(minutes=10)
MOST_AT_ONCE = 50
"""Messages in one round; the rest is told in the next."""

OpenChannel = Callable[[NotifyChannel], Channel]
"""Reads the channel's secrets; raises UserError when it cannot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Silent:
    """A channel that did not take the last message."""

    times: int
    until: datetime


class Telling:
    """Lives as long as the daemon. What was told before is not known: what still fires then is told again."""

    def __init__(self, open_channel: OpenChannel, *, clock: Clock) -> None:
        self._open = open_channel
        self._clock = clock
        self._memory: Memory = {}
        self._silent: dict[str, _Silent] = {}

    def tell(self, config: Config, events: Sequence[Event]) -> None:
        """Never raises for a channel: a message that was not taken is news again at the next round."""
        routes = {name: policy.notify for name, policy in config.policies.items()}
        messages = news(events, routes, self._memory, now=self._clock.now())
        for message in messages[:MOST_AT_ONCE]:
            silent = self._silent.get(message.channel)
            if silent is None or silent.until <= self._clock.now():
                self._send(config.channels[message.channel], message)

    def _send(self, spec: NotifyChannel, message: Message) -> None:
        log = structlog.get_logger("drsync.notify")
        now = self._clock.now()
        try:
            self._open(spec).send(message, now=now)
        except DrsyncError as error:
            times = self._silent[spec.name].times + 1 if spec.name in self._silent else 0
            wait = min(FIRST_WAIT * 2**times, LONGEST_WAIT) if times < 10 else LONGEST_WAIT
            self._silent[spec.name] = _Silent(times=times, until=self._clock.now() + wait)
            log.warning("event.untold", channel=spec.name, key=message.event.key, problem=error.problem)
            return
        self._silent.pop(spec.name, None)
        self._memory = remember(self._memory, message, now=now)
        log.info("event.told", channel=spec.name, key=message.event.key, status=message.status.value)
