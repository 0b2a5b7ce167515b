"""A directory as an object store, for one host or for hosts that mount it with POSIX semantics.

The key `repo/p/ab` is a symbolic link `repo/p/ab` to a hidden file `repo/p/.ab~NONCE` beside it that
holds the object's bytes and nothing else. So one link or rename switches data and version together,
a nonce never comes back, and `cp -r`, `tar` and `rsync -a` carry objects with their versions. A plain
file put under a key's name by hand is an object too. A key cannot be another key's folder.
"""

import errno
import os
import secrets
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

from drsync.clock import Clock
from drsync.errors import IntegrityError, ObjectExists, ObjectMissing, Refused, StoreUnreachable, VersionChanged
from drsync.stores.drivers.folder import PRIVATE, FolderLock, opened, translated
from drsync.stores.drivers.links import Link, hidden_name, open_data, read_link, stat_data
from drsync.stores.drivers.walk import walk
from drsync.stores.keys import check_key, check_prefix, check_range
from drsync.stores.object_store import Blob, ObjectInfo

# Files of writes that were killed are swept once they are this old; no write takes so long.
_LEFTOVER_S = 86_400
# A folder may be pruned between being opened and being written to; again and again is no accident.
_TRIES = 100


class FileStore:
    """An existing directory. It is never made here: a disk that is not mounted is not a new store."""

    def __init__(self, root: Path, *, clock: Clock) -> None:
        self._root = root
        self._clock = clock
        self._lock = FolderLock(root)
        self._skew: timedelta | None = None
        self._swept = False

    @property
    def url(self) -> str:
        return "file://" + quote(str(self._root))

    @property
    def skew(self) -> timedelta | None:
        return self._skew

    def create(self, key: str, data: bytes) -> str:
        folder, name = _split(key)
        with translated(self._where(key)):
            self._check_free(key, folder, name)
            with self._written(data) as nonce:
                for _ in range(_TRIES):
                    # The folder was pruned under us when this fails; it is made again.
                    with suppress(FileNotFoundError), opened(self._root, folder, make=True) as fd:
                        self._link_new(fd, key, name, nonce)
                        return nonce
        raise StoreUnreachable(f"The folder of {key} vanishes again and again.", remedy="see who removes it")

    def replace(self, key: str, data: bytes, *, version: str) -> str:
        folder, name = _split(key)
        with translated(self._where(key)), self._written(data) as nonce:
            try:
                with opened(self._root, folder) as fd:
                    with self._lock.held():
                        old = _expect(fd, key, name, version)
                        self._switch(fd, name, nonce)
                    os.fsync(fd)
                    _forget_data(fd, name, old)
            except FileNotFoundError as error:
                raise _changed(key) from error
            return nonce

    def get(self, key: str, *, start: int = 0, length: int | None = None) -> Blob:
        check_range(length)
        folder, name = _split(key)
        with translated(self._where(key)):
            try:
                with opened(self._root, folder) as fd:
                    found = open_data(fd, name)
            except FileNotFoundError:
                found = None
            if not found:
                raise ObjectMissing(f"{key} is not in {self.url}.", remedy="list the store to see what is there")
            link, data_fd = found
            if data_fd is None:
                raise IntegrityError(
                    f"{key} in {self.url} has lost its data.",
                    remedy="copy the store again with its hidden files, or recover from another copy",
                )
            with open(data_fd, "rb", buffering=0) as file:
                return Blob(data=_read(file.fileno(), start, length), version=link.version)

    def head(self, key: str) -> ObjectInfo | None:
        folder, name = _split(key)
        with translated(self._where(key)):
            try:
                with opened(self._root, folder) as fd:
                    found = stat_data(fd, name)
            except FileNotFoundError:
                return None
        if not found:
            return None
        link, size_bytes, modified = found
        return ObjectInfo(key=key, size_bytes=size_bytes, version=link.version, modified=modified)

    def list(self, prefix: str, *, after: str = "") -> Iterator[ObjectInfo]:
        check_prefix(prefix, after)
        return self._walked(prefix, after)

    def delete(self, key: str, *, version: str) -> None:
        folder, name = _split(key)
        with translated(self._where(key)), suppress(FileNotFoundError):
            with opened(self._root, folder) as fd:
                with self._lock.held():
                    if read_link(fd, name) is None:
                        return
                    old = _expect(fd, key, name, version)
                    os.unlink(name, dir_fd=fd)
                os.fsync(fd)
                _forget_data(fd, name, old)
            self._prune(folder)

    def retain(self, key: str, *, until: datetime) -> None:
        check_key(key)
        raise Refused(
            f"{self.url} cannot lock {key} until {until:%Y-%m-%d}: a directory has no locks that outlast its owner.",
            remedy="use an object store with object lock for copies that must not be deleted",
        )

    def close(self) -> None:
        pass

    def _walked(self, prefix: str, after: str) -> Iterator[ObjectInfo]:
        with translated(self._where(prefix)):
            yield from walk(self._root, prefix, after)

    def _check_free(self, key: str, folder: Sequence[str], name: str) -> None:
        """Spares the writing of data for a key that is taken."""
        with suppress(FileNotFoundError), opened(self._root, folder) as fd:
            os.stat(name, dir_fd=fd, follow_symlinks=False)
            # The caller may count on the object, so it must be as durable as one of its own.
            os.fsync(fd)
            raise _taken(fd, key, name)

    def _link_new(self, fd: int, key: str, name: str, nonce: str) -> None:
        data = hidden_name(name, nonce)
        with opened(self._root, (PRIVATE,)) as private:
            os.rename(nonce, data, src_dir_fd=private, dst_dir_fd=fd)
        try:
            os.symlink(data, name, dir_fd=fd)
        except FileExistsError as error:
            os.unlink(data, dir_fd=fd)
            os.fsync(fd)
            raise _taken(fd, key, name) from error
        os.fsync(fd)

    def _switch(self, fd: int, name: str, nonce: str) -> None:
        data = hidden_name(name, nonce)
        with opened(self._root, (PRIVATE,)) as private:
            os.symlink(data, nonce + ".link", dir_fd=private)
            os.rename(nonce, data, src_dir_fd=private, dst_dir_fd=fd)
            os.rename(nonce + ".link", name, src_dir_fd=private, dst_dir_fd=fd)

    @contextmanager
    def _written(self, data: bytes) -> Generator[str]:
        """A new file with the bytes, durable, and named by a nonce; gone afterwards unless it was moved."""
        nonce = secrets.token_hex(16)
        with opened(self._root, (PRIVATE,), make=True) as private:
            self._sweep(private)
            try:
                fd = os.open(nonce, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666, dir_fd=private)
                with open(fd, "wb", buffering=0) as file:
                    _write_all(fd, data)
                    os.fsync(fd)
                    self._skew = datetime.fromtimestamp(os.fstat(file.fileno()).st_mtime, UTC) - self._clock.now()
                yield nonce
            finally:
                with suppress(FileNotFoundError):
                    os.unlink(nonce, dir_fd=private)

    def _sweep(self, private: int) -> None:
        if self._swept:
            return
        self._swept = True
        old = time.time() - _LEFTOVER_S
        for name in os.listdir(private):
            with suppress(FileNotFoundError):
                if name != "lock" and os.stat(name, dir_fd=private, follow_symlinks=False).st_mtime < old:
                    os.unlink(name, dir_fd=private)

    def _prune(self, folder: Sequence[str]) -> None:
        """Removes folders that hold nothing any more, or listings would slow down for ever."""
        for depth in range(len(folder), 0, -1):
            try:
                with opened(self._root, folder[: depth - 1]) as fd:
                    os.rmdir(folder[depth - 1], dir_fd=fd)
            except OSError as error:
                if error.errno in {errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT}:
                    return
                raise

    def _where(self, key: str) -> str:
        return str(self._root / key)


