"""web/server.py: probes are answered, whoever else is connected."""

import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from drsync.clock import SystemClock
from drsync.errors import UserError
from drsync.web.server import StatusServer
from drsync.web.view import DaemonView

CLOCK = SystemClock()


class Shown:
    """A daemon that shows whatever a test wants."""

    def __init__(self) -> None:
        self.view = DaemonView(version="0.1.0", ticked_s=CLOCK.boot_s())

    def __call__(self) -> DaemonView:
        return self.view


@pytest.fixture
def shown() -> Shown:
    return Shown()


@pytest.fixture
def server(shown: Shown) -> Iterator[StatusServer]:
    with StatusServer(shown, clock=CLOCK) as server:
        yield server


def address(server: StatusServer) -> tuple[str, int]:
    parts = urlsplit(server.url)
    return parts.hostname or "", parts.port or 0


def ask(server: StatusServer, path: str, *, method: str = "GET", body: bytes | None = None) -> tuple[int, str]:
    connection = http.client.HTTPConnection(*address(server), timeout=10)
    try:
        connection.request(method, path, body=body)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def send(server: StatusServer, data: bytes) -> bytes:
    """All that comes back for these bytes."""
    with socket.create_connection(address(server), timeout=10) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65_536), b""))


def test_it_listens_on_loopback_unless_told_otherwise(server: StatusServer) -> None:
    assert server.url.startswith("http://127.0.0.1:")


def test_alive_and_ready(server: StatusServer) -> None:
    assert ask(server, "/healthz") == (200, "ok\n")
    assert ask(server, "/readyz?verbose") == (200, "ok\n")


def test_metrics_are_in_prometheus_text(server: StatusServer) -> None:
    status, text = ask(server, "/metrics")

    assert status == 200
    assert 'drsync_build_info{version="0.1.0"} 1.0' in text


def test_not_ready_says_why_and_is_alive_all_the_same(server: StatusServer, shown: Shown) -> None:
    shown.view = replace(shown.view, not_ready=("The store s3 was never reached.", "policies/a.yaml is wrong."))

    assert ask(server, "/readyz") == (503, "The store s3 was never reached.\npolicies/a.yaml is wrong.\n")
    assert ask(server, "/healthz")[0] == 200


def test_no_secret_is_said(server: StatusServer, shown: Shown) -> None:
    shown.view = replace(shown.view, not_ready=("Cannot reach https://ada:hunter2@store/b?token=hunter3.",))

    assert "hunter" not in ask(server, "/readyz")[1]


def test_a_loop_that_does_not_tick_is_not_alive(shown: Shown) -> None:
    shown.view = replace(shown.view, ticked_s=0, stale_after=timedelta(seconds=-1))

    with StatusServer(shown, clock=CLOCK) as server:
        status, text = ask(server, "/healthz")

    assert status == 503
    assert text.startswith("The loop has not ticked for ")


def test_a_loop_that_has_not_ticked_yet_gets_its_time(server: StatusServer, shown: Shown) -> None:
    shown.view = replace(shown.view, ticked_s=0)

    assert ask(server, "/healthz")[0] == 200


def test_other_paths_are_not_there(server: StatusServer) -> None:
    assert ask(server, "/")[0] == 404
    assert ask(server, "/metrics/../etc/passwd")[0] == 404


def test_only_reading_is_allowed(server: StatusServer) -> None:
    assert ask(server, "/metrics", method="POST", body=b"x" * 100_000)[0] == 405
    assert ask(server, "/metrics", method="DELETE")[0] == 405


def test_head_has_no_body(server: StatusServer) -> None:
    assert ask(server, "/healthz", method="HEAD") == (200, "")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\r\n\r\n", b"400"),
        (b"GET /healthz\r\n\r\n", b"400"),
        (b"GET healthz HTTP/1.1\r\n\r\n", b"400"),
        (b"GET http://example.com/healthz HTTP/1.1\r\n\r\n", b"400"),
        (b"GET /healthz HTTP/2.0\r\n\r\n", b"400"),
        (b"get /healthz HTTP/1.1\r\n\r\n", b"400"),
        (b"GET /\xff\x00 HTTP/1.1\r\n\r\n", b"400"),
        (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", b"400"),
        (b"GET /healthz HTTP/1.1\n\n", b"400"),
        (b"GET /" + b"a" * 2_000 + b" HTTP/1.1\r\n\r\n", b"400"),
        (b"GET /healthz HTTP/1.1\r\nX: " + b"a" * 20_000, b"431"),
        (b"GET /healthz HTTP/1.1\r\n\r\nGET /healthz HTTP/1.1\r\n\r\n", b"200"),
    ],
)
def test_nonsense_gets_one_answer(server: StatusServer, data: bytes, status: bytes) -> None:
    answer = send(server, data)

    assert answer.split(b" ", 2)[1] == status
    assert answer.count(b"HTTP/1.1 ") == 1


def test_a_client_that_says_nothing_and_goes_gets_nothing(server: StatusServer) -> None:
    assert send(server, b"") == b""
    assert send(server, b"GET /hea") == b""
    assert ask(server, "/healthz")[0] == 200


def test_slow_clients_do_not_hold_up_a_probe(server: StatusServer) -> None:
    with ExitStack() as stack:
        for _ in range(100):
            slow = stack.enter_context(socket.create_connection(address(server), timeout=10))
            slow.sendall(b"GET /healthz HTTP/1.1\r\nX-Slow: ")

        begun_s = CLOCK.boot_s()
        assert ask(server, "/healthz") == (200, "ok\n")
        assert CLOCK.boot_s() - begun_s < 2


@pytest.mark.slow
def test_a_client_that_trickles_is_cut_off(server: StatusServer) -> None:
    with socket.create_connection(address(server), timeout=0.2) as slow:
        begun_s = CLOCK.boot_s()
        gone = False
        while not gone and CLOCK.boot_s() - begun_s < 20:
            try:
                slow.sendall(b"a")
                gone = slow.recv(1) == b""
            except TimeoutError:
                continue
            except OSError:
                gone = True

    assert gone
    assert CLOCK.boot_s() - begun_s < 8


def test_many_ask_at_once(server: StatusServer) -> None:
    answers: list[int] = []
    threads = [threading.Thread(target=lambda: answers.append(ask(server, "/metrics")[0])) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert answers == [200] * 20


def test_an_address_that_is_taken_is_told(server: StatusServer, shown: Shown) -> None:
    host, port = address(server)

    with pytest.raises(UserError, match="Cannot listen"), StatusServer(shown, clock=CLOCK, host=host, port=port):
        pass


@pytest.mark.parametrize(("host", "port"), [("127.0.0.1", 99_999), ("256.1.1.1", 0), ("", -1)])
def test_an_address_that_is_none_is_told(shown: Shown, host: str, port: int) -> None:
    with pytest.raises(UserError, match="Cannot listen"), StatusServer(shown, clock=CLOCK, host=host, port=port):
        pass


def test_nothing_is_left_when_it_ends(shown: Shown) -> None:
    before = threading.active_count()
    with StatusServer(shown, clock=CLOCK) as server:
        ask(server, "/healthz")
        held = socket.create_connection(address(server), timeout=10)
        where = address(server)
    held.close()

    assert threading.active_count() == before
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(where, timeout=1)
