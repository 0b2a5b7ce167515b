"""What is measured of a command: its time, what it printed, and the memory of its process tree."""

import os
import re
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_SAMPLE_S = 0.02
_LIMIT_S = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One run of a command."""

    code: int
    seconds: float
    out: str
    err: str
    peak_mib: float
    """The sum of each process's own peak, as the kernel keeps it: never less than the tree held at once."""


def run(command: Sequence[str], *, env: Mapping[str, str], cwd: Path) -> Measured:
    """Runs a command to its end and watches its tree meanwhile."""
    began = time.monotonic()
    child = subprocess.Popen(
        command, env=dict(env), cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    watch = _Watch(child.pid)
    try:
        out, err = child.communicate(timeout=_LIMIT_S)
        seconds = time.monotonic() - began
    finally:
        child.kill()
        watch.stop()
    return Measured(
        code=child.returncode, seconds=seconds, out=out.decode(), err=err.decode(), peak_mib=watch.peak_kib / 1024
    )


def timed(work: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    began = time.monotonic()
    work()
    return time.monotonic() - began


class _Watch:
    """Reads the peaks of a process and of all that come from it, until it is stopped."""

    def __init__(self, pid: int) -> None:
        self._peaks: dict[int, int] = {}
        self._pid = pid
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()

    @property
    def peak_kib(self) -> int:
        return sum(self._peaks.values())

    def stop(self) -> None:
        self._ending.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._ending.wait(_SAMPLE_S):
            for pid in _tree(self._pid):
                self._peaks[pid] = max(self._peaks.get(pid, 0), _peak_kib(pid))


def _tree(root: int) -> list[int]:
    found = [root]
    for pid in found:
        try:
            for task in os.listdir(f"/proc/{pid}/task"):
                found += map(int, Path(f"/proc/{pid}/task/{task}/children").read_text().split())
        except OSError:
            continue
    return found


def _peak_kib(pid: int) -> int:
    try:
        found = re.search(r"^VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    except OSError:
        return 0
    return int(found[1]) if found else 0
