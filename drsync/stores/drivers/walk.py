"""Walks the folders of a file store in the byte order of its keys."""

import os
from collections.abc import Iterator
from pathlib import Path

from drsync.stores.drivers.folder import opened
from drsync.stores.drivers.links import stat_data
from drsync.stores.keys import is_key
from drsync.stores.object_store import ObjectInfo


def walk(root: Path, prefix: str, after: str) -> Iterator[ObjectInfo]:
    """One folder's names at a time are in memory; sizes and times are looked up as they are asked for."""
    folder, slash, _ = prefix.rpartition("/")
    yield from _walk(root, folder + slash, prefix, after)


def _walk(root: Path, folder: str, prefix: str, after: str) -> Iterator[ObjectInfo]:
    try:
        with opened(root, folder.split("/")[:-1]) as fd:
            for name in _names(fd):
                key = folder + name
                if name.endswith("/"):
                    if _may_hold(key, prefix, after):
                        yield from _walk(root, key, prefix, after)
                elif key > after and key.startswith(prefix) and is_key(key):
                    found = stat_data(fd, name)
                    if found:
                        link, size_bytes, modified = found
                        yield ObjectInfo(key=key, size_bytes=size_bytes, version=link.version, modified=modified)
    except FileNotFoundError:
        # Removed since its name was read, so nothing is in it.
        return


def _names(fd: int) -> list[str]:
    # A folder sorts as its name with the slash: "a-b" comes before what is in "a/".
    with os.scandir(fd) as entries:
        return sorted(
            entry.name + "/" if entry.is_dir(follow_symlinks=False) else entry.name
            for entry in entries
            if not entry.name.startswith(".")
        )


def _may_hold(folder: str, prefix: str, after: str) -> bool:
    in_prefix = folder.startswith(prefix) or prefix.startswith(folder)
    return in_prefix and (folder > after or after.startswith(folder))
