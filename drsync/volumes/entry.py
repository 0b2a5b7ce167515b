"""What a manifest says of one path."""

from enum import StrEnum

import msgspec

from drsync.repository.chunk import PackId, PlacedRef


class FileKind(StrEnum):
    """What an entry is. New kinds go to the end: pages store the number."""

    FILE = "file"
    DIRECTORY = "directory"
    SYMLINK = "symlink"
    HARD_LINK = "hard-link"
    """Another name of a file that comes before it; `link` is that file's path."""
    FIFO = "fifo"
    CHARACTER = "character-device"
    BLOCK = "block-device"
    IMAGE = "image"
    """The one entry of a block volume; its path is empty."""


class Extent(msgspec.Struct, frozen=True, gc=False):
    """`length` bytes of a file from `offset` on: those of `chunk` from `start` on. What no extent covers is a hole."""

    offset: int
    length: int
    start: int
    chunk: PlacedRef


class FileEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One path of a volume. The root is the directory whose path is empty."""

    path: bytes
    kind: FileKind
    mode: int = 0
    """Permission bits, setuid, setgid and sticky included."""
    uid: int = 0
    gid: int = 0
    mtime_ns: int = 0
    ctime_ns: int = 0
    ino: int = 0
    size_bytes: int = 0
    links: int = 1
    device: int = 0
    link: bytes = b""
    """Where a symlink points to, or the first name of a hard link."""
    xattrs: tuple[tuple[bytes, bytes], ...] = ()
    torn: bool = False
    """It changed while it was read, twice."""
    extents: tuple[Extent, ...] = ()
    """In order. Empty when `pages` name where they are."""
    pages: tuple[PlacedRef, ...] = ()
    packs: tuple[PackId, ...] = ()
    """Where the chunks lie that `pages` name, so that reusing the file needs none of its pages."""


def below(path: bytes, directory: bytes) -> bool:
    """Whether a path is the directory or lies in it; all paths are below the root."""
    return not directory or path == directory or path.startswith(directory + b"/")
