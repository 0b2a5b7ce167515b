"""Listings in the byte order of their keys, also from servers that list folder by folder.

Such a server (SeaweedFS is one) lists what is in `a/` before `a-b`, for it sorts the names in a folder
and "a" comes before "a-b"; by bytes "a-b" comes before "a/". Both orders agree up to that.
"""

import re
from collections.abc import Iterator, Sequence

from drsync.stores.object_store import ObjectInfo

# What sorts before the slash: only names with one of these can be listed in the wrong place.
_LOW = re.compile(r"[ -.]", re.ASCII)


def safe_start(prefix: str, after: str) -> str:
    """Where a server may start without skipping what comes after `after`, in either order; a little early."""
    low = _LOW.search(after, prefix.rfind("/") + 1)
    start = after[: low.start()] if low else after
    if not start or start.endswith("/"):
        return start
    # Were this a folder's name, its objects would be skipped with it, so the name before it is given.
    before = chr(ord(start[-1]) - 1)
    return start[:-1] if before <= "/" else start[:-1] + before + "~"


def in_byte_order(found: Iterator[ObjectInfo], prefix: str) -> Iterator[ObjectInfo]:
    """Holds back a folder, and what begins with its name, until nothing can come that sorts before it."""
    begin = prefix.rfind("/") + 1
    held: list[ObjectInfo] = []
    folder = ""
    for info in found:
        if held and not info.key.startswith(folder):
            yield from _sorted(held)
            held = []
        slash = info.key.find("/", begin)
        if held or slash >= 0:
            folder = folder if held else info.key[:slash]
            held.append(info)
        else:
            yield info
    yield from _sorted(held)


def _sorted(held: Sequence[ObjectInfo]) -> Sequence[ObjectInfo]:
    return sorted(held, key=lambda info: info.key)
