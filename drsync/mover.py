"""The mover: one job on standard input, lines of JSON on standard output, and no longer than its parent.

It knows stores, the repository and volumes; no Kubernetes, no policy, no journal. Whoever starts it
keeps its standard input open: when that closes, or the parent dies, the mover stops.
"""

import ctypes
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import BinaryIO, assert_never

from drsync.clock import Cancellation, SystemClock
from drsync.errors import DrsyncError, Interrupted, Stopped
from drsync.repository.keyfile import read_key_file
from drsync.repository.keyring import open_keyring
from drsync.repository.repository import Repository
from drsync.stores.open import StoreOptions, open_store
from drsync.volumes.backup import backup_volume
from drsync.volumes.filesystem import explain
from drsync.volumes.job import BackupJob, Job, JobError, Line, RestoreJob, VerifyJob, decode_job, encode_line, job_error
from drsync.volumes.restore import restore_volume
from drsync.volumes.verify import verify_volume

_PACK_BYTES = 8 * 1024 * 1024
"""Half of the default: a mover's memory is counted against a small limit."""
_PR_SET_PDEATHSIG = 1
_M_ARENA_MAX = -8
_GRACE_S = 20
"""A stopped job may still upload what it holds; beyond that the parent's death wins."""
_LINE_LIMIT = 16 * 1024 * 1024


def main() -> int:
    """Runs the job; returns its exit code."""
    _die_with_parent()
    _keep_memory_together()
    _allow_many_files()
    cancel = Cancellation()
    _stop_on_signals(cancel)
    output = sys.stdout.buffer
    try:
        job = decode_job(sys.stdin.buffer.readline(_LINE_LIMIT + 1))
        _stop_when_input_ends(cancel)
        _say(output, run(job, lambda line: _say(output, line), cancel))
    except DrsyncError as error:
        _say(output, job_error(error))
        return error.exit_code
    except OSError as error:
        told = explain(error, "The mover failed")
        _say(output, job_error(told))
        return told.exit_code
    except MemoryError:
        _say(
            output,
            JobError(error="Refused", problem="The mover ran out of memory.", remedy="raise its limit", exit_code=1),
        )
        return 1
    return 0


def run(job: Job, tell: Callable[[Line], None], cancel: Cancellation) -> Line:
    """Does a job and returns its result line. Raises DrsyncError."""
    clock = SystemClock()
    keys = [read_key_file(path) for path in job.key_files]
    limit = job.upload_mib_s if isinstance(job, BackupJob) else None
    store = open_store(job.store_url, clock=clock, options=StoreOptions(parallel=job.parallel, upload_mib_s=limit))
    try:
        repository = Repository(store, open_keyring(store, keys), clock=clock, pack_bytes=_PACK_BYTES)
        match job:
            case BackupJob():
                return backup_volume(repository, job, progress=tell, cancel=cancel, clock=clock)
            case RestoreJob():
                return restore_volume(repository, job, progress=tell, cancel=cancel)
            case VerifyJob():
                return verify_volume(repository, job, progress=tell, cancel=cancel)
            case _:
                assert_never(job)
    finally:
        store.close()


def _say(output: BinaryIO, line: Line) -> None:
    try:
        output.write(encode_line(line))
        output.flush()
    except BrokenPipeError:
        # Nobody listens any more; the watcher of the input ends the job.
        return


def _die_with_parent() -> None:
    """The kernel ends us when the parent dies, however it dies."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def _keep_memory_together() -> None:
    """One heap for all threads: chunks come from one and are freed by another, which costs a quarter more otherwise."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)


def _allow_many_files() -> None:
    """A deep tree needs a handle for each level."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _stop_on_signals(cancel: Cancellation) -> None:
    def stop(_number: int, _frame: FrameType | None) -> None:
        cancel.cancel()
        _end_after_grace()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)


def _stop_when_input_ends(cancel: Cancellation) -> None:
    """The other half of ending with the parent: it works across containers, and when the parent was replaced."""

    def watch() -> None:
        # Bytes after the job mean nothing; only the end does.
        while os.read(sys.stdin.fileno(), 4096):
            pass
        cancel.cancel(Interrupted("The mover's parent is gone.", remedy="run the same command again; it goes on"))
        _end_after_grace()

    threading.Thread(target=watch, name="parent", daemon=True).start()


def _end_after_grace() -> None:
    timer = threading.Timer(_GRACE_S, os._exit, (Stopped.exit_code,))
    timer.daemon = True
    timer.start()
