"""The root key of a repository: made once, wrapped for its holders, opened with a key file."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
from blake3 import blake3

from drsync.errors import (
    Conflict,
    IntegrityError,
    ObjectExists,
    ObjectMissing,
    StoreUnreachable,
    UserError,
    WrongKey,
)
from drsync.repository.keyfile import KeyFile
from drsync.repository.layout import SLOTS, STORE, slot_key
from drsync.repository.seal import derive
from drsync.repository.slots import AgeSlot, Slot, unwrap, wrap_for_passphrase, wrap_for_recipient
from drsync.stores.object_store import ObjectStore
from drsync.units import parse_instant, print_instant

FORMAT = 0
CHUNKER = {"kind": "fastcdc", "min": 65536, "avg": 262144, "max": 1048576, "nc": 1, "segment": 1048576, "block": 262144}
_SLOT_LIMIT = 64
_SIZE_LIMIT = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreIdentity:
    """What anyone who can read the store may know. Not authenticated until a key is there."""

    format: int
    repository_id: str
    created_at: datetime
    single_key_accepted: bool
    cluster_hint: str
    slots: tuple[str, ...]
    """One for each holder: `age age1…` or `passphrase`."""


@dataclass(frozen=True, slots=True)
class Keyring:
    """An opened root key; every other key is derived from it."""

    repository_id: str
    _root: bytes = field(repr=False)

    def derive(self, purpose: str) -> bytes:
        """32 bytes for one purpose, by keyed BLAKE3."""
        return derive(self._root, f"drsync/0:{self.repository_id}:{purpose}".encode())


class _StoreFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    format: int
    repository: str
    created_at: str
    chunker: dict[str, Any]
    single_key_accepted: bool
    cluster_hint: str
    slots: tuple[str, ...]
    """The slots that were made with the store; more may come."""
    mac: str = ""


def create_repository(
    store: ObjectStore,
    *,
    recipients: Sequence[str],
    passphrases: Sequence[bytes] = (),
    single_key_accepted: bool,
    now: datetime,
    cluster_hint: str = "",
) -> Keyring:
    """Writes the slots, then `store.json`. Raises Conflict when a repository is there already.

    Raises UserError unless two holders are named or the single one is accepted.
    """
    _check_holders(len(recipients) + len(passphrases), single_key_accepted=single_key_accepted)
    if store.head(STORE) is not None:
        raise _taken(store)
    repository_id, root = os.urandom(16).hex(), os.urandom(32)
    slots: list[Slot] = [wrap_for_recipient(root, repository_id, r) for r in recipients]
    slots += [wrap_for_passphrase(root, repository_id, p) for p in passphrases]
    # Named by the repository, so that two who create at once cannot mix up their slots.
    names = tuple(f"{repository_id[:8]}-{number}" for number in range(len(slots)))
    keyring = Keyring(repository_id, root)
    header = _StoreFile(
        format=FORMAT,
        repository=repository_id,
        created_at=print_instant(now),
        chunker=dict(CHUNKER),
        single_key_accepted=single_key_accepted,
        cluster_hint=cluster_hint,
        slots=names,
    )
    for name, slot in zip(names, slots, strict=True):
        store.create(slot_key(name), msgspec.json.format(msgspec.json.encode(slot), indent=2) + b"\n")
    signed = msgspec.structs.replace(header, mac=_mac(keyring, header))
    try:
        store.create(STORE, msgspec.json.format(msgspec.json.encode(signed), indent=2) + b"\n")
    except ObjectExists as error:
        raise _taken(store) from error
    return keyring


def open_keyring(store: ObjectStore, keys: Sequence[KeyFile]) -> Keyring:
    """Tries every key on every slot.

    Raises StoreUnreachable when no repository is there, WrongKey when no key opens it, and
    IntegrityError when one does but `store.json` is not what its maker wrote.
    """
    header = _read_header(store)
    damaged: IntegrityError | None = None
    for name in _slot_names(store):
        try:
            root = _open_slot(store, name, header, keys)
        except IntegrityError as error:
            # Another slot may still be good: one damaged file must not lock everyone out.
            damaged = error
            continue
        if root is not None:
            keyring = Keyring(header.repository, root)
            _check_header(keyring, header, store)
            return keyring
    if damaged is not None:
        raise damaged
    raise WrongKey(
        f"No key at hand opens the store at {store.url}."
        if keys
        else f"The store at {store.url} is encrypted and no key was given.",
        remedy="give the key file that drsync init wrote, or one of another holder, with --key-file",
    )


def read_identity(store: ObjectStore) -> StoreIdentity:
    """Needs no key. Raises StoreUnreachable when no repository is there."""
    header = _read_header(store)
    names = _slot_names(store)
    return StoreIdentity(
        format=header.format,
        repository_id=header.repository,
        created_at=parse_instant(header.created_at),
        single_key_accepted=header.single_key_accepted,
        cluster_hint=header.cluster_hint,
        slots=tuple(_describe(_read_slot(store, name)) for name in names),
    )


def _check_holders(count: int, *, single_key_accepted: bool) -> None:
    if count == 0:
        raise UserError("No recipient and no passphrase is named.", remedy="give at least one --recipient")
    if count == 1 and not single_key_accepted:
        raise UserError(
            "One key alone would open the store; if it is lost, every backup is lost.",
            remedy="give a second --recipient that is kept elsewhere, or accept it with --single-key",
        )


def _taken(store: ObjectStore) -> Conflict:
    return Conflict(
        f"There is a drsync store at {store.url} already.", remedy="use it as it is, or choose another prefix"
    )


def _read_header(store: ObjectStore) -> _StoreFile:
    try:
        data = store.get(STORE, length=_SIZE_LIMIT).data
    except ObjectMissing as error:
        raise StoreUnreachable(f"No drsync store is at {store.url}.", remedy="run drsync init") from error
    try:
        header = msgspec.json.decode(data, type=_StoreFile)
        parse_instant(header.created_at)
        known = header.format == FORMAT and len(bytes.fromhex(header.repository)) == 16
    except (msgspec.DecodeError, ValueError) as error:
        raise _header_damaged(store) from error
    if header.format != FORMAT:
        raise IntegrityError(
            f"The store at {store.url} has format {header.format}; this drsync knows format {FORMAT}.",
            remedy="use the drsync that wrote it",
        )
    if not known or header.repository != header.repository.lower():
        raise _header_damaged(store)
    return header


def _open_slot(store: ObjectStore, name: str, header: _StoreFile, keys: Sequence[KeyFile]) -> bytes | None:
    slot = _read_slot(store, name)
    opened = (unwrap(slot, header.repository, key, what=f"{SLOTS}{name}") for key in keys)
    return next((root for root in opened if root is not None), None)


def _slot_names(store: ObjectStore) -> tuple[str, ...]:
    names: list[str] = []
    for info in store.list(SLOTS):
        names.append(info.key.removeprefix(SLOTS))
        if len(names) == _SLOT_LIMIT:
            break
    return tuple(names)


def _read_slot(store: ObjectStore, name: str) -> Slot:
    data = store.get(slot_key(name), length=_SIZE_LIMIT).data
    try:
        return msgspec.json.decode(data, type=Slot)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise IntegrityError(
            f"The key slot {SLOTS}{name} is damaged.", remedy="restore it from a copy of the store, or delete it"
        ) from error


def _check_header(keyring: Keyring, header: _StoreFile, store: ObjectStore) -> None:
    # Compared in full rather than in constant time: whoever can try has the key.
    if header.mac != _mac(keyring, header) or header.chunker != CHUNKER:
        raise _header_damaged(store)


def _header_damaged(store: ObjectStore) -> IntegrityError:
    return IntegrityError(
        f"store.json at {store.url} is damaged or was changed.", remedy="restore it from a copy of the store"
    )


def _mac(keyring: Keyring, header: _StoreFile) -> str:
    body = msgspec.json.encode(msgspec.structs.replace(header, mac=""), order="sorted")
    return blake3(body, key=keyring.derive("store.json")).hexdigest()


def _describe(slot: Slot) -> str:
    return f"age {slot.recipient}" if isinstance(slot, AgeSlot) else "passphrase"
