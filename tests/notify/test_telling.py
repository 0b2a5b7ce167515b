"""What is told reaches the far side once, whatever goes wrong on the way, and no secret gets into logs."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from drsync.clock import Cancellation
from drsync.errors import UserError
from drsync.model.event import Event, EventKind
from drsync.model.policy import Config, NotifyChannel
from drsync.notify.channel import Channel
from drsync.notify.telling import Telling
from drsync.notify.webhook import Webhook
from drsync.policy.load import load
from drsync.settings import Hidden
from tests.notify.receiver import Receiver, receiver
from tests.policy.policy_texts import FILES, policy_with

NOW = datetime(2026, 8, 21, tzinfo=UTC)


class HandClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> datetime:
        return self.at

    def boot_s(self) -> float:
        return self.at.timestamp()

    def sleep(self, seconds: float, cancel: Cancellation) -> None:
        cancel.check()
        self.at += timedelta(seconds=seconds)


def config(*far: Receiver) -> Config:
    channels = {
        f"channel-{number}.yaml": (
            "apiVersion: drsync.io/v1alpha1\nkind: NotifyChannel\n"
            f"metadata: {{name: ch-{number}}}\n"
            f"spec: {{type: webhook, url: '{one.url('/secret-part')}', allowPrivate: true}}\n"
        )
        for number, one in enumerate(far)
    }
    routes = ", ".join(f"{{to: ch-{number}, when: [partial]}}" for number in range(len(far)))
    return load({**FILES, **policy_with(f"notify: [{routes}]"), **channels})


def event(*, firing: bool = True) -> Event:
    return Event(
        kind=EventKind.PARTIAL, key="partial/shop", policy="shop", at=NOW, firing=firing, problem="It is partial."
    )


def opened(spec: NotifyChannel) -> Channel:
    return Webhook(spec, url=Hidden(spec.url), key=None)


def telling(clock: HandClock, open_channel: Callable[[NotifyChannel], Channel] = opened) -> Telling:
    return Telling(open_channel, clock=clock)


def statuses(far: Receiver) -> list[Any]:
    return [json.loads(got.body)["status"] for got in far.received]


def test_an_event_is_told_once_over_many_rounds_and_resolved_once() -> None:
    clock = HandClock()
    with receiver() as far:
        teller = telling(clock)
        for firing in [True, True, True, False, False]:
            teller.tell(config(far), [event(firing=firing)])

    assert statuses(far) == ["firing", "resolved"]


def test_a_message_that_the_far_side_did_not_take_is_sent_again_later_and_not_at_once() -> None:
    clock = HandClock()
    with receiver(503, 503) as far:
        teller = telling(clock)
        for _ in range(8):
            teller.tell(config(far), [event()])
            clock.at += timedelta(seconds=10)

    assert statuses(far) == ["firing", "firing", "firing"]


def test_one_channel_that_is_broken_does_not_keep_news_from_another() -> None:
    with receiver(500, 500) as broken, receiver() as good:
        telling(HandClock()).tell(config(broken, good), [event()])

    assert statuses(good) == ["firing"]


def test_a_channel_whose_secret_cannot_be_read_is_told_in_the_log() -> None:
    def unreadable(_spec: NotifyChannel) -> Channel:
        raise UserError("The secret cannot be read.", remedy="look at it")

    with receiver() as far, capture_logs() as logs:
        telling(HandClock(), unreadable).tell(config(far), [event()])

    assert [(log["event"], log["problem"]) for log in logs] == [("event.untold", "The secret cannot be read.")]


@pytest.mark.parametrize("answer", [200, 302, 404, 500])
def test_no_log_holds_the_address(answer: int) -> None:
    with receiver(answer) as far, capture_logs() as logs:
        telling(HandClock()).tell(config(far), [event()])

    assert len(logs) == 1
    assert "secret-part" not in str(logs)
