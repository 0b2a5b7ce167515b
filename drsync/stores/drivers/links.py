"""One object in a folder: the link that is its key, and the hidden file that is its data."""

import errno
import os
import re
import stat
from dataclasses import dataclass
from datetime import UTC, datetime

# Seen only when the object changes hands again and again between two system calls.
_TRIES = 100
_HIDDEN = re.compile(r"\..+~([0-9a-f]{32})", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What stands under a name. `data` is the file with the bytes, or None if there is none."""

    version: str
    data: str | None


def hidden_name(name: str, nonce: str) -> str:
    """The data file's name beside its key's."""
    return f".{name}~{nonce}"


def read_link(folder: int, name: str) -> Link | None:
    """The link under `name`; None if there is nothing, or a folder."""
    try:
        target = os.readlink(name, dir_fd=folder)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        return _plain(folder, name)
    match = _HIDDEN.fullmatch(target)
    if match and target == hidden_name(name, match[1]):
        return Link(version=match[1], data=target)
    # Not of our making: it could lead anywhere, so it is not followed.
    return Link(version="foreign", data=None)


def open_data(folder: int, name: str) -> tuple[Link, int | None] | None:
    """The link and a descriptor of its data, as one; no descriptor if the data is gone."""
    before: Link | None = None
    for _ in range(_TRIES):
        link = read_link(folder, name)
        if link is None:
            return None
        if link.data is None or link == before:
            return link, None
        try:
            return link, os.open(link.data, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
        except FileNotFoundError:
            before = link
    raise OSError(errno.EBUSY, "it changed too often to be read")


def stat_data(folder: int, name: str) -> tuple[Link, int, datetime] | None:
    """The link, its data's size and time; size 0 and the link's own time if the data is gone."""
    before: Link | None = None
    for _ in range(_TRIES):
        link = read_link(folder, name)
        if link is None:
            return None
        is_broken = link.data is None or link == before
        try:
            found = os.stat(name if is_broken or link.data is None else link.data, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            before = link
            continue
        size_bytes = 0 if is_broken else found.st_size
        return link, size_bytes, datetime.fromtimestamp(found.st_mtime, UTC)
    raise OSError(errno.EBUSY, "it changed too often to be read")


def _plain(folder: int, name: str) -> Link | None:
    """A file that someone put there by hand; the first write through drsync turns it into a link."""
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return Link(version=f"plain-{found.st_ino:x}-{found.st_mtime_ns:x}-{found.st_size:x}", data=name)
