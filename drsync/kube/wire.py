"""One HTTP call to an API server: timeouts, a bounded number of tries, credentials renewed once, clock skew noted."""

import random
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Protocol

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NewConnectionError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)

from drsync.clock import Cancellation, Clock
from drsync.errors import ClusterUnreachable, DrsyncError
from drsync.kube.answers import Answer, Call, error_of, garbage, plain, status_of

# Waits double from 0.1 s to 5 s: eight tries outlast an etcd leader election and an API server's restart.
_ATTEMPTS = 8
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.1, 5.0
# A 504 comes after the server has waited itself, for seconds or for a minute.
_ATTEMPTS_AFTER_504 = 2
_BUDGET_S = 30.0
# What a page of the largest objects may take; more is not an API server's answer.
_BODY_LIMIT = 1 << 30
_CHUNK = 1 << 18


@dataclass(frozen=True, slots=True)
class Timeouts:
    """For one try. `read_s` bounds both the wait for the next byte and, four times over, the whole answer."""

    connect_s: float = 5
    read_s: float = 60


@dataclass(frozen=True, slots=True)
class Request:
    """One call as it goes out; `idempotent` when sending it twice is the same as once."""

    method: str
    path: str
    call: Call
    body: bytes | None = None
    content_type: str = "application/json"
    accept: str = "application/json"
    timeout_s: float | None = None
    idempotent: bool = True


class Transport(Protocol):
    """Where requests go and as whom; what connect.py makes out of a kubeconfig."""

    @property
    def server(self) -> str:
        """The API server's URL without any credential, for messages."""
        ...

    @property
    def gzip(self) -> bool:
        """Whether compressed answers save time; they do not on loopback."""
        ...

    def urlopen(
        self, method: str, path: str, *, body: bytes | None, headers: dict[str, str], timeout: urllib3.Timeout
    ) -> urllib3.BaseHTTPResponse:
        """Sends once, follows nothing, tries nothing again, and reads no body."""
        ...

    def authorization(self) -> str | None:
        """The header's value; raises PermissionDenied when a credential plugin fails."""
        ...

    def renew(self) -> bool:
        """After a 401: reads the credentials anew; False when they cannot have changed."""
        ...

    def close(self) -> None: ...


class Wire:
    """Sends calls over one transport; safe to share between threads."""

    def __init__(self, transport: Transport, *, timeouts: Timeouts, clock: Clock, cancel: Cancellation) -> None:
        self._transport = transport
        self._timeouts = timeouts
        self._clock = clock
        self._cancel = cancel
        self._date = ""
        self._skew: timedelta | None = None

    @property
    def server(self) -> str:
        return self._transport.server

    @property
    def clock(self) -> Clock:
        return self._clock

    @property
    def cancel(self) -> Cancellation:
        return self._cancel

    @property
    def skew(self) -> timedelta | None:
        """The server's clock less ours, good to a second; None before the first answer."""
        return self._skew

    def close(self) -> None:
        self._transport.close()

    def send(self, request: Request) -> Answer:
        """The answer, whatever its status, after the tries that the call may have.

        What changes nothing when repeated is tried again after no answer, 429 and 5xx; anything else
        only when the server cannot have acted: no connection, or 429. Raises ClusterUnreachable
        when nothing answers.
        """
        ends_s = self._clock.boot_s() + _BUDGET_S
        renewed = False
        attempt = 0
        while True:
            attempt += 1
            self._cancel.check()
            outcome, wait_s = self._once(request)
            if isinstance(outcome, Answer) and outcome.status == 401 and not renewed and self._transport.renew():
                renewed = True
                continue
            wait_s = None if wait_s is None else max(wait_s, _backoff(attempt))
            if wait_s is None or attempt >= _attempts(outcome) or self._clock.boot_s() + wait_s > ends_s:
                if isinstance(outcome, Answer):
                    return outcome
                raise outcome
            self._clock.sleep(wait_s, self._cancel)

    @contextmanager
    def stream(self, path: str, call: Call, *, read_s: float) -> Generator[Iterator[bytes]]:
        """The bytes of one GET as they come, for watches. Raises ClusterUnreachable where the stream breaks."""
        response = self._open_stream(path, call, read_s)
        if response.status == 401 and self._transport.renew():
            response.close()
            response = self._open_stream(path, call, read_s)
        try:
            if response.status != 200:
                raise error_of(Answer(response.status, response.read(_CHUNK), response.headers), call)
            yield _pieces(response, call)
        except HTTPError as error:
            raise _unreachable(call, error) from error
        finally:
            response.close()

    def _open_stream(self, path: str, call: Call, read_s: float) -> urllib3.BaseHTTPResponse:
        timeout = urllib3.Timeout(connect=self._timeouts.connect_s, read=read_s)
        headers = self._headers(Request("GET", path, call))
        try:
            return self._transport.urlopen("GET", path, body=None, headers=headers, timeout=timeout)
        except HTTPError as error:
            raise _unreachable(call, error) from error

    def _once(self, request: Request) -> tuple[Answer | DrsyncError, float | None]:
        """One try, and the seconds after which another one may follow; None when none may."""
        sent = self._clock.now()
        try:
            answer = self._exchange(request)
        except HTTPError as error:
            again = _never_sent(error) or (request.idempotent and not isinstance(_root(error), SSLError))
            return _unreachable(request.call, error), 0.0 if again else None
        except ClusterUnreachable as error:
            return error, 0.0 if request.idempotent else None
        self._note_skew(answer, sent)
        passing = answer.status == 429 or (request.idempotent and answer.status >= 500)
        # a 500 can be a verdict on the object, and no later try changes that
        if passing and isinstance(error_of(answer, request.call), ClusterUnreachable):
            return answer, _retry_after(answer)
        return answer, None

    def _exchange(self, request: Request) -> Answer:
        read_s = request.timeout_s or self._timeouts.read_s
        timeout = urllib3.Timeout(connect=self._timeouts.connect_s, read=read_s)
        response = self._transport.urlopen(
            request.method, request.path, body=request.body, headers=self._headers(request), timeout=timeout
        )
        try:
            body = self._body(response, request.call, self._clock.boot_s() + 4 * read_s)
        except BaseException:
            response.close()
            raise
        response.release_conn()
        return Answer(response.status, body, response.headers)

    def _body(self, response: urllib3.BaseHTTPResponse, call: Call, ends_s: float) -> bytes:
        told = response.headers.get("Content-Length", "")
        if told.isdigit() and int(told) < _CHUNK and "Content-Encoding" not in response.headers:
            return response.read()
        parts: list[bytes] = []
        size = 0
        while piece := response.read(_CHUNK, decode_content=True):
            parts.append(piece)
            size += len(piece)
            if size > _BODY_LIMIT:
                raise garbage(call, "the answer is larger than any list may be")
            if self._clock.boot_s() > ends_s:
                raise garbage(call, "the answer took too long to arrive")
            self._cancel.check()
        return b"".join(parts)

    def _headers(self, request: Request) -> dict[str, str]:
        headers = {
            "Accept": request.accept,
            "Accept-Encoding": "gzip" if self._transport.gzip else "identity",
            "User-Agent": "drsync",
        }
        if request.body is not None:
            headers["Content-Type"] = request.content_type
        if value := self._transport.authorization():
            headers["Authorization"] = value
        return headers

    def _note_skew(self, answer: Answer, sent: datetime) -> None:
        date = answer.headers.get("Date", "")
        # the header changes once a second; reading it on every answer would cost more than it tells
        if not date or date == self._date:
            return
        self._date = date
        try:
            told = parsedate_to_datetime(date)
        except ValueError:
            return
        middle = sent + (self._clock.now() - sent) / 2
        # the header drops the fraction of the second
        self._skew = told.replace(tzinfo=told.tzinfo or UTC) + timedelta(seconds=0.5) - middle


