"""A small S3 server on a real socket, for what no other server does on demand: refusals, lost answers, lies.

    with serving() as server:
        server.answer(503, "SlowDown", headers={"Retry-After": "1"})   # the next request
        server.lose(method="PUT")                                      # done, but the connection ends unanswered
    with serving(ignores=frozenset({"If-None-Match"})) as server: ...  # as too many kin of S3 do

It keeps the conditions to the letter unless told to ignore them, checks Content-MD5, and knows no signatures.
"""

import base64
import hashlib
import json
import ssl
import threading
import time
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape

from tests.fakes.s3_sites import S3Site

_XML = '<?xml version="1.0" encoding="UTF-8"?>\n'


@dataclass(slots=True)
class _Planned:
    status: int = 0
    code: str = ""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    method: str = ""
    body: bytes | None = None
    times: int = 1
    # "lose": done and unanswered; "cut": half the body; "drop": not done and unanswered
    mode: str = "answer"


@dataclass(slots=True)
class _Object:
    data: bytes
    etag: str
    written_s: float


@dataclass(frozen=True, slots=True)
class Request:
    """One that came."""

    method: str
    path: str
    headers: Mapping[str, str]


class S3Server:
    """The state behind the socket; its methods plan what goes wrong next."""

    def __init__(self, ignores: frozenset[str], clock_ahead_s: float) -> None:
        self.ignores = ignores
        self.clock_ahead_s = clock_ahead_s
        self.lock = threading.Lock()
        self.buckets: dict[str, dict[str, _Object]] = {"bucket": {}}
        self.requests: list[Request] = []
        self.endpoint = ""
        self.ca = ""
        self.stall_s = 0.0
        self._planned: list[_Planned] = []

    @property
    def site(self) -> S3Site:
        return S3Site(endpoint=self.endpoint, ca=self.ca)

    def answer(
        self,
        status: int,
        code: str,
        *,
        method: str = "",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        times: int = 1,
    ) -> None:
        """Refuses the next requests (of a method) without looking at them."""
        self._planned.append(_Planned(status, code, headers or {}, method, body, times))

    def lose(self, *, method: str = "", times: int = 1) -> None:
        """Does what is asked, and ends the connection without an answer."""
        self._planned.append(_Planned(method=method, times=times, mode="lose"))

    def drop(self, *, method: str = "", times: int = 1) -> None:
        """Ends the connection without doing anything."""
        self._planned.append(_Planned(method=method, times=times, mode="drop"))

    def cut(self, *, method: str = "GET", times: int = 1) -> None:
        """Ends the connection within the body of the answer."""
        self._planned.append(_Planned(method=method, times=times, mode="cut"))

    def forget(self) -> None:
        """Begins again with one empty bucket and nothing planned."""
        with self.lock:
            self.buckets = {"bucket": {}}
            self.requests = []
            self._planned = []
            self.stall_s = 0.0

    def take_plan(self, method: str) -> _Planned | None:
        with self.lock:
            for planned in self._planned:
                if planned.times and planned.method in {"", method}:
                    planned.times -= 1
                    return planned
        return None


@contextmanager
def serving(
    *,
    ignores: frozenset[str] = frozenset(),
    clock_ahead_s: float = 0.0,
    tls: ssl.SSLContext | None = None,
    host: str = "127.0.0.1",
) -> Iterator[S3Server]:
    state = S3Server(ignores, clock_ahead_s)

    class Handler(_Handler):
        server_state = state

    server = ThreadingHTTPServer((host, 0), Handler)
    server.daemon_threads = True
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    scheme = "https" if tls else "http"
    state.endpoint = f"{scheme}://{host}:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


