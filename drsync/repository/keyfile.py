"""Key files: an age identity or a passphrase, as it lies on a disk that is not the store."""

import os
from dataclasses import dataclass, field
from typing import Any

import pyrage

from drsync.errors import UserError

_SIZE_LIMIT = 64 * 1024
_IDENTITY = "AGE-SECRET-KEY-1"
_PASSPHRASE_MIN = 12
_REMEDY = "name the file that drsync init wrote"
_age: Any = pyrage


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFile:
    """What may open a store. `secret` is never printed."""

    path: str
    identities: tuple[str, ...] = field(default=(), repr=False)
    passphrase: bytes | None = field(default=None, repr=False)

    @property
    def recipients(self) -> tuple[str, ...]:
        """The public halves of its identities."""
        return tuple(str(_age.x25519.Identity.from_str(one).to_public()) for one in self.identities)


def read_key_file(path: str) -> KeyFile:
    """An age key file if it holds an identity, otherwise a passphrase: its first line. Raises UserError."""
    try:
        with open(path, "rb") as file:
            data = file.read(_SIZE_LIMIT + 1)
    except OSError as error:
        raise UserError(
            f"The key file {path} cannot be read: {error.strerror}.",
            remedy="name the file that drsync init wrote, with --key-file or in the BackupStore",
        ) from error
    if len(data) > _SIZE_LIMIT:
        raise UserError(f"{path} is too large for a key file.", remedy=_REMEDY)
    try:
        lines = [line.strip() for line in data.decode().splitlines()]
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is no key file: it is not text.", remedy=_REMEDY) from error
    return _parse(path, [line for line in lines if line and not line.startswith("#")])


def new_key_file(path: str) -> str:
    """Makes an age identity that only its owner can read, and returns its public recipient."""
    identity = _age.x25519.Identity.generate()
    recipient = str(identity.to_public())
    text = f"# drsync key: without it the store cannot be opened. Keep a copy elsewhere.\n# {recipient}\n{identity}\n"
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError as error:
        raise UserError(
            f"{path} is there already; a key is never overwritten.", remedy="choose another file"
        ) from error
    except OSError as error:
        raise UserError(
            f"The key file {path} cannot be written: {error.strerror}.",
            remedy="choose a directory that you may write to",
        ) from error
    return recipient


def _parse(path: str, lines: list[str]) -> KeyFile:
    identities = tuple(line for line in lines if line.upper().startswith(_IDENTITY))
    if identities:
        return KeyFile(path=path, identities=tuple(i.upper() for i in identities))
    if len(lines) != 1 or len(lines[0]) < _PASSPHRASE_MIN:
        raise UserError(
            f"{path} holds neither an age identity nor a passphrase of {_PASSPHRASE_MIN} characters or more.",
            remedy=_REMEDY,
        )
    return KeyFile(path=path, passphrase=lines[0].encode())
