"""A SeaweedFS server on loopback: an S3 server that others wrote, with locks, versions and real signatures."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.fakes.s3_sites import S3Site

_READY_S = 60.0
_STOP_S = 20.0
# Each of its HTTP ports P takes P + 10000 as well.
_PORTS = ("s3.port", "master.port", "volume.port", "filer.port", "admin.port")


@pytest.fixture(scope="session")
def seaweed_s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Site]:
    """One server for the session; each test makes its own buckets."""
    home = tmp_path_factory.mktemp("seaweed")
    ports = _free_ports(len(_PORTS))
    site = S3Site(endpoint=f"http://127.0.0.1:{ports[0]}")
    process = _start(home, dict(zip(_PORTS, ports, strict=True)), site)
    try:
        _wait_until_ready(process, site, home)
        yield site
    finally:
        _stop(process)


def _start(home: Path, ports: dict[str, int], site: S3Site) -> "subprocess.Popen[bytes]":
    data = home / "data"
    data.mkdir()
    command = [
        str(Path(sys.executable).with_name("weed")),
        "mini",
        f"-dir={data}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-s3.autoCreateBucket=false",
        "-s3.allowDeleteBucketNotEmpty=false",
        "-webdav=false",
        "-admin.ui=false",
        *(f"-{name}={port}" for name, port in ports.items()),
    ]
    environ = os.environ | {
        "AWS_ACCESS_KEY_ID": site.access_key,
        "AWS_SECRET_ACCESS_KEY": site.secret_key,
        "HOME": str(home),
    }
    with (home / "log").open("wb") as log:
        return subprocess.Popen(
            command, cwd=home, env=environ, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )


def _wait_until_ready(process: "subprocess.Popen[bytes]", site: S3Site, home: Path) -> None:
    ends_s = time.monotonic() + _READY_S
    while time.monotonic() < ends_s:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{site.endpoint}/status", timeout=2):
                site.make_bucket()
                return
        except Exception:  # noqa: BLE001 - whatever it is, it is not ready
            time.sleep(0.1)
    raise AssertionError("SeaweedFS did not start:\n" + (home / "log").read_text(errors="replace")[-3000:])


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(_STOP_S)


def _free_ports(count: int) -> list[int]:
    """Ports whose partner 10000 above is free too; they are let go together, so that all differ."""
    found: list[int] = []
    with ExitStack() as held:
        while len(found) < count:
            low = held.enter_context(socket.socket())
            low.bind(("127.0.0.1", 0))
            port = low.getsockname()[1] - 10_000
            if port < 10_000:
                continue
            base = held.enter_context(socket.socket())
            try:
                base.bind(("127.0.0.1", port))
            except OSError:
                continue
            found.append(port)
    return found
