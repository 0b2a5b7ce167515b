"""Manifest: the files of a captured volume, in pages that are found and read one by one."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from drsync.repository.chunk import PlacedRef
from drsync.repository.reader import SessionReader


class FileKind(StrEnum):
    """What an entry is."""

    FILE = "file"
    DIRECTORY = "directory"
    SYMLINK = "symlink"
    HARD_LINK = "hard-link"
    """Another name of a file that comes before it; `link` is that file's path."""
    FIFO = "fifo"
    SOCKET = "socket"
    CHARACTER = "character-device"
    BLOCK = "block-device"
    IMAGE = "image"
    """The one entry of a block volume; its path is empty."""


@dataclass(frozen=True, slots=True)
class Extent:
    """`length` bytes of a file from `offset` on: those of `chunk` from `start` on. What no extent covers is a hole."""

    offset: int
    length: int
    start: int
    chunk: PlacedRef


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEntry:
    """One path of a volume."""

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
    extents: tuple[Extent, ...] = ()
    """Empty when `pages` names where they are."""
    pages: tuple[PlacedRef, ...] = ()


class VolumeManifest:
    """The files of a sealed session."""

    def __init__(self, reader: SessionReader) -> None:
        self._reader = reader

    def entries(self, prefix: bytes = b"") -> Iterator[FileEntry]:
        """Every path in order, a directory before what is in it; only `prefix` and what is below it."""
        raise NotImplementedError

    def content(self, entry: FileEntry) -> Iterator[bytes]:
        """What is in one file, holes as zeros."""
        raise NotImplementedError
