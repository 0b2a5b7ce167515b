"""Single calls on files, by directory handle and name, that follow no symlink; and their errors in our words."""

import ctypes
import errno
import os

from drsync.errors import DrsyncError, PermissionDenied, QuotaExceeded, Unreachable

_libc = ctypes.CDLL(None, use_errno=True)

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}


def open_directory(name: bytes, directory: int) -> int:
    """Raises OSError; ENOTDIR or ELOOP when it is something else."""
    return os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)


def open_for_reading(name: bytes, directory: int) -> int:
    """A file that is there; never waits for a FIFO, and leaves its access time alone where it may."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        return os.open(name, flags | os.O_NOATIME, dir_fd=directory)
    except PermissionError:
        # O_NOATIME is for the owner of the file alone.
        return os.open(name, flags, dir_fd=directory)


def look(name: bytes, directory: int) -> os.stat_result | None:
    """What is there, itself and not what it may point to."""
    try:
        return os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return None


def sync_filesystem(handle: int) -> None:
    """Everything written to the file system of `handle` is on its disk. Raises OSError."""
    if _libc.syncfs(handle) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def explain(error: OSError, what: str) -> DrsyncError:
    """An error of the file system as one sentence with a remedy."""
    reason = error.strerror or "input/output error"
    if error.errno in _FULL:
        return QuotaExceeded(
            f"{what}: {reason}.", remedy="make room or enlarge the volume, then run the same command again"
        )
    if error.errno in _DENIED:
        return PermissionDenied(f"{what}: {reason}.", remedy="run with the rights to write there, or as root")
    return Unreachable(f"{what}: {reason}.", remedy="look at the disk and the kernel's log, then try again")
