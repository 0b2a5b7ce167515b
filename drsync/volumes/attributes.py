"""Extended attributes: which are captured, and reading them from anything without following it."""

import errno
import os

from drsync.volumes.pages import Attributes

_ACLS = (b"system.posix_acl_access", b"system.posix_acl_default")
_CAPABILITY = b"security.capability"
_ABSENT = {errno.ENOTSUP, errno.ENODATA}


def is_captured(name: bytes) -> bool:
    """user.*, trusted.*, POSIX ACLs and file capabilities; labels of the host's security modules are not."""
    return name.startswith((b"user.", b"trusted.")) or name in _ACLS or name == _CAPABILITY


def is_privileged(name: bytes) -> bool:
    """Whether restoring it could give a program rights that its owner does not have."""
    return not name.startswith(b"user.") and name not in _ACLS


def read_attributes(target: int | bytes) -> Attributes:
    """Sorted by name. `target` is a handle, or a path whose last part is not followed. Raises OSError."""
    follow = isinstance(target, int)
    try:
        names = os.listxattr(target, follow_symlinks=follow)
    except OSError as error:
        if error.errno in _ABSENT:
            return ()
        raise
    found: list[tuple[bytes, bytes]] = []
    for name in sorted(os.fsencode(name) for name in names):
        if not is_captured(name):
            continue
        try:
            found.append((name, os.getxattr(target, name, follow_symlinks=follow)))
        except OSError as error:
            if error.errno not in _ABSENT:
                raise
    return tuple(found)


def path_by_handle(name: bytes, directory: int) -> bytes:
    """A path to a directory entry for calls that take no directory handle."""
    return b"/proc/self/fd/%d/%s" % (directory, name)
