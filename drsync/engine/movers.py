"""Runs `drsync mover` as a child process: one job in, progress and one result out."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import IO, Final

from drsync import errors
from drsync.clock import Cancellation, Clock, Deadline
from drsync.errors import DrsyncError
from drsync.volumes.job import BackupJob, JobError, Progress, RestoreJob, VerifyJob, decode_line, encode_job

GRACE_S: Final = 25.0
"""How long a mover may take to write its checkpoint after SIGTERM."""
_POLL_S: Final = 0.2
_NOISE_BYTES: Final = 4_096

Job = BackupJob | RestoreJob | VerifyJob
OnProgress = Callable[[Progress], None]


def run_mover(job: Job, *, clock: Clock, cancel: Cancellation, deadline: Deadline, on_progress: OnProgress) -> object:
    """The mover's result value. Its own error is raised here as if it had arisen here.

    The mover ends when this process does: it dies with its parent, and when its standard
    input closes. When `cancel` fires or the deadline passes it gets SIGTERM, and SIGKILL
    after a grace in which it saves what it has uploaded.
    """
    with subprocess.Popen(
        [sys.executable, "-m", "drsync", "mover"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        over = threading.Event()
        watch = threading.Thread(target=_watch, args=(process, over, clock, cancel, deadline), daemon=True)
        watch.start()
        noise: list[bytes] = []
        drain = threading.Thread(target=_drain, args=(process.stderr, noise), daemon=True)
        drain.start()
        try:
            answer = _converse(process, job, on_progress)
        finally:
            over.set()
            watch.join()
    cancel.check()
    deadline.check(clock)
    return _settle(answer, process.returncode)


def _converse(process: subprocess.Popen[bytes], job: Job, on_progress: OnProgress) -> object | None:
    assert process.stdin, "a pipe was asked for"  # noqa: S101
    answer: object | None = None
    try:
        process.stdin.write(encode_job(job))
        process.stdin.flush()
    except BrokenPipeError:
        return None
    for line in _lines(process.stdout):
        said = decode_line(line)
        if isinstance(said, Progress):
            on_progress(said)
        else:
            answer = said
            break
    process.stdin.close()
    process.wait()
    return answer


def _lines(stream: IO[bytes] | None) -> Iterator[bytes]:
    if stream:
        for line in stream:
            if line.strip():
                yield line


def _drain(stream: IO[bytes] | None, into: list[bytes]) -> None:
    """Keeps the pipe empty; only the end is kept, for the error of a mover that said nothing."""
    for line in _lines(stream):
        into[:] = [b"".join((*into, line))[-_NOISE_BYTES:]]


def _watch(
    process: subprocess.Popen[bytes], over: threading.Event, clock: Clock, cancel: Cancellation, deadline: Deadline
) -> None:
    while not over.wait(_POLL_S):
        if cancel.cancelled or not deadline.left_s(clock):
            process.terminate()
            if not over.wait(GRACE_S):
                process.kill()
            return


def _settle(answer: object | None, returncode: int) -> object:
    if isinstance(answer, JobError):
        raise _as_raised(answer)
    if answer is None:
        raise DrsyncError(
            f"The volume mover ended with code {returncode} and no result.",
            remedy="run the same command again; what it uploaded is reused",
        )
    return answer


def _as_raised(error: JobError) -> DrsyncError:
    """The error class that the mover named, if it is one of ours that takes no more than words."""
    found = getattr(errors, error.error, DrsyncError)
    if not (isinstance(found, type) and issubclass(found, DrsyncError)) or found is errors.RequestRejected:
        found = DrsyncError
    return found(error.problem, remedy=error.remedy)
