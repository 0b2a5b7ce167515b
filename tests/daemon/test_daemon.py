"""`drsync daemon` as a process: slots, restarts, an orderly end, and a person who is told."""

import http.server
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from drsync.cli.main import main
from drsync.sandbox.serving import serve_in_thread
from tests.cli.conftest import POLICY
from tests.engine.site import make_shop, write_kubeconfig

pytestmark = pytest.mark.slow

EVERY_3_S = POLICY.replace("objectives: {rpo: 1h, allowLive: true}", "objectives: {rpo: 9s, allowLive: true}").replace(
    "  select:", "  schedule: {every: 3s, jitter: 1s}\n  select:", 1
)


@dataclass
class Place:
    path: Path

    def points(self) -> list[str]:
        answer = subprocess.run(
            [sys.executable, "-m", "drsync", "get", "points", "-o", "name"],
            cwd=self.path,
            capture_output=True,
            text=True,
            check=True,
        )
        return answer.stdout.split()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Place]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "shop.yaml").write_text(EVERY_3_S)
    with serve_in_thread(tmp_path / "one") as primary:
        write_kubeconfig(tmp_path / "primary.kubeconfig", primary)
        write_kubeconfig(tmp_path / "standby.kubeconfig", primary)
        make_shop(primary)
        assert main(["init", "dr", "--accept-single-key"]) == 0
        yield Place(tmp_path)


@contextmanager
def daemon(place: Place, **environment: str) -> Generator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "drsync", "daemon"],
        cwd=place.path,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "DRSYNC_LISTEN": "127.0.0.1:0", **environment},
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def wait_for(condition: object, seconds: float = 40) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "it did not happen in time"
        time.sleep(0.1)


def test_slots_are_captured_and_sigterm_ends_it_with_zero(place: Place) -> None:
    with daemon(place) as process:
        wait_for(lambda: len(place.points()) >= 3)
        process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        _, log = process.communicate(timeout=30)

    assert process.returncode == 0
    assert time.monotonic() - began < 25
    lines = [json.loads(line) for line in log.splitlines()]
    assert lines[-1]["event"] == "daemon.stopped"
    assert lines[-1]["drained"] is True
    finished = [line for line in lines if line["event"] == "capture.finished"]
    assert all(line["run_id"].startswith("b-") and line["policy"] == "shop" for line in finished)


def test_a_killed_daemon_goes_on_where_it_was_and_no_slot_is_captured_twice(place: Place) -> None:
    with daemon(place) as first:
        wait_for(lambda: len(place.points()) >= 2)
        first.kill()
        first.wait()
    before = place.points()

    with daemon(place):
        wait_for(lambda: len(place.points()) >= len(before) + 2)

    after = place.points()
    assert after[: len(before)] == before
    stamps = [re.search(r"\d{8}T\d{6}Z", name)[0] for name in after]
    assert len(set(stamps)) == len(stamps)


def test_health_and_metrics_are_served(place: Place) -> None:
    with daemon(place) as process:
        url = next(json.loads(line)["url"] for line in process.stderr if json.loads(line)["event"] == "status.served")
        drain = threading.Thread(target=process.stderr.read, daemon=True)
        drain.start()
        wait_for(lambda: len(place.points()) >= 1)
        with urllib.request.urlopen(f"{url}/healthz", timeout=5) as answer:
            health = answer.status
        with urllib.request.urlopen(f"{url}/metrics", timeout=5) as answer:
            metrics = answer.read().decode()

    assert health == 200
    assert 'drsync_store_up{store="dr"} 1.0' in metrics


def test_wrong_policy_files_end_it_with_2_at_the_start(place: Place) -> None:
    (place.path / "policies" / "shop.yaml").write_text("kind: [\n")

    with daemon(place) as process:
        _, log = process.communicate(timeout=20)

    assert process.returncode == 2
    assert "shop.yaml:2:1: This is not YAML" in log


class Hook(http.server.BaseHTTPRequestHandler):
    told: ClassVar[list[dict]] = []

    def do_POST(self) -> None:
        self.told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Tests are quiet."""


def test_a_breach_reaches_a_person_once_and_is_resolved(place: Place) -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Hook.told.clear()
    (place.path / "secrets" / "hook").mkdir(parents=True)
    (place.path / "secrets" / "hook" / "url").write_text(f"http://127.0.0.1:{server.server_port}/hook")
    policy = EVERY_3_S.replace("  standbys:", "  notify: [{to: person, when: [rpo-breached]}]\n  standbys:")
    broken = policy.replace("primary.kubeconfig", "missing.kubeconfig")
    (place.path / "policies" / "shop.yaml").write_text(broken + CHANNEL)

    with daemon(place, DRSYNC_SECRETS=str(place.path / "secrets")):
        wait_for(lambda: any(m["status"] == "firing" for m in Hook.told))
        (place.path / "policies" / "shop.yaml").write_text(policy + CHANNEL)
        wait_for(lambda: any(m["status"] == "resolved" for m in Hook.told))
    server.shutdown()
    server.server_close()

    assert [m["status"] for m in Hook.told] == ["firing", "resolved"]


CHANNEL = """\
---
apiVersion: drsync.io/v1alpha1
kind: NotifyChannel
metadata: {name: person}
spec: {type: webhook, urlFrom: {secret: hook, field: url}, allowPrivate: true}
"""
