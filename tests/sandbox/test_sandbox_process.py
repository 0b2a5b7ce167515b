"""Sandbox servers as processes: found again, never doubled, ended without harm to others."""

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import urllib3

from drsync.errors import ClusterUnreachable, UserError
from drsync.sandbox import process
from tests.sandbox.conftest import Caller, config
from tests.sandbox.test_sandbox_custom_kinds import DEFINITIONS, definition

CONFIGMAPS = "/api/v1/namespaces/default/configmaps"


@pytest.fixture
def home(tmp_path):
    yield tmp_path / "sandbox"
    process.remove(tmp_path / "sandbox")


def caller(cluster: process.SandboxCluster) -> Caller:
    return Caller(cluster.url, process.token(cluster.kubeconfig.parent))


def wait_until(holds) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.slow
def test_two_clusters_come_up_side_by_side(home) -> None:
    primary, standby = process.up(home)

    with_one = caller(primary).create(CONFIGMAPS, config("one"))

    assert (primary.name, standby.name) == ("primary", "standby")
    assert with_one["metadata"]["name"] == "one"
    assert caller(standby)("GET", f"{CONFIGMAPS}/one").status == 404
    assert process.running(home) == (primary, standby)


@pytest.mark.slow
def test_a_second_up_finds_what_runs(home) -> None:
    first = process.up(home, ("primary",))

    assert process.up(home, ("primary",)) == first


