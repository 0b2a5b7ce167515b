"""An HTTP server on loopback that answers what a test tells it to, faults included."""

import http.server
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Self


@dataclass(frozen=True, kw_only=True)
class Reply:
    """One answer. `sent` bytes of the body are sent, then the connection breaks; `lost` answers nothing at all."""

    status: int = 200
    body: bytes = b"{}"
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    sent: int | None = None
    lost: bool = False


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


Route = Callable[[Asked], Reply | None]


class ScriptedServer:
    """Gives its replies in turn, the last one for ever; or lets a function choose.

    with ScriptedServer(Reply(status=503), Reply(body=b"…")) as server: …
    """

    def __init__(self, *replies: Reply, route: Route | None = None) -> None:
        self.asked: list[Asked] = []
        self._replies = list(replies)
        self._route = route
        self._lock = threading.Lock()
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _next(self, asked: Asked) -> Reply:
        with self._lock:
            self.asked.append(asked)
            chosen = self._route(asked) if self._route else None
            if chosen:
                return chosen
            return self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        choose = self._next

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # one write an answer: two would wait for each other's acknowledgement
            wbufsize = -1

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                reply = choose(Asked(method=self.command, path=self.path, headers=dict(self.headers), body=body))
                if reply.lost:
                    self.close_connection = True
                    return
                self.send_response(reply.status)
                self.send_header("Content-Type", reply.content_type)
                self.send_header("Content-Length", str(len(reply.body)))
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(reply.body[: reply.sent])
                self.close_connection = reply.sent is not None

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        return Handler
