"""A channel that posts JSON to a web address, signed if there is a key."""

import hashlib
import hmac
import json
from dataclasses import replace
from datetime import datetime
from typing import Any

from drsync.errors import DrsyncError, Refused, Unreachable
from drsync.model.policy import NotifyChannel
from drsync.notify.channel import Message, Status
from drsync.notify.exchange import Manners, exchange
from drsync.settings import Hidden
from drsync.units import print_instant

SIGNATURE = "Drsync-Signature"
TIMESTAMP = "Drsync-Timestamp"
DEFAULT_MANNERS = Manners()


class Webhook:
    """Knows its address and key; neither is ever shown."""

    def __init__(
        self, spec: NotifyChannel, *, url: Hidden, key: Hidden | None, manners: Manners = DEFAULT_MANNERS
    ) -> None:
        self.name = spec.name
        self._url = url
        self._key = key
        self._manners = replace(manners, allow_private=spec.allow_private)

    def send(self, message: Message, *, now: datetime) -> None:
        body = json.dumps(payload(message), ensure_ascii=False, allow_nan=False).encode()
        timestamp = str(int(now.timestamp()))
        headers = {"Content-Type": "application/json", "User-Agent": "drsync", TIMESTAMP: timestamp}
        if self._key is not None:
            headers[SIGNATURE] = signature(self._key.reveal().encode(), timestamp, body)
        try:
            exchange("POST", self._url.reveal(), headers=headers, body=body, manners=self._manners)
        except Unreachable as error:
            raise Unreachable(self._named(error), remedy=error.remedy) from None
        except Refused as error:
            raise Refused(self._named(error), remedy=error.remedy) from None

    def _named(self, error: DrsyncError) -> str:
        return f"Channel {self.name}: {error.problem}"


def payload(message: Message) -> dict[str, Any]:
    """`text` is what chat services show; the rest is for programs, and only grows."""
    event = message.event
    return {
        "schema": "drsync.event/v1",
        "text": text(message),
        "status": message.status.value,
        "kind": event.kind.value,
        "key": event.key,
        "policy": event.policy,
        "at": print_instant(event.at),
        "since": print_instant(message.since),
        "times": message.times,
        "problem": event.problem,
        "remedy": event.remedy,
        "details": event.details,
    }


def text(message: Message) -> str:
    """One line for people."""
    event = message.event
    if message.status is Status.RESOLVED:
        return f"RESOLVED {event.kind.value} {event.policy}: it was so since {print_instant(message.since)}."
    remedy = f" → {event.remedy}" if event.remedy else ""
    return f"{event.kind.value.upper()} {event.policy}: {event.problem}{remedy}"


def signature(key: bytes, timestamp: str, body: bytes) -> str:
    """HMAC-SHA256 of `timestamp.body`. Who checks it should refuse a timestamp older than some minutes."""
    return "v1=" + hmac.new(key, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
