"""Progress on standard error: a line a step; for a person also what is going on, for a log file a line in 30 s."""

import sys
import threading
import time
from dataclasses import dataclass, field
from typing import Final

from drsync.units import print_size

_QUIET_S: Final = 30.0
"""Without a terminal, a running step says so this often."""
_LIVE_S: Final = 0.5


@dataclass(slots=True)
class Progress:
    """A Reporter. Called from several threads."""

    quiet: bool
    terminal: bool = field(default_factory=lambda: _is_terminal())  # noqa: PLW0108 - defined below
    _last: dict[str, float] = field(default_factory=dict[str, float])
    _began: dict[str, tuple[float, int]] = field(default_factory=dict[str, tuple[float, int]])
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _live: bool = False

    def began(self, step: str) -> None:
        with self._lock:
            self._last[step] = time.monotonic()

    def moved(self, step: str, done_bytes: int, total_bytes: int) -> None:
        if self.quiet:
            return
        now = time.monotonic()
        with self._lock:
            since = self._last.setdefault(step, now)
            if now - since < (_LIVE_S if self.terminal else _QUIET_S):
                return
            self._last[step] = now
            began_s, began_bytes = self._began.setdefault(step, (now, done_bytes))
            speed = (done_bytes - began_bytes) / (now - began_s) if now > began_s else 0.0
            self._show(f" ..    {step:<24} {_share(done_bytes, total_bytes)}{_pace(speed, total_bytes - done_bytes)}")

    def ended(self, step: str, *, ok: bool, words: str, took_s: float) -> None:
        if self.quiet:
            return
        mark = "ok  " if ok else "FAIL"
        with self._lock:
            self._clear()
            sys.stderr.write(f" {mark}  {step:<24} {words}  {took_s:.1f}s\n")
            sys.stderr.flush()

    def _show(self, line: str) -> None:
        if self.terminal:
            sys.stderr.write(f"\r\x1b[2K{line}")
            self._live = True
        else:
            sys.stderr.write(f"{line}\n")
        sys.stderr.flush()

    def _clear(self) -> None:
        if self._live:
            sys.stderr.write("\r\x1b[2K")
            self._live = False


def _is_terminal() -> bool:
    # Asked anew each time: whoever calls us may have put another stream in its place.
    return sys.stderr.isatty()


def _share(done_bytes: int, total_bytes: int) -> str:
    if total_bytes <= 0:
        return print_size(done_bytes)
    return f"{100 * done_bytes // total_bytes:3d}%  {print_size(done_bytes)} of {print_size(total_bytes)}"


def _pace(bytes_s: float, left_bytes: int) -> str:
    if bytes_s <= 0:
        return ""
    words = f"  {print_size(int(bytes_s))}/s"
    return words + (f"  eta {left_bytes / bytes_s:.0f}s" if left_bytes > 0 else "")