class _Handler(BaseHTTPRequestHandler):
    server_state: S3Server
    protocol_version = "HTTP/1.1"
    # Headers and body leave as one, or each answer waits for the other side's delayed acknowledgement.
    wbufsize = -1
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self.mode = "answer"

    def handle(self) -> None:
        try:
            super().handle()
        except (ConnectionError, ssl.SSLError):
            self.close_connection = True

    def handle_expect_100(self) -> bool:
        is_welcome = super().handle_expect_100()
        # The client waits a second for this line unless it leaves at once.
        self.wfile.flush()
        return is_welcome

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
        pass

    def date_time_string(self, timestamp: float | None = None) -> str:
        return formatdate((timestamp or time.time()) + self.server_state.clock_ahead_s, usegmt=True)

    def do_GET(self) -> None:
        self._serve()

    do_PUT = do_DELETE = do_HEAD = do_POST = do_GET  # noqa: N815 - the standard library calls them so

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        state = self.server_state
        state.requests.append(Request(self.command, self.path, dict(self.headers.items())))
        planned = state.take_plan(self.command)
        if state.stall_s:
            time.sleep(state.stall_s)
        self.mode = planned.mode if planned else "answer"
        if planned and planned.mode == "drop":
            self.close_connection = True
            return
        if planned and planned.mode == "answer":
            self._refuse(planned.status, planned.code, headers=planned.headers, body=planned.body)
            return
        self._look(body)

    def _look(self, body: bytes) -> None:
        state = self.server_state
        parts = urlsplit(self.path)
        bucket, _, key = unquote(parts.path.lstrip("/")).partition("/")
        with state.lock:
            objects = state.buckets.get(bucket)
            if objects is None:
                self._refuse(404, "NoSuchBucket")
            elif not key:
                self._list(objects, parse_qs(parts.query, keep_blank_values=True))
            elif parts.query.startswith("retention"):
                self._refuse(400, "InvalidRequest")
            elif self.command == "PUT":
                self._put(objects, key, body)
            elif self.command == "DELETE":
                self._delete(objects, key)
            else:
                self._get(objects, key)

    def _put(self, objects: dict[str, _Object], key: str, body: bytes) -> None:
        digest = self.headers.get("Content-MD5")
        if digest and base64.b64decode(digest) != hashlib.md5(body, usedforsecurity=False).digest():
            self._refuse(400, "BadDigest")
        elif self._is_met(objects.get(key)):
            etag = hashlib.md5(body, usedforsecurity=False).hexdigest()
            objects[key] = _Object(body, etag, time.time())
            self._send(200, b"", {"ETag": f'"{etag}"'})

    def _delete(self, objects: dict[str, _Object], key: str) -> None:
        if self._is_met(objects.get(key)):
            objects.pop(key, None)
            self._send(204, b"", {})

    def _is_met(self, found: _Object | None) -> bool:
        """Whether the request's conditions hold; if not, they are answered here."""
        match = self._condition("If-Match")
        if self._condition("If-None-Match") == "*" and found:
            self._refuse(412, "PreconditionFailed")
        elif match and not found:
            self._refuse(404, "NoSuchKey")
        elif match and found and match.strip('"') != found.etag:
            self._refuse(412, "PreconditionFailed")
        else:
            return True
        return False

    def _condition(self, name: str) -> str | None:
        ignored = name in self.server_state.ignores or f"{self.command} {name}" in self.server_state.ignores
        return None if ignored else self.headers.get(name)

    def _get(self, objects: dict[str, _Object], key: str) -> None:
        found = objects.get(key)
        if not found:
            self._refuse(404, "NoSuchKey")
            return
        data, status = found.data, 200
        headers = {"ETag": f'"{found.etag}"', "Last-Modified": formatdate(found.written_s, usegmt=True)}
        wanted = None if "Range" in self.server_state.ignores else self.headers.get("Range")
        if wanted:
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            begin = int(first) if first else max(0, len(data) - int(last))
            end = int(last) + 1 if first and last else len(data)
            if begin >= len(data):
                self._refuse(416, "InvalidRange")
                return
            headers["Content-Range"] = f"bytes {begin}-{min(end, len(data)) - 1}/{len(data)}"
            data, status = data[begin:end], 206
        self._send(status, data, headers)

    def _list(self, objects: dict[str, _Object], query: dict[str, list[str]]) -> None:
        prefix = query.get("prefix", [""])[0]
        after = query.get("continuation-token", query.get("start-after", [""]))[0]
        most = int(query.get("max-keys", ["1000"])[0])
        keys = sorted(key for key in objects if key.startswith(prefix))
        if "order" in self.server_state.ignores:
            keys.reverse()
            page, rest = keys, list[str]()
        else:
            begin = bisect_right(keys, after)
            page, rest = keys[begin : begin + most], keys[begin + most :]
        token = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if rest else ""
        rows = "".join(
            f"<Contents><Key>{escape(quote(key, safe='/'))}</Key><LastModified>{_stamp(objects[key])}</LastModified>"
            f"<ETag>&quot;{objects[key].etag}&quot;</ETag><Size>{len(objects[key].data)}</Size></Contents>"
            for key in page
        )
        text = (
            f"{_XML}<ListBucketResult><EncodingType>url</EncodingType>"
            f"<IsTruncated>{json.dumps(bool(rest))}</IsTruncated>{token}{rows}</ListBucketResult>"
        )
        self._send(200, text.encode(), {"Content-Type": "application/xml"})

    def _refuse(
        self, status: int, code: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> None:
        text = f"{_XML}<Error><Code>{code}</Code><Message>for AKIAEXAMPLE</Message></Error>".encode()
        self._send(status, text if body is None else body, {"Content-Type": "application/xml", **(headers or {})})

    def _send(self, status: int, data: bytes, headers: Mapping[str, str]) -> None:
        if self.mode == "lose":
            self.close_connection = True
            return
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data[: len(data) // 2] if self.mode == "cut" else data)
        self.close_connection = self.close_connection or self.mode == "cut"


def _stamp(found: _Object) -> str:
    return datetime.fromtimestamp(found.written_s, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
