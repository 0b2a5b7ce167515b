"""Walking a volume: every path once, a directory before what is in it, never through a symlink."""

import os
from collections.abc import Callable, Iterator

import msgspec

from drsync.volumes.filesystem import open_directory
from drsync.volumes.paths import order_key

_DEPTH_LIMIT = 800
"""Each level holds a file descriptor."""


class Found(msgspec.Struct, frozen=True):
    """A path as it was when the walk passed. `directory` is open until the walk goes on."""

    path: bytes
    name: bytes
    directory: int
    stat: os.stat_result

    @property
    def key(self) -> bytes:
        return order_key(self.path)


def walk(root: int, *, unreadable: Callable[[bytes, str], None]) -> Iterator[Found]:
    """What is below the directory `root`, in the manifest's order. What vanishes meanwhile is left out."""
    device = os.fstat(root).st_dev
    levels: list[tuple[int, bytes, Iterator[bytes]]] = []
    try:
        levels.append((os.dup(root), b"", _names(root, b"", unreadable)))
        while levels:
            directory, parent, names = levels[-1]
            name = next(names, None)
            if name is None:
                os.close(levels.pop()[0])
                continue
            found = _look(directory, parent, name, unreadable)
            if found is None:
                continue
            yield found
            if _is_directory(found.stat):
                child = _enter(found, device, len(levels), unreadable)
                if child is not None:
                    levels.append((child, found.path, _names(child, found.path, unreadable)))
    finally:
        for handle, _, _ in levels:
            os.close(handle)


def _look(directory: int, parent: bytes, name: bytes, unreadable: Callable[[bytes, str], None]) -> Found | None:
    path = parent + b"/" + name if parent else name
    try:
        return Found(path, name, directory, os.stat(name, dir_fd=directory, follow_symlinks=False))
    except FileNotFoundError:
        return None
    except OSError as error:
        unreadable(path, _reason(error))
        return None


def _enter(found: Found, device: int, depth: int, unreadable: Callable[[bytes, str], None]) -> int | None:
    if found.stat.st_dev != device:
        unreadable(found.path, "another file system is mounted there")
        return None
    if depth >= _DEPTH_LIMIT:
        unreadable(found.path, f"more than {_DEPTH_LIMIT} directories deep")
        return None
    try:
        return open_directory(found.name, found.directory)
    except FileNotFoundError:
        return None
    except OSError as error:
        unreadable(found.path, _reason(error))
        return None


def _names(directory: int, path: bytes, unreadable: Callable[[bytes, str], None]) -> Iterator[bytes]:
    try:
        return iter(sorted(os.fsencode(name) for name in os.listdir(directory)))
    except OSError as error:
        unreadable(path, _reason(error))
        return iter(())


def _is_directory(stat: os.stat_result) -> bool:
    return stat.st_mode & 0o170000 == 0o040000


def _reason(error: OSError) -> str:
    return error.strerror or "it cannot be read"
