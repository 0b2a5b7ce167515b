"""A sign of life from each site, so that silence can be told from rest."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from drsync.errors import Conflict, ObjectMissing
from drsync.state.documents import damaged, decode, encode, fetch
from drsync.state.holder import Words
from drsync.state.tool import tool_version
from drsync.stores.object_store import ObjectStore

TRIES: Final = 3
"""Another process of the same site may beat at the same moment; its beat is as good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """What a site last said of itself, by its own clock."""

    site: Words
    at: datetime
    tool: Words
    nonce: Words
    next_due: Mapping[Words, datetime] = field(default_factory=dict[str, datetime])
    """When each policy is due next."""
    schema: Literal["drsync.heartbeat/v1"] = "drsync.heartbeat/v1"


def beat(store: ObjectStore, site: str, now: datetime, *, next_due: Mapping[str, datetime] | None = None) -> None:
    """Raises StoreUnreachable. A damaged earlier beat is written over."""
    document = Heartbeat(site=site, at=now, tool=tool_version(), nonce=uuid.uuid4().hex, next_due=dict(next_due or {}))
    key, data = _key(site), encode(document)
    for _ in range(TRIES):
        seen = store.head(key)
        try:
            if seen is None:
                store.create(key, data)
            else:
                store.replace(key, data, version=seen.version)
        except Conflict:
            continue
        return


def read_heartbeats(store: ObjectStore) -> tuple[Heartbeat, ...]:
    """Of all sites, by name. Raises IntegrityError."""
    return tuple(_read(store, info.key) for info in list(store.list(_key(""))))


def _read(store: ObjectStore, key: str) -> Heartbeat:
    try:
        data = fetch(store, key).data
    except ObjectMissing:
        raise damaged(key, "it vanished while it was read") from None
    document = decode(Heartbeat, data, what=key)
    if _key(document.site) != key:
        raise damaged(key, "it is the heartbeat of another site")
    return document


def _key(site: str) -> str:
    return f"heartbeat/{site}"
