"""A webhook delivers signed JSON to a real server, and says in time when it could not."""

import hashlib
import hmac
import json
import socket
import ssl
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import trustme

from drsync.errors import DrsyncError, Refused, Unreachable
from drsync.model.event import Event, EventKind
from drsync.model.policy import NotifyChannel, SecretRef
from drsync.notify.channel import Message, Status
from drsync.notify.deadman import ping
from drsync.notify.exchange import Manners
from drsync.notify.open import open_channel
from drsync.notify.webhook import Webhook
from drsync.settings import Hidden, read_settings
from tests.notify.receiver import receiver

NOW = datetime(2026, 8, 21, 3, 8, 4, tzinfo=UTC)
SPEC = NotifyChannel(name="on-call", allow_private=True)
EVENT = Event(
    kind=EventKind.RPO_BREACHED,
    key="rpo-breached/shop",
    policy="shop",
    at=NOW,
    firing=True,
    problem="shop would lose 25m00s, 20m00s is allowed.",
    remedy="drsync backup shop",
    details={"rpoSeconds": 1200},
)
MESSAGE = Message(channel="on-call", event=EVENT, status=Status.FIRING, since=NOW, times=1)


def webhook(url: str, *, key: str | None = None, manners: Manners | None = None, spec: NotifyChannel = SPEC) -> Webhook:
    return Webhook(spec, url=Hidden(url), key=Hidden(key) if key else None, manners=manners or Manners())


def test_the_message_arrives_as_json_that_people_and_programs_can_read() -> None:
    with receiver() as far:
        webhook(far.url("/hook?token=t")).send(MESSAGE, now=NOW)

    (got,) = far.received
    body = json.loads(got.body)
    assert (got.method, got.path) == ("POST", "/hook?token=t")
    assert got.headers["Host"] == f"127.0.0.1:{far.port}"
    assert body["text"] == "RPO-BREACHED shop: shop would lose 25m00s, 20m00s is allowed. → drsync backup shop"
    assert (body["schema"], body["status"], body["key"]) == ("drsync.event/v1", "firing", "rpo-breached/shop")
    assert body["details"] == {"rpoSeconds": 1200}


def test_the_signature_covers_time_and_body() -> None:
    with receiver() as far:
        webhook(far.url(), key="k3y").send(MESSAGE, now=NOW)

    (got,) = far.received
    timestamp = got.headers["Drsync-Timestamp"]
    expected = hmac.new(b"k3y", timestamp.encode() + b"." + got.body, hashlib.sha256).hexdigest()
    assert got.headers["Drsync-Signature"] == f"v1={expected}"
    assert int(timestamp) == int(NOW.timestamp())


def test_without_a_key_nothing_is_signed() -> None:
    with receiver() as far:
        webhook(far.url()).send(MESSAGE, now=NOW)

    assert "Drsync-Signature" not in far.received[0].headers


def test_a_resolved_message_says_since_when_it_was_so() -> None:
    with receiver() as far:
        webhook(far.url()).send(replace(MESSAGE, status=Status.RESOLVED), now=NOW)

    assert (
        json.loads(far.received[0].body)["text"] == "RESOLVED rpo-breached shop: it was so since 2026-08-21T03:08:04Z."
    )


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (301, Refused),
        (307, Refused),
        (400, Refused),
        (404, Refused),
        (429, Unreachable),
        (500, Unreachable),
        (503, Unreachable),
    ],
)
def test_an_answer_that_is_not_yes_is_an_error(status: int, error: type[DrsyncError]) -> None:
    with receiver(status) as far, pytest.raises(error):
        webhook(far.url()).send(MESSAGE, now=NOW)

    assert [got.path for got in far.received] == ["/hook"]


def test_loopback_is_refused_unless_it_is_allowed() -> None:
    with receiver() as far, pytest.raises(Refused):
        webhook(far.url(), spec=replace(SPEC, allow_private=False)).send(MESSAGE, now=NOW)

    assert not far.received


