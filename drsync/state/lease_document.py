"""What the store holds of a lease, read and changed by compare-and-swap alone."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from drsync.errors import Conflict, ObjectMissing, Unreachable
from drsync.state.documents import damaged, decode, encode, fetch
from drsync.state.holder import Holder, Words
from drsync.stores.object_store import ObjectStore


class LeaseState(StrEnum):
    HELD = "held"
    RELEASED = "released"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseDocument:
    """What the store holds of a lease. Every write has a new nonce, so no two have one version."""

    schema: Literal["drsync.lease/v1"] = "drsync.lease/v1"
    scope: Words
    epoch: Annotated[int, Field(ge=1, le=2**53)]
    nonce: Words
    ttl_s: Annotated[float, Field(ge=0.001, le=3_600, allow_inf_nan=False)]
    sequence: Annotated[int, Field(ge=0)]
    """Writes by this holder."""
    state: LeaseState
    fence_due: bool
    """A holder vanished, and nobody has written a fence record since."""
    holder: Holder


@dataclass(frozen=True, slots=True)
class Seen:
    """A lease as read, and the version to change it by."""

    document: LeaseDocument
    version: str


def lease_key(scope: str) -> str:
    return f"lease/{scope}"


def read_lease(store: ObjectStore, scope: str) -> Seen | None:
    """The lease as it is now; None when nobody ever held it. Raises IntegrityError."""
    key = lease_key(scope)
    try:
        blob = fetch(store, key)
    except ObjectMissing:
        return None
    document = decode(LeaseDocument, blob.data, what=key)
    if document.scope != scope:
        raise damaged(key, "it is the lease of another scope")
    return Seen(document, blob.version)


def write_lease(store: ObjectStore, document: LeaseDocument, *, version: str | None) -> str | None:
    """Creates or replaces; the new version, or None when someone else's write came first.

    No answer is believed by its code alone: what is in the store decides, by its nonce.
    Raises StoreUnreachable when not even that can be told.
    """
    key, data = lease_key(document.scope), encode(document)
    try:
        return store.create(key, data) if version is None else store.replace(key, data, version=version)
    except (Conflict, Unreachable) as error:
        now = read_lease(store, document.scope)
        if now and now.document.nonce == document.nonce:
            return now.version
        if isinstance(error, Unreachable) and (now.version if now else None) == version:
            raise  # It may still arrive.
        return None
