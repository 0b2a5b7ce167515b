"""Key slots: the root key wrapped for one holder, bound to its repository."""

import base64
import binascii
import os
from typing import Any, Literal

import msgspec
import pyrage
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from drsync.errors import IntegrityError, UserError
from drsync.repository.keyfile import KeyFile

_N, _R, _P = 2**15, 8, 1
"""32 MiB and about 0.1 s for each guess."""
_N_LIMIT = 2**20
_REMEDY = "restore it from a copy of the store"
_age: Any = pyrage


class AgeSlot(msgspec.Struct, frozen=True, kw_only=True, tag="age", tag_field="kind", forbid_unknown_fields=True):
    """Wrapped for an age recipient."""

    recipient: str
    wrapped: str


class PassphraseSlot(
    msgspec.Struct, frozen=True, kw_only=True, tag="scrypt", tag_field="kind", forbid_unknown_fields=True
):
    """Wrapped under a passphrase."""

    n: int
    r: Literal[8]
    p: Literal[1]
    salt: str
    wrapped: str


Slot = AgeSlot | PassphraseSlot


def wrap_for_recipient(root: bytes, repository_id: str, recipient: str) -> AgeSlot:
    """Raises UserError for what is no age recipient."""
    try:
        target = _age.x25519.Recipient.from_str(recipient)
    except _age.RecipientError as error:
        raise UserError(f"{recipient!r} is not an age recipient.", remedy="give one that begins with age1") from error
    wrapped: bytes = _age.encrypt(bytes.fromhex(repository_id) + root, [target])
    return AgeSlot(recipient=recipient, wrapped=base64.b64encode(wrapped).decode())


def wrap_for_passphrase(root: bytes, repository_id: str, passphrase: bytes) -> PassphraseSlot:
    """Takes about 0.1 s by intention."""
    salt = os.urandom(32)
    key = Scrypt(salt=salt, length=32, n=_N, r=_R, p=_P).derive(passphrase)
    wrapped = AESGCM(key).encrypt(bytes(12), bytes.fromhex(repository_id) + root, b"drsync/0:slot")
    return PassphraseSlot(
        n=_N, r=8, p=1, salt=base64.b64encode(salt).decode(), wrapped=base64.b64encode(wrapped).decode()
    )


def unwrap(slot: Slot, repository_id: str, key: KeyFile, *, what: str) -> bytes | None:
    """The root key; None when this key does not fit. Raises IntegrityError when it is another repository's."""
    opened = _open_age(slot, key, what) if isinstance(slot, AgeSlot) else _open_passphrase(slot, key.passphrase, what)
    if opened is None:
        return None
    identity, root = opened[:16], opened[16:]
    if identity != bytes.fromhex(repository_id) or len(root) != 32:
        raise IntegrityError(
            f"{what} belongs to another repository than the store.json beside it.",
            remedy="restore both files from a copy of the store, and find out who changed them",
        )
    return root


def _open_age(slot: AgeSlot, key: KeyFile, what: str) -> bytes | None:
    wrapped = _decode(slot.wrapped, what)
    for text in key.identities:
        try:
            return bytes(_age.decrypt(wrapped, [_age.x25519.Identity.from_str(text)]))
        except _age.IdentityError as error:
            raise UserError(
                f"{key.path} holds a broken age identity.", remedy="restore the key file from a copy"
            ) from error
        except _age.DecryptError:
            continue
    return None


def _open_passphrase(slot: PassphraseSlot, passphrase: bytes | None, what: str) -> bytes | None:
    if passphrase is None:
        return None
    # The numbers decide how much memory the derivation takes, and nothing vouches for them yet.
    if not (2**10 <= slot.n <= _N_LIMIT and slot.n & (slot.n - 1) == 0):
        raise IntegrityError(f"{what} asks for a derivation out of bounds.", remedy=_REMEDY)
    key = Scrypt(salt=_decode(slot.salt, what), length=32, n=slot.n, r=slot.r, p=slot.p).derive(passphrase)
    try:
        return AESGCM(key).decrypt(bytes(12), _decode(slot.wrapped, what), b"drsync/0:slot")
    except InvalidTag:
        return None


def _decode(text: str, what: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise IntegrityError(f"{what} is not base64.", remedy=_REMEDY) from error
