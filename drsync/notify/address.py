"""Where a request may go: the name is resolved once, and the address that was checked is the one that is used."""

import socket
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from threading import Thread
from urllib.parse import urlsplit

from drsync.errors import Refused, Unreachable

Resolver = Callable[[str, int], list[str]]
"""Host and port to addresses; raises OSError."""

_NEVER = tuple(
    ip_network(text)
    for text in (
        # Link-local, where most clouds keep a machine's own credentials.
        "169.254.0.0/16",
        "fe80::/10",
        # The same of clouds that keep them elsewhere.
        "100.100.100.200/32",
        "168.63.129.16/32",
        "192.0.0.192/32",
        "fd00:ec2::/32",
        "fd20:ce::254/128",
        "0.0.0.0/8",
        "::/128",
        "224.0.0.0/4",
        "255.255.255.255/32",
        "ff00::/8",
    )
)
_NAT64 = (ip_network("64:ff9b::/96"), ip_network("64:ff9b:1::/48"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One checked address, and what to ask of it. Never printed: the path is often a secret."""

    address: str
    host: str
    port: int
    path: str
    is_tls: bool

    def __repr__(self) -> str:
        return "Target(…)"

    @property
    def host_header(self) -> str:
        name = f"[{self.host}]" if ":" in self.host else self.host
        return name if self.port == (443 if self.is_tls else 80) else f"{name}:{self.port}"


def resolve(host: str, port: int) -> list[str]:
    """By the system's resolver. Raises OSError."""
    return [str(answer[4][0]) for answer in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def find_target(url: str, *, allow_private: bool, wait_s: float, resolver: Resolver = resolve) -> Target:
    """Raises Refused for an address that may not be asked, and Unreachable for a name that is not found.

    Every address of the name must be allowed, so that a name with one good and one bad is refused.
    """
    refused = Refused("The address is not a web address.", remedy="write it as https://host/path")
    if not url.isascii() or not url.isprintable() or " " in url:
        raise refused
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise refused from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0 or "@" in parts.netloc:
        raise refused
    is_tls = parts.scheme == "https"
    if not is_tls and not allow_private:
        raise Refused(
            "The address is not encrypted.", remedy="use https, or set allowPrivate: true if it is of your own network"
        )
    port = port or (443 if is_tls else 80)
    addresses = _within(wait_s, lambda: resolver(parts.hostname or "", port))
    if not addresses or not all(may_ask(address, allow_private=allow_private) for address in addresses):
        raise Refused(
            "The address is one that may not be asked: of this host, of a private network or of a cloud's own service.",
            remedy="use a public address, or set allowPrivate: true if it is of your own network",
        )
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(address=addresses[0], host=parts.hostname, port=port, path=path, is_tls=is_tls)


def may_ask(address: str, *, allow_private: bool) -> bool:
    """Whether a request may go to the address, whatever it is wrapped in."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return all(_is_allowed(one, allow_private=allow_private) for one in (parsed, *_inside(parsed)))


def _is_allowed(address: IPv4Address | IPv6Address, *, allow_private: bool) -> bool:
    if any(address in network for network in _NEVER):
        return False
    is_site_local = isinstance(address, IPv6Address) and address.is_site_local
    return allow_private or (address.is_global and not is_site_local)


def _inside(address: IPv4Address | IPv6Address) -> list[IPv4Address]:
    """IPv4 addresses that an IPv6 one stands for: a gateway on the way would unwrap them."""
    if isinstance(address, IPv4Address):
        return []
    found = [inner for inner in (address.ipv4_mapped, address.sixtofour) if inner is not None]
    found += list(address.teredo) if address.teredo else []
    is_compatible = int(address) >> 32 == 0 and int(address) > 1
    if is_compatible or any(address in network for network in _NAT64):
        found.append(IPv4Address(int(address) & 0xFFFF_FFFF))
    return found


def _within(wait_s: float, resolver: Callable[[], list[str]]) -> list[str]:
    """The system's resolver takes no deadline, so that it is left behind when it is late."""
    answers: list[list[str]] = []

    def ask() -> None:
        try:
            answers.append(resolver())
        except (OSError, UnicodeError):
            return

    thread = Thread(target=ask, name="resolve", daemon=True)
    thread.start()
    thread.join(wait_s)
    if not answers:
        raise Unreachable("The host's name was not found in time.", remedy="look at the name and at the resolver")
    return answers[0]
