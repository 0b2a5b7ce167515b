"""Folders of a file store, opened step by step so that no link leads out of the store."""

import errno
import fcntl
import os
import threading
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from drsync.errors import DrsyncError, PermissionDenied, QuotaExceeded, Refused, StoreUnreachable

# Holds what is being written, and the lock; no key can name it, for its name begins with a dot.
PRIVATE = ".drsync"

_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_DENIED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
# A holder needs microseconds; one that needs this long was stopped in the midst of them.
_LOCK_WAIT_S = 30.0


@contextmanager
def translated(where: str) -> Generator[None]:
    """What the kernel refuses, in drsync's errors."""
    try:
        yield
    except OSError as error:
        raise _translate(error, where) from error


@contextmanager
def opened(root: Path, parts: Sequence[str], *, make: bool = False) -> Generator[int]:
    """A descriptor of the folder. Raises FileNotFoundError when it is not there, unless it may be made."""
    fd = _open_root(root)
    try:
        for part in parts:
            inner = _step(fd, part, make=make)
            os.close(fd)
            fd = inner
        yield fd
    finally:
        os.close(fd)


def _open_root(root: Path) -> int:
    try:
        return os.open(root, _OPEN & ~os.O_NOFOLLOW)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise StoreUnreachable(
            f"There is no directory {root}.", remedy="mount the disk that holds it, or make it for a new store"
        ) from error


def _step(fd: int, part: str, *, make: bool) -> int:
    while True:
        try:
            return os.open(part, _OPEN, dir_fd=fd)
        except FileNotFoundError:
            if not make:
                raise
        except OSError as error:
            if error.errno not in {errno.ENOTDIR, errno.ELOOP}:
                raise
            if not make:
                raise FileNotFoundError(errno.ENOENT, "not a folder", part) from error
            raise Refused(
                f"{part} is an object, so it cannot be a folder as well.", remedy="choose another key"
            ) from error
        with suppress(FileExistsError):
            os.mkdir(part, dir_fd=fd)
        os.fsync(fd)


class FolderLock:
    """Shuts out other threads and other processes of this host while a link is compared and switched."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._threads = threading.Lock()

    @contextmanager
    def held(self) -> Generator[None]:
        ends_s = time.monotonic() + _LOCK_WAIT_S
        if not self._threads.acquire(timeout=_LOCK_WAIT_S):
            raise self._stuck()
        try:
            fd = self._locked(ends_s)
            try:
                yield
            finally:
                os.close(fd)
        finally:
            self._threads.release()

    def _locked(self, ends_s: float) -> int:
        while True:
            with opened(self._root, (PRIVATE,), make=True) as folder:
                fd = os.open("lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666, dir_fd=folder)
                if _take(fd, ends_s) and _is_current(fd, folder):
                    return fd
            os.close(fd)
            if time.monotonic() > ends_s:
                raise self._stuck()

    def _stuck(self) -> StoreUnreachable:
        return StoreUnreachable(
            f"Another process has held {self._root / PRIVATE / 'lock'} for {_LOCK_WAIT_S:.0f} seconds.",
            remedy="find it with `fuser`, and let it go on or end it",
        )


def _take(fd: int, ends_s: float) -> bool:
    wait_s = 0.0005
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > ends_s:
                return False
            time.sleep(wait_s)
            wait_s = min(0.02, wait_s * 2)
        else:
            return True


def _is_current(fd: int, folder: int) -> bool:
    """A lock file that was removed meanwhile shuts out nobody."""
    try:
        return os.path.samestat(os.fstat(fd), os.stat("lock", dir_fd=folder, follow_symlinks=False))
    except FileNotFoundError:
        return False


def _translate(error: OSError, where: str) -> DrsyncError:
    if error.errno in _FULL:
        return QuotaExceeded(
            f"The disk or quota that holds {where} is full.",
            remedy="free space there, or move the store to a larger disk",
        )
    if error.errno in _DENIED:
        return PermissionDenied(
            f"This user may not use {where}: {error.strerror}.",
            remedy="give this user the right to it, or mount it writable",
        )
    return StoreUnreachable(f"{where} did not answer: {error.strerror}.", remedy="look at the disk or the mount")
