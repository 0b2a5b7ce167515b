"""Who holds a lease: enough to tell people, and to see from the same host that the process is gone."""

import os
import socket
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field, StringConstraints

from drsync.state.documents import printable

Words = Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e]{0,200}$")]
"""Text that another host wrote and that ends on a terminal."""

Pid = Annotated[int, Field(ge=1, le=2**31 - 1)]

_GONE_STATES: Final = frozenset("ZX")
"""Of /proc/PID/stat: ended, and only waiting for its parent to notice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """One attempt to act. `owner` is fresh for each; two of one process are two."""

    owner: Words
    host: Words
    boot_id: Words
    """Empty where the system has none; then nothing is concluded from pids."""
    pid_space: Words
    """Two containers on one host share a boot id, not the meaning of a pid."""
    pid: Pid
    pid_started: int
    run: Words
    site: Words


def this_holder(run: str, site: str) -> Holder:
    pid = os.getpid()
    stat = _stat(pid)
    return Holder(
        owner=uuid.uuid4().hex,
        host=printable(socket.gethostname()),
        boot_id=_read("/proc/sys/kernel/random/boot_id"),
        pid_space=_pid_space(),
        pid=pid,
        pid_started=stat[1] if stat else 0,
        run=printable(run),
        site=printable(site),
    )


def is_gone(other: Holder, *, seen_by: Holder) -> bool:
    """Whether `other` certainly ended: same host, boot and pid space, and no such process any more."""
    if not seen_by.boot_id or _place(other) != _place(seen_by):
        return False
    try:
        os.kill(other.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass  # Someone else's process, which may be the holder.
    stat = _stat(other.pid)
    return stat is not None and (stat[0] in _GONE_STATES or stat[1] != other.pid_started)


def _place(holder: Holder) -> tuple[str, str, str]:
    return (holder.host, holder.boot_id, holder.pid_space)


def _stat(pid: int) -> tuple[str, int] | None:
    """A process's state and when it began, in ticks since boot; None when that cannot be read."""
    # The name, in parentheses, may itself hold parentheses and blanks.
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return (fields[0], int(fields[19])) if len(fields) > 19 else None


def _pid_space() -> str:
    try:
        return printable(os.readlink("/proc/self/ns/pid"))
    except OSError:
        return ""


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
