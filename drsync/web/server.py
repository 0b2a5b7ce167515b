"""A small HTTP server for /healthz, /readyz and /metrics, which no client can hold up.

Each connection is one request, has one deadline for all of it, and is closed after its answer. When too
many are open the oldest is closed, so that a probe is answered however many slow clients there are.
"""

import re
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from http import HTTPStatus
from types import TracebackType
from typing import Final, Self

from drsync.clock import Clock, Deadline
from drsync.errors import UserError
from drsync.web.pages import Page, page, refused
from drsync.web.view import DaemonView

_REQUEST_LINE: Final = re.compile(rb"([A-Z]{1,16}) (/[!-~]{0,1000}) HTTP/1\.[01]")
_LONGEST_HEAD: Final = 8_192
_MOST_OPEN: Final = 32
_WAIT: Final = timedelta(seconds=5)
_LINGER: Final = timedelta(seconds=1)
"""For what a client still sends when it has its answer: closing on unread bytes would destroy the answer."""
_POLL_S: Final = 0.5


class StatusServer:
    """Serves from its own threads between `__enter__` and `__exit__`.

    `view` is called at every request, from any thread; `clock` must be one that goes by itself. Raises
    UserError when the address cannot be had.
    """

    def __init__(self, view: Callable[[], DaemonView], *, clock: Clock, host: str = "127.0.0.1", port: int = 0) -> None:
        self._view = view
        self._clock = clock
        self._address = (host, port)
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._open: dict[socket.socket, threading.Thread] = {}

    @property
    def url(self) -> str:
        """`http://127.0.0.1:PORT`, once entered."""
        host, port = self._listener.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def __enter__(self) -> Self:
        host, port = self._address
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        remedy = "choose another address to listen on, or end the program that has this one"
        if not 0 <= port <= 65_535:
            raise UserError(f"Cannot listen on {host} port {port}: there is no such port.", remedy=remedy)
        try:
            self._listener = socket.create_server((host, port), family=family, backlog=128)
        except OSError as error:
            raise UserError(f"Cannot listen on {host} port {port}: {error}.", remedy=remedy) from error
        self._listener.settimeout(_POLL_S)
        self._began_s = self._clock.boot_s()
        self._acceptor = threading.Thread(target=self._accept, name="status-server", daemon=True)
        self._acceptor.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join(_WAIT.total_seconds())
        self._listener.close()
        with self._lock:
            left = dict(self._open)
        for connection, thread in left.items():
            _cut(connection)
            thread.join(_WAIT.total_seconds())

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            except OSError:
                # Out of file descriptors, or the listener was shut down: the flag tells which.
                self._closing.wait(_POLL_S)
                continue
            thread = threading.Thread(target=self._serve, args=(connection,), name="status-request", daemon=True)
            with self._lock:
                if len(self._open) >= _MOST_OPEN:
                    oldest = next(iter(self._open))
                    del self._open[oldest]
                    _cut(oldest)
                self._open[connection] = thread
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection, suppress(OSError):
                self._answer(connection)
        finally:
            with self._lock:
                self._open.pop(connection, None)

    def _answer(self, connection: socket.socket) -> None:
        deadline = Deadline.after(self._clock, _WAIT, "A request")
        head = self._read_head(connection, deadline)
        if not head:
            return
        match = _REQUEST_LINE.fullmatch(head.partition(b"\r\n")[0])
        method = match[1] if match else b""
        connection.settimeout(max(0.001, deadline.left_s(self._clock)))
        connection.sendall(_encode(self._page(head, match), head_only=method == b"HEAD"))
        connection.shutdown(socket.SHUT_WR)
        self._drain(connection)

    def _page(self, head: bytes, match: "re.Match[bytes] | None") -> Page:
        if len(head) > _LONGEST_HEAD:
            return refused(431, "The request's head is too long.")
        if not match:
            return refused(400, "This is no HTTP request.")
        if match[1] not in (b"GET", b"HEAD"):
            return refused(405, "Only GET and HEAD are answered.")
        view = self._view()
        # Before its first round is over the loop has as long as for any other.
        silent_s = self._clock.boot_s() - max(view.ticked_s, self._began_s)
        return page(match[2].decode(), view, now=self._clock.now(), silent_s=silent_s)

    def _read_head(self, connection: socket.socket, deadline: Deadline) -> bytes:
        """Up to the empty line, or just more than the longest; empty when the client went or was too slow."""
        head = b""
        while b"\r\n\r\n" not in head and b"\n\n" not in head and len(head) <= _LONGEST_HEAD:
            left_s = deadline.left_s(self._clock)
            if left_s <= 0:
                return b""
            connection.settimeout(left_s)
            more = connection.recv(_LONGEST_HEAD)
            if not more:
                return b""
            head += more
        return head

    def _drain(self, connection: socket.socket) -> None:
        deadline = Deadline.after(self._clock, _LINGER, "A client")
        while (left_s := deadline.left_s(self._clock)) > 0:
            connection.settimeout(left_s)
            if not connection.recv(65_536):
                return


def _cut(connection: socket.socket) -> None:
    """Ends what its thread is waiting for; the thread closes it."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _encode(answer: Page, *, head_only: bool) -> bytes:
    headers = {
        "Content-Type": answer.content_type,
        "Content-Length": str(len(answer.body)),
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Connection": "close",
        **({"Allow": answer.allow} if answer.allow else {}),
    }
    status = HTTPStatus(answer.status)
    lines = [f"HTTP/1.1 {status.value} {status.phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    head = "\r\n".join([*lines, "", ""]).encode()
    return head if head_only else head + answer.body
