"""What a channel is: something that takes one message, or says that it did not."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from drsync.model.event import Event


class Status(StrEnum):
    FIRING = "firing"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """News of one event for one channel."""

    channel: str
    event: Event
    status: Status
    since: datetime
    """When the event began to fire."""
    times: int
    """How often it was told while it fires, this time included."""


class Channel(Protocol):
    def send(self, message: Message, *, now: datetime) -> None:
        """Returns when the far side has taken it. Raises Unreachable, and Refused; neither names the address."""
        ...