def _pieces(response: urllib3.BaseHTTPResponse, call: Call) -> Iterator[bytes]:
    try:
        while piece := response.read1(_CHUNK, decode_content=True):
            yield piece
    except HTTPError as error:
        raise _unreachable(call, error) from error


def _attempts(outcome: Answer | DrsyncError) -> int:
    waited_there = isinstance(outcome, Answer) and outcome.status == 504
    return _ATTEMPTS_AFTER_504 if waited_there else _ATTEMPTS


def _backoff(attempt: int) -> float:
    wait_s = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2 ** (attempt - 1))
    return wait_s * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, guards nothing


def _retry_after(answer: Answer) -> float:
    told = answer.headers.get("Retry-After", "")
    if told.isascii() and told.isdigit():
        return float(told[:6])
    details = status_of(answer).details
    return float(details.retryAfterSeconds) if details else 0.0


def _root(error: HTTPError) -> Exception:
    """What lies behind the wrappers of retries and proxies."""
    inner: Exception = error
    while isinstance(found := getattr(inner, "reason", None) or getattr(inner, "original_error", None), Exception):
        inner = found
    return inner


def _never_sent(error: HTTPError) -> bool:
    return isinstance(_root(error), ConnectTimeoutError | NewConnectionError)


def _unreachable(call: Call, error: HTTPError) -> ClusterUnreachable:
    root = _root(error)
    if isinstance(root, SSLError):
        remedy = "check the server's certificate, the CA in the kubeconfig and the name or address in its server URL"
    elif isinstance(error, ProxyError):
        remedy = "check the proxy in the kubeconfig or in HTTPS_PROXY, or add the server to NO_PROXY"
    else:
        remedy = "check that the API server runs and can be reached from here"
    return ClusterUnreachable(
        f"{call.server} did not answer when asked to {call.verb} {call.what}: {_cause(root)}.", remedy=remedy
    )


def _cause(error: Exception) -> str:
    """Why, without the object representations and URLs that urllib3 writes into its messages."""
    if isinstance(error.__cause__, OSError) and error.__cause__.strerror:
        return plain(error.__cause__.strerror)
    if isinstance(error, ConnectTimeoutError | ReadTimeoutError):
        return "it took too long"
    words = plain(str(error), 160)
    return words.split(">: ", 1)[-1] or type(error).__name__
