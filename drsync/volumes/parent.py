"""The files of the previous point, walked beside the scan: what did not change is not read again."""

import os
from collections.abc import Iterator

from drsync.errors import IntegrityError, NotFound, ObjectMissing
from drsync.model.volume import VolumeMode
from drsync.repository.chunk import PlacedRef
from drsync.repository.repository import Repository
from drsync.volumes.entry import FileEntry, FileKind
from drsync.volumes.manifest import VolumeManifest
from drsync.volumes.paths import order_key

_RACY_NS = 2_000_000_000
"""File systems keep times as coarsely as 2 s; what changed so short before a scan may change again unseen."""


class ParentFiles:
    """A cursor over the previous manifest; empty when there is none that can be read.

    A parent that is damaged or gone must not keep the next backup from being made: without it every
    file is read again, which is what heals it.
    """

    def __init__(self, repository: Repository, session: str | None, mode: VolumeMode) -> None:
        self._manifest: VolumeManifest | None = None
        self._entries: Iterator[FileEntry] = iter(())
        self._next: FileEntry | None = None
        self._key = b""
        if session is None:
            return
        try:
            manifest = VolumeManifest(repository.reader(session))
        except (ObjectMissing, IntegrityError, NotFound):
            return
        if manifest.root.mode is mode:
            self._manifest = manifest
            self._entries = manifest.entries()
            self._advance()

    @property
    def size_bytes(self) -> int:
        return self._manifest.root.size_bytes if self._manifest else 0

    @property
    def pages(self) -> tuple[PlacedRef, ...]:
        return tuple(self._manifest.pages) if self._manifest else ()

    def unchanged(self, path: bytes, stat: os.stat_result) -> FileEntry | None:
        """The previous entry of this path, if whatever is there has not been touched since."""
        key = order_key(path)
        while self._next is not None and self._key < key:
            self._advance()
        entry = self._next
        if entry is None or self._key != key or self._manifest is None or entry.torn:
            return None
        size = stat.st_size if entry.kind is FileKind.FILE else entry.size_bytes
        same = (entry.size_bytes, entry.mtime_ns, entry.ctime_ns, entry.ino, entry.mode, entry.links) == (
            size,
            stat.st_mtime_ns,
            stat.st_ctime_ns,
            stat.st_ino,
            stat.st_mode & 0o7777,
            stat.st_nlink,
        )
        racy = max(entry.mtime_ns, entry.ctime_ns) >= self._manifest.root.scan_started_ns - _RACY_NS
        return entry if same and not racy else None

    def _advance(self) -> None:
        try:
            self._next = next(self._entries, None)
        except (ObjectMissing, IntegrityError):
            self._next = None
        self._key = order_key(self._next.path) if self._next else b""
