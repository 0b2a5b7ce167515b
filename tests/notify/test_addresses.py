"""A request goes only where it may, however the address is written."""

import socket
import time
from threading import Event

import pytest

from drsync.errors import Refused, Unreachable
from drsync.notify.address import find_target, may_ask, resolve

INSIDE = [
    "127.0.0.1", "127.8.9.10", "::1", "10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.254", "192.168.1.1",
    "100.64.0.1", "198.18.0.1", "192.0.2.1", "203.0.113.9", "240.0.0.1", "fc00::1", "fd12:3456::1", "fec0::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:7f00:1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::10.0.0.1",
    "2002:7f00:1::", "2002:a00:1::1", "2001:0:4136:e378:8000:63bf:f5ff:fffe", "2001:db8::1",
]  # fmt: skip
NEVER = [
    "169.254.169.254", "169.254.170.2", "fe80::1", "fe80::1%eth0", "::ffff:169.254.169.254", "::ffff:a9fe:a9fe",
    "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::", "fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "168.63.129.16",
    "192.0.0.192", "0.0.0.0",  # noqa: S104 - an address to refuse
    "0.1.2.3", "::", "224.0.0.1", "239.255.255.255", "255.255.255.255", "ff02::1",
    "nonsense", "",
]  # fmt: skip
PUBLIC = ["1.1.1.1", "8.8.8.8", "52.95.110.1", "2606:4700:4700::1111", "2a00:1450:4001:81b::200e"]


@pytest.mark.parametrize("address", [*INSIDE, *NEVER])
def test_an_address_that_is_not_public_is_not_asked(address: str) -> None:
    assert not may_ask(address, allow_private=False)


@pytest.mark.parametrize("address", NEVER)
def test_a_clouds_own_services_are_never_asked(address: str) -> None:
    assert not may_ask(address, allow_private=True)


@pytest.mark.parametrize("address", [*INSIDE, *PUBLIC])
def test_private_addresses_are_asked_where_that_is_allowed(address: str) -> None:
    assert may_ask(address, allow_private=True)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_asked(address: str) -> None:
    assert may_ask(address, allow_private=False)


@pytest.mark.parametrize(
    "host",
    ["2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.1", "127.0.1", "017700000001", "0", "[::1]", "[::]",
     "localhost", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:127.0.0.1]", "2852039166",
     "0xA9FEA9FE", "169.254.43518"],
)  # fmt: skip
def test_an_address_in_disguise_is_seen_by_what_it_resolves_to(host: str) -> None:
    with pytest.raises((Refused, Unreachable)):
        find_target(f"https://{host}/x", allow_private=False, wait_s=5, resolver=resolve)


def _never(host: str, _port: int) -> list[str]:
    raise AssertionError(host)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/x",
        "file:///etc/passwd",
        "gopher://example.com:70/_x",
        "//example.com/x",
        "example.com/x",
        "https://",
        "https://user:secret-part@example.com/x",
        "https://example.com@127.0.0.1/x",
        "https://example.com:0/x",
        "https://example.com:99999/x",
        "https://[::1/x",
        "https://exa mple.com/x",
        "https://example.com/x\r\nHost: evil",
        "https://ⓛocalhost/x",
        "http://example.com/x",
    ],
)
def test_what_is_no_encrypted_web_address_is_refused_without_being_resolved(url: str) -> None:
    with pytest.raises(Refused) as caught:
        find_target(url, allow_private=False, wait_s=1, resolver=_never)

    assert "secret-part" not in str(caught.value)


def test_a_name_with_one_bad_address_among_good_ones_is_refused() -> None:
    with pytest.raises(Refused):
        find_target(
            "https://x.example/", allow_private=False, wait_s=1, resolver=lambda _h, _p: ["1.1.1.1", "127.0.0.1"]
        )


def test_the_address_that_was_checked_is_the_one_that_is_used() -> None:
    answers = iter([["1.1.1.1"], ["127.0.0.1"]])

    target = find_target(
        "https://rebind.example/x", allow_private=False, wait_s=1, resolver=lambda _h, _p: next(answers)
    )

    assert target.address == "1.1.1.1"
    assert next(answers) == ["127.0.0.1"]


def test_a_resolver_that_does_not_answer_is_left_behind() -> None:
    gate = Event()
    began = time.monotonic()

    def late(_host: str, _port: int) -> list[str]:
        gate.wait(30)
        return ["1.1.1.1"]

    with pytest.raises(Unreachable):
        find_target("https://x.example/", allow_private=False, wait_s=0.05, resolver=late)

    gate.set()
    assert time.monotonic() - began < 5


def test_a_name_that_is_not_there_is_unreachable() -> None:
    def nobody(_host: str, _port: int) -> list[str]:
        raise socket.gaierror(-2, "Name or service not known")

    with pytest.raises(Unreachable):
        find_target("https://x.example/", allow_private=False, wait_s=1, resolver=nobody)


@pytest.mark.parametrize(
    ("url", "header"),
    [
        ("https://x.example/a", "x.example"),
        ("https://x.example:8443/a", "x.example:8443"),
        ("http://x.example:80/a", "x.example"),
        ("https://[2606::1]/a", "[2606::1]"),
    ],
)
def test_the_far_side_is_told_the_name_and_not_the_address(url: str, header: str) -> None:
    target = find_target(url, allow_private=True, wait_s=1, resolver=lambda _h, _p: ["1.1.1.1"])

    assert target.host_header == header
