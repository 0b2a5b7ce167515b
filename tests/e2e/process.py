"""A server as a child process: its log in a file, ended with whoever started it."""

import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO


class Ended(Exception):
    """A server that should be running is not; shows the end of its log."""


class Process:
    """One running server.

    The kernel kills it when the thread that started it ends, so that no server outlives a test run
    that was killed: start servers from the main thread.
    """

    def __init__(
        self,
        argv: Sequence[str | Path],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        stdout: IO[bytes] | None = None,
    ) -> None:
        self.name = Path(argv[0]).name
        self.log = log
        with log.open("ab") as sink:
            self._child = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", *map(str, argv)],
                stdin=subprocess.DEVNULL,
                stdout=stdout or sink,
                stderr=sink,
                env=env,
                cwd=cwd,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def running(self) -> bool:
        return self._child.poll() is None

    def check(self) -> None:
        """Raises Ended if the process is gone."""
        if not self.running:
            raise Ended(f"{self.name} ended with {self._child.returncode}:\n{self.tail()}")

    def tail(self, size: int = 3000) -> str:
        return self.log.read_text(errors="replace")[-size:]

    @property
    def returncode(self) -> int | None:
        return self._child.poll()

    def wait(self, timeout_s: float) -> int:
        return self._child.wait(timeout_s)

    def signal(self, number: signal.Signals) -> None:
        if self.running:
            self._child.send_signal(number)

    def stop(self, grace_s: float = 1.0) -> int:
        """SIGTERM, and SIGKILL when that does not end it in time; returns the exit status."""
        self.signal(signal.SIGTERM)
        try:
            return self._child.wait(grace_s)
        except subprocess.TimeoutExpired:
            self._child.kill()
            return self._child.wait()
