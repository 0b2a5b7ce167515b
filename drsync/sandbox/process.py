"""Sandbox servers as processes of their own: started detached, found again, and ended by their recorded pid.

DIRECTORY/NAME/kubeconfig   for anyone who wants in; holds the token, mode 0600
DIRECTORY/NAME/server.json  pid, its start time, port; written by the server once it listens
DIRECTORY/NAME/state.jsonl  the cluster's objects
DIRECTORY/NAME/volumes/     the data of its persistent volumes
"""

import fcntl
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from drsync.errors import AlreadyRunning, ClusterUnreachable, UserError

NAMES = ("primary", "standby")
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_START_S = 30
_STOP_S = 5
_POLL_S = 0.02
_RECORD = "server.json"
_PASSED_ON = ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV")
"""A detached server keeps no secret of the shell that started it."""


@dataclass(frozen=True, slots=True)
class SandboxCluster:
    """A server that runs now."""

    name: str
    url: str
    kubeconfig: Path
    data_dir: Path
    """Where the data of its volumes lie."""
    pid: int


@dataclass(frozen=True, slots=True)
class Record:
    """What a server says of itself in server.json."""

    pid: int
    started: str
    """Tells this process from a later one with the same pid."""
    port: int


def up(directory: Path, names: Sequence[str] = NAMES) -> tuple[SandboxCluster, ...]:
    """Starts what does not run yet, and waits until all of it answers."""
    for name in names:
        if not _NAME.fullmatch(name):
            raise UserError(f"{name!r} cannot name a sandbox.", remedy="use small letters, digits and dashes")
    directory = directory.absolute()
    with _alone(directory):
        starting = {name: _spawn(directory / name) for name in names if _running(directory / name) is None}
        return tuple(_await(directory / name, starting.get(name)) for name in names)


def running(directory: Path) -> tuple[SandboxCluster, ...]:
    """The servers of a directory whose processes live."""
    folders = sorted(path.parent for path in directory.absolute().glob(f"*/{_RECORD}"))
    return tuple(found for folder in folders if (found := _running(folder)) is not None)


def down(directory: Path, names: Sequence[str] | None = None) -> tuple[str, ...]:
    """Ends servers, all of them unless named, and says which ones it ended. Their state stays."""
    if not directory.is_dir():
        return ()
    ended: list[str] = []
    with _alone(directory):
        for cluster in running(directory):
            if names is None or cluster.name in names:
                _end(directory.absolute() / cluster.name, cluster.pid)
                ended.append(cluster.name)
    return tuple(ended)


def remove(directory: Path) -> None:
    """Ends every server and deletes what they remembered, volumes included."""
    down(directory)
    for record in directory.absolute().glob("*/kubeconfig"):
        shutil.rmtree(record.parent)


def write_record(folder: Path, port: int) -> None:
    """Called by a server once it listens."""
    record = Record(os.getpid(), started(os.getpid()) or "", port)
    _replace(folder / _RECORD, json.dumps(asdict(record)))
    url = f"http://127.0.0.1:{port}"
    _replace(folder / "kubeconfig", json.dumps(_kubeconfig(folder.name, url, token(folder)), indent=1))


def last_port(folder: Path) -> int:
    """The port that the server had before; 0 when it never ran."""
    record = _read_record(folder)
    return record.port if record else 0


def token(folder: Path) -> str:
    """The bearer token of a sandbox, made when it is first asked for."""
    path = folder / "token"
    if not path.exists():
        _replace(path, secrets.token_urlsafe(32))
    return path.read_text()


def started(pid: int) -> str | None:
    """When a process started, in a form to compare; None when it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        fields = stat.rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except FileNotFoundError:
        return None if Path("/proc/self").exists() else _started_by_ps(pid)
    except ProcessLookupError:
        return None
    return None if fields[0] == "Z" else f"{boot}/{fields[19]}"


def _started_by_ps(pid: int) -> str | None:
    asked = ["ps", "-o", "lstart=", "-p", str(pid)]
    told = subprocess.run(asked, capture_output=True, text=True, check=False)  # noqa: S603
    return told.stdout.strip() or None


@contextmanager
def _alone(directory: Path) -> Generator[None]:
    """One `up` or `down` at a time in a directory; the others wait for it."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    deadline = time.monotonic() + _START_S + _STOP_S
    with (directory / ".lock").open("w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise AlreadyRunning(
                        f"Another command is starting or ending the sandbox in {directory}.",
                        remedy="wait for it to end, then try again",
                    ) from None
                time.sleep(_POLL_S)
        yield


def _spawn(folder: Path) -> int:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    token(folder)
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    environment["PYTHONPATH"] = str(Path(__file__).parents[2])
    log = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    return os.posix_spawn(
        sys.executable,
        # -P: a file in the folder where the command was given cannot pose as a module.
        [sys.executable, "-P", "-m", "drsync.sandbox", str(folder)],
        environment,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(folder / "server.log"), log, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )


def _await(folder: Path, pid: int | None) -> SandboxCluster:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        found = _running(folder)
        if found and (pid is None or found.pid == pid) and _answers(found.url, token(folder)):
            return found
        if pid is not None and _ended(pid):
            break
        if pid is None and found is None:
            # It ran when we looked, and was dying.
            pid = _spawn(folder)
        time.sleep(_POLL_S)
    tail = (folder / "server.log").read_text(errors="replace").strip().splitlines()[-1:]
    raise ClusterUnreachable(
        f"The sandbox {folder.name} does not answer{': ' + tail[0] if tail else ''}.",
        remedy=f"read {folder / 'server.log'}, or end it with `drsync sandbox down` and start again",
    )


def _ended(pid: int) -> bool:
    """Whether a process is gone; takes note of its end when it was a child of ours."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return started(pid) is None


def _answers(url: str, bearer: str) -> bool:
    request = urllib.request.Request(f"{url}/readyz", headers={"Authorization": f"Bearer {bearer}"})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=2) as answer:  # noqa: S310
            return answer.status == 200
    except (OSError, urllib.error.URLError):
        return False


def _running(folder: Path) -> SandboxCluster | None:
    record = _read_record(folder)
    if record is None or started(record.pid) != record.started:
        return None
    url = f"http://127.0.0.1:{record.port}"
    return SandboxCluster(folder.name, url, folder / "kubeconfig", folder / "volumes", record.pid)


def _read_record(folder: Path) -> Record | None:
    """None for a record that is missing or makes no sense: then nothing is known to run."""
    try:
        told: Any = json.loads((folder / _RECORD).read_text())
        return Record(int(told["pid"]), str(told["started"]), int(told["port"]))
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return None


def _end(folder: Path, pid: int) -> None:
    born = started(pid)
    for sent in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.kill(pid, sent)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + _STOP_S
        while time.monotonic() < deadline:
            if _ended(pid) or started(pid) != born:
                return
            time.sleep(_POLL_S)
    raise ClusterUnreachable(
        f"The sandbox {folder.name} (pid {pid}) does not end.", remedy="look at the process, then try again"
    )


def _kubeconfig(name: str, url: str, bearer: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [{"name": name, "cluster": {"server": url}}],
        "users": [{"name": name, "user": {"token": bearer}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
    }


def _replace(path: Path, text: str) -> None:
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    fresh.rename(path)