@pytest.mark.slow
def test_two_ups_at_once_start_one_server(home) -> None:
    found: list[tuple[process.SandboxCluster, ...]] = []
    threads = [threading.Thread(target=lambda: found.append(process.up(home, ("primary",)))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 4
    assert len({cluster.pid for (cluster,) in found}) == 1


@pytest.mark.slow
def test_a_killed_server_comes_back_with_all_that_it_answered(home) -> None:
    (before,) = process.up(home, ("primary",))
    call = caller(before)
    stored: list[str] = []

    def write() -> None:
        for number in range(100_000):
            try:
                call.create(CONFIGMAPS, config(f"c{number:05}"))
            except urllib3.exceptions.HTTPError:
                return
            stored.append(f"c{number:05}")

    writer = threading.Thread(target=write)
    writer.start()
    wait_until(lambda: len(stored) > 200)
    os.kill(before.pid, signal.SIGKILL)
    writer.join(10)

    (after,) = process.up(home, ("primary",))

    assert after.pid != before.pid
    assert after.url == before.url
    there = set(caller(after).names(CONFIGMAPS))
    assert set(stored) <= there
    assert len(there - set(stored) - {"kube-root-ca.crt"}) <= 1


@pytest.mark.slow
def test_history_and_custom_kinds_survive_a_restart(home) -> None:
    (before,) = process.up(home, ("primary",))
    call = caller(before)
    call.create(CONFIGMAPS, config("one"))
    call.create(DEFINITIONS, definition())
    call.until("/apis/example.com/v1/things", lambda answer: answer.status == 200)
    at = call.get(CONFIGMAPS)["metadata"]["resourceVersion"]
    call("DELETE", f"{CONFIGMAPS}/one")
    process.down(home)

    (after,) = process.up(home, ("primary",))
    call = caller(after)

    listed = call.get(f"{CONFIGMAPS}?resourceVersion={at}&resourceVersionMatch=Exact")
    assert "one" in [item["metadata"]["name"] for item in listed["items"]]
    assert call("GET", "/apis/example.com/v1/things").status == 200


@pytest.mark.slow
def test_down_ends_what_it_is_told_to_and_keeps_the_state(home) -> None:
    primary, standby = process.up(home)
    caller(primary).create(CONFIGMAPS, config("one"))

    ended = process.down(home, ("primary",))

    assert ended == ("primary",)
    assert process.running(home) == (standby,)
    assert process.started(primary.pid) is None
    (again, _) = process.up(home)
    assert caller(again)("GET", f"{CONFIGMAPS}/one").status == 200


@pytest.mark.slow
def test_a_pid_that_someone_else_has_now_is_left_alone(home) -> None:
    (cluster,) = process.up(home, ("primary",))
    process.down(home)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        record = home / "primary" / "server.json"
        record.write_text(json.dumps({"pid": stranger.pid, "started": "some other time", "port": 1}))

        ended = process.down(home)
        stranger_lives = stranger.poll() is None
        stranger.communicate(b"\n")

    assert process.running(home) == ()
    assert ended == ()
    assert stranger_lives
    assert cluster.pid != stranger.pid


@pytest.mark.slow
@pytest.mark.parametrize("text", ["", "{", '{"pid": 1}', "[1, 2]", '{"pid": "x", "started": 1, "port": "y"}'])
def test_a_damaged_record_counts_as_not_running(home, text) -> None:
    (home / "primary").mkdir(parents=True)
    (home / "primary" / "server.json").write_text(text)

    assert process.running(home) == ()
    assert len(process.up(home, ("primary",))) == 1


@pytest.mark.slow
def test_damaged_state_is_one_sentence_with_a_remedy(home) -> None:
    (home / "primary").mkdir(parents=True)
    (home / "primary" / "state.jsonl").write_text("nonsense\n")

    with pytest.raises(ClusterUnreachable, match="damaged") as caught:
        process.up(home, ("primary",))

    assert "server.log" in caught.value.remedy


@pytest.mark.slow
def test_a_port_that_is_taken_is_not_fought_for(home) -> None:
    (before,) = process.up(home, ("primary",))
    process.down(home)
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", int(before.url.rpartition(":")[2])))
        taken.listen()
        (after,) = process.up(home, ("primary",))

    assert after.url != before.url
    assert after.url in after.kubeconfig.read_text()


@pytest.mark.slow
def test_what_holds_the_token_is_for_its_owner_alone(home) -> None:
    (cluster,) = process.up(home, ("primary",))
    folder = cluster.kubeconfig.parent
    held = process.token(folder)

    modes = {name: (folder / name).stat().st_mode & 0o777 for name in ("kubeconfig", "token", "state.jsonl")}

    assert modes == {"kubeconfig": 0o600, "token": 0o600, "state.jsonl": 0o600}
    assert folder.stat().st_mode & 0o077 == 0
    of_process = Path(f"/proc/{cluster.pid}")
    command = (of_process / "cmdline").read_text() + (of_process / "environ").read_text()
    assert held not in command
    assert held not in (folder / "server.log").read_text()


@pytest.mark.slow
def test_the_server_outlives_the_process_that_started_it_and_its_secrets(home) -> None:
    script = (
        f"from pathlib import Path; from drsync.sandbox import process; process.up(Path({str(home)!r}), ('primary',))"
    )
    environment = {**os.environ, "AWS_SECRET_ACCESS_KEY": "planted"}
    subprocess.run([sys.executable, "-c", script], check=True, env=environment, cwd=Path(__file__).parents[2])

    (cluster,) = process.running(home)

    assert caller(cluster)("GET", "/readyz").body == "ok"
    assert "planted" not in Path(f"/proc/{cluster.pid}/environ").read_text()
    assert os.getsid(cluster.pid) == cluster.pid


def test_a_second_server_in_one_folder_refuses(home) -> None:
    folder = home / "primary"
    folder.mkdir(parents=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        asked = [sys.executable, "-m", "drsync.sandbox", str(folder)]
        ran = subprocess.run(asked, capture_output=True, text=True, check=False)

    assert ran.returncode == 1
    assert "serves" in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize("name", ["", "../up", "a/b", "Up", "-x"])
def test_a_name_that_is_no_name_is_refused(home, name) -> None:
    with pytest.raises(UserError):
        process.up(home, (name,))


def test_ending_what_was_never_started_is_nothing(tmp_path) -> None:
    assert process.down(tmp_path / "nowhere") == ()
    assert process.running(tmp_path / "nowhere") == ()
    assert not (tmp_path / "nowhere").exists()
