"""The file behind a sandbox: one JSON line a change, appended before the change is answered.

A process that is killed loses nothing that it answered; a line cut off by the kill is
dropped. It is not synced to the disk: a sandbox need not outlive a power failure.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from drsync.errors import IntegrityError

_WASTE_FLOOR_BYTES = 32 * 1024 * 1024
"""A smaller log is not worth rewriting."""


@dataclass(frozen=True, slots=True)
class Line:
    """A change; no raw means that the object went, no resource that history was compacted."""

    revision: int
    resource: str
    key: str
    raw: bytes | None

    def encoded(self) -> bytes:
        key = msgspec.json.encode(self.key)
        return b'{"r":%d,"k":"%s","n":%s,"o":%s}\n' % (self.revision, self.resource.encode(), key, self.raw or b"null")


class _Record(msgspec.Struct):
    r: int
    k: str
    n: str
    o: msgspec.Raw


class ChangeLog:
    """An append-only file of lines."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._size = os.fstat(self._file).st_size

    def close(self) -> None:
        os.close(self._file)

    def read(self) -> Iterator[Line]:
        """Every whole line; a last line without its end is cut off."""
        data = self._path.read_bytes()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            os.ftruncate(self._file, whole)
            self._size = whole
        decoder = msgspec.json.Decoder(_Record)
        for number, text in enumerate(data[:whole].splitlines(), start=1):
            try:
                record = decoder.decode(text)
            except msgspec.MsgspecError as error:
                raise IntegrityError(
                    f"Line {number} of the sandbox's state {self._path} is damaged.",
                    remedy="end the sandbox, remove its directory, and start it again",
                ) from error
            raw = bytes(record.o)
            yield Line(record.r, record.k, record.n, None if raw == b"null" else raw)

    def append(self, line: Line) -> None:
        data = line.encoded()
        if os.write(self._file, data) != len(data):
            # A full disk cuts a line short; what was written of it must not join the next one.
            os.ftruncate(self._file, self._size)
            raise OSError(28, "No space left on device", str(self._path))
        self._size += len(data)

    def append_compaction(self, revision: int) -> None:
        self.append(Line(revision, "", "", None))

    def wasteful(self, *, live_bytes: int) -> bool:
        return self._size > _WASTE_FLOOR_BYTES and self._size > 3 * live_bytes

    def rewrite(self, lines: Iterable[Line]) -> None:
        """Replaces the file as a whole by `lines`."""
        fresh = self._path.with_suffix(".new")
        with fresh.open("wb") as file:
            for line in lines:
                file.write(line.encoded())
            file.flush()
            os.fsync(file.fileno())
        fresh.rename(self._path)
        os.close(self._file)
        self._file = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
        self._size = os.fstat(self._file).st_size