def _split(key: str) -> tuple[list[str], str]:
    check_key(key)
    *folder, name = key.split("/")
    return folder, name


def _expect(fd: int, key: str, name: str, version: str) -> Link:
    link = read_link(fd, name)
    if link is None or link.version != version:
        raise _changed(key)
    return link


def _forget_data(fd: int, name: str, link: Link) -> None:
    # A file that was put there by hand went with its name.
    if link.data and link.data != name:
        with suppress(FileNotFoundError):
            os.unlink(link.data, dir_fd=fd)


def _read(fd: int, start: int, length: int | None) -> bytes:
    size = os.fstat(fd).st_size
    begin = max(0, size + start) if start < 0 else min(start, size)
    left = size - begin if length is None else min(length, size - begin)
    first = os.pread(fd, left, begin)
    if len(first) == left:
        return first
    parts = [first]
    while left > sum(map(len, parts)):
        part = os.pread(fd, left - sum(map(len, parts)), begin + sum(map(len, parts)))
        if not part:
            break
        parts.append(part)
    return b"".join(parts)


def _write_all(fd: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]


def _taken(fd: int, key: str, name: str) -> Refused:
    if read_link(fd, name) is None:
        return Refused(f"{key} is a folder of other objects.", remedy="choose another key")
    return ObjectExists(f"{key} is already there.", remedy="read it, or choose another key")


def _changed(key: str) -> VersionChanged:
    return VersionChanged(f"{key} is not what it was.", remedy="read it again and decide anew")
