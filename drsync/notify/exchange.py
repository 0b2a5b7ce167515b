"""One HTTP request that goes where it was checked to go, follows nobody, and ends in time."""

import ssl
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from socket import SHUT_RDWR, create_connection, socket
from threading import Event, Timer

from drsync.errors import Refused, Unreachable
from drsync.notify.address import Resolver, Target, find_target, resolve


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """How a request behaves."""

    allow_private: bool = False
    resolve_s: float = 5.0
    connect_s: float = 5.0
    total_s: float = 15.0
    """From connecting to the answer's status: a far side that drips bytes does not hold up anything."""
    tls: ssl.SSLContext | None = None
    """None: the system's authorities."""
    resolver: Resolver = resolve


def exchange(method: str, url: str, *, headers: Mapping[str, str], body: bytes = b"", manners: Manners) -> None:
    """Returns when the far side said yes. Raises Unreachable, and Refused; neither names the address."""
    target = find_target(url, allow_private=manners.allow_private, wait_s=manners.resolve_s, resolver=manners.resolver)
    status = _status(method, target, headers, body, manners)
    if 200 <= status < 300:
        return
    if 300 <= status < 400:
        raise Refused("The far side sends elsewhere, and is not followed.", remedy="write the address it sends to")
    if status >= 500 or status in {408, 429}:
        raise Unreachable(f"The far side answered {status}.", remedy="it is asked again later")
    raise Refused(f"The far side answered {status}.", remedy="look at the address and at the far side's rights")


def _status(method: str, target: Target, headers: Mapping[str, str], body: bytes, manners: Manners) -> int:
    try:
        with (
            create_connection((target.address, target.port), timeout=manners.connect_s) as plain,
            _ended_after(plain, manners.total_s),
            _secured(plain, target, manners) as stream,
        ):
            connection = HTTPConnection(target.host, target.port)
            connection.sock = stream
            connection.request(method, target.path, body=body, headers={**headers, "Host": target.host_header})
            return connection.getresponse().status
    except (HTTPException, OSError, ValueError) as error:
        # Their words hold the address, which may be a secret.
        raise Unreachable(
            f"The far side did not take it: {_reason(error)}.", remedy="look at the address and at the far side"
        ) from None


def _secured(plain: socket, target: Target, manners: Manners) -> socket:
    if not target.is_tls:
        return plain
    return (manners.tls or ssl.create_default_context()).wrap_socket(plain, server_hostname=target.host)


@contextmanager
def _ended_after(plain: socket, total_s: float) -> Generator[None]:
    """A socket's own timeout counts from byte to byte only; this one ends a far side that drips them.

    It holds a second descriptor of the connection, which TLS does not take over.
    """
    ended = Event()
    with plain.dup() as second:
        timer = Timer(total_s, _shut, [second, ended])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()
    if ended.is_set():
        # Headers that were cut off look like headers that are complete.
        raise TimeoutError


def _shut(connection: socket, ended: Event) -> None:
    ended.set()
    try:
        connection.shutdown(SHUT_RDWR)
    except OSError:
        return  # It has ended by itself.


def _reason(error: Exception) -> str:
    """What went wrong, without its words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return "its certificate is not trusted"
    return "it took too long" if isinstance(error, TimeoutError) else "the connection broke or was refused"
