"""`drsync daemon` over several slots, stopped and started again in between."""

import json
import signal
import urllib.request
from pathlib import Path

import pytest

from tests.e2e.cluster import Cluster, free_ports
from tests.e2e.process import Process
from tests.e2e.site import Site
from tests.e2e.wait import until

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

EVERY_S = 4
ENDS_WITHIN_S = 25


@pytest.fixture
def site(tmp_path: Path, primary: Cluster, standby: Cluster, namespace: str) -> Site:
    primary.api.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}, namespace=namespace)
    made = Site(tmp_path)
    made.add_cluster("primary", primary)
    made.add_cluster("standby", standby)
    schedule = {"every": f"{EVERY_S}s", "jitter": "1s"}
    made.protect("often", [namespace], objectives={"rpo": "1m"}, schedule=schedule)
    made.init()
    return made


def _daemon(site: Site) -> tuple[Process, str]:
    port = free_ports(1)[0]
    address = f"127.0.0.1:{port}"
    process = site.start("daemon", env={"DRSYNC_LISTEN": address, "DRSYNC_LOG_FORMAT": "json"}, log="daemon.log")
    return process, f"http://{address}"


def _points(site: Site) -> int:
    return len(list(site.store_folder.glob("log/often/[0-9]*")))


def test_slots_run_across_a_restart(site: Site) -> None:
    process, _ = _daemon(site)
    until(lambda: process.check() or _points(site) >= 2, "two slots", within_s=60)
    process.signal(signal.SIGTERM)
    assert process.wait(ENDS_WITHIN_S) == 0, process.tail()
    before = _points(site)

    process, _ = _daemon(site)
    until(lambda: process.check() or _points(site) >= before + 2, "two more slots", within_s=60)
    process.signal(signal.SIGTERM)
    assert process.wait(ENDS_WITHIN_S) == 0, process.tail()

    states = [row["state"] for row in site.points()]
    assert len(states) >= 4
    assert set(states) == {"complete"}


def test_runs_of_one_policy_never_overlap(site: Site) -> None:
    process, _ = _daemon(site)
    until(lambda: process.check() or _points(site) >= 3, "three slots", within_s=60)
    process.stop(ENDS_WITHIN_S)

    runs = sorted(site.ok("get", "runs")["items"], key=lambda row: row["startedAt"])

    assert len({row["name"] for row in runs}) == len(runs)
    assert [row["state"] for row in runs] == ["complete"] * len(runs)


def test_it_answers_for_its_health_and_its_figures(site: Site) -> None:
    process, address = _daemon(site)
    until(lambda: process.check() or _points(site) >= 1, "a slot", within_s=60)

    answers = {}
    for path in ("healthz", "readyz", "metrics"):
        with urllib.request.urlopen(f"{address}/{path}", timeout=5) as answer:
            answers[path] = answer.read().decode()
    process.stop(ENDS_WITHIN_S)

    assert "drsync_" in answers["metrics"]


def test_a_killed_daemon_leaves_nothing_half_done(site: Site) -> None:
    process, _ = _daemon(site)
    until(lambda: process.check() or _points(site) >= 1, "a slot", within_s=60)
    process.signal(signal.SIGKILL)
    process.wait(10)

    process, _ = _daemon(site)
    before = _points(site)
    until(lambda: process.check() or _points(site) > before, "the next slot", within_s=60)
    process.stop(ENDS_WITHIN_S)

    assert {row["state"] for row in site.points()} == {"complete"}


def test_the_log_is_one_json_object_a_line(site: Site) -> None:
    process, _ = _daemon(site)
    until(lambda: process.check() or _points(site) >= 1, "a slot", within_s=60)
    process.stop(ENDS_WITHIN_S)

    lines = process.log.read_text().splitlines()

    assert lines
    assert all(json.loads(line)["event"] for line in lines)