def test_a_far_side_that_drips_bytes_is_left_in_time() -> None:
    began = time.monotonic()
    with receiver(-1) as far, pytest.raises(Unreachable):
        webhook(far.url(), manners=Manners(total_s=0.3)).send(MESSAGE, now=NOW)

    assert time.monotonic() - began < 5


def test_a_far_side_that_never_answers_is_left_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with pytest.raises(Unreachable, match="took too long"):
            webhook(url, manners=Manners(connect_s=0.2)).send(MESSAGE, now=NOW)


def test_a_far_side_that_stops_in_the_middle_of_tls_is_left_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/"
        with pytest.raises(Unreachable):
            webhook(url, manners=Manners(connect_s=30, total_s=0.2)).send(MESSAGE, now=NOW)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/secret-part", "https://127.0.0.1:1/secret-part?x=secret-part"])
def test_no_error_names_the_address(url: str) -> None:
    with pytest.raises(Unreachable) as caught:
        webhook(url).send(MESSAGE, now=NOW)

    shown = "".join(str(part) for part in (caught.value, repr(caught.value), caught.value.__cause__))
    assert "secret-part" not in shown
    assert caught.value.__suppress_context__
    assert shown.startswith("Channel on-call: ")


def _server_side(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


def _client_side(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def test_tls_checks_the_name_and_not_the_pinned_address() -> None:
    authority = trustme.CA()
    manners = Manners(tls=_client_side(authority), resolver=lambda _host, _port: ["127.0.0.1"])
    with receiver(tls=_server_side(authority, "hooks.example")) as far:
        webhook(f"https://hooks.example:{far.port}/hook", manners=manners).send(MESSAGE, now=NOW)

    assert far.received[0].headers["Host"] == f"hooks.example:{far.port}"


@pytest.mark.parametrize("name", ["other.example", "127.0.0.1"])
def test_a_certificate_of_another_name_is_refused(name: str) -> None:
    authority = trustme.CA()
    manners = Manners(tls=_client_side(authority), resolver=lambda _host, _port: ["127.0.0.1"])
    with receiver(tls=_server_side(authority, name)) as far, pytest.raises(Unreachable, match="not trusted"):
        webhook(f"https://hooks.example:{far.port}/hook", manners=manners).send(MESSAGE, now=NOW)

    assert not far.received


def test_a_certificate_of_an_unknown_authority_is_refused() -> None:
    manners = Manners(resolver=lambda _host, _port: ["127.0.0.1"])
    with (
        receiver(tls=_server_side(trustme.CA(), "hooks.example")) as far,
        pytest.raises(Unreachable, match="not trusted"),
    ):
        webhook(f"https://hooks.example:{far.port}/hook", manners=manners).send(MESSAGE, now=NOW)

    assert not far.received


def test_a_channel_reads_its_address_and_key_from_secrets() -> None:
    files = {"/run/hook/url": b"", "/run/hook/key": b"k3y\n"}
    settings = read_settings({"DRSYNC_SECRETS": "/run"}, cwd="/", host="h")
    spec = replace(
        SPEC, url_from=SecretRef(secret="hook", field="url"), signing_key=SecretRef(secret="hook", field="key")
    )
    with receiver() as far:
        files["/run/hook/url"] = far.url("/from-secret").encode() + b"\n"
        open_channel(spec, settings, read=files.__getitem__).send(MESSAGE, now=NOW)

    assert far.received[0].path == "/from-secret"
    assert "Drsync-Signature" in far.received[0].headers


def test_the_dead_man_ping_asks_its_address() -> None:
    with receiver() as far:
        ping(Hidden(far.url("/ping/uuid")))

    assert [(got.method, got.path, got.body) for got in far.received] == [("GET", "/ping/uuid", b"")]


def test_a_dead_man_ping_that_fails_names_no_address() -> None:
    with receiver(500) as far, pytest.raises(Unreachable) as caught:
        ping(Hidden(far.url("/ping/secret-part")))

    assert "secret-part" not in str(caught.value)
