"""Objects out of JSON: the few facts that drsync needs are decoded, the rest stays the server's own bytes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from drsync.kube.answers import Answer, Call, garbage
from drsync.model.resource import Owner, ResourceKind, ResourceObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """All objects of one kind, in one namespace or all, as of one revision."""

    kind: ResourceKind
    namespace: str
    revision: str
    """Empty when the server told none, as some aggregated APIs do."""
    objects: tuple[ResourceObject, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListQuery:
    """Which objects: of one kind, in one namespace or all, filtered; with `revision` exactly as they were then."""

    kind: ResourceKind
    namespace: str = ""
    selector: str = ""
    fields: str = ""
    revision: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One answer to a list. `token` asks for what follows; empty at the end."""

    revision: str
    token: str
    objects: list[ResourceObject]
    size_bytes: int


class _Owner(msgspec.Struct, gc=False):
    apiVersion: str = ""  # noqa: N815 - the API's name
    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool | None = None


class _Meta(msgspec.Struct, gc=False):
    name: str
    namespace: str = ""
    uid: str = ""
    resourceVersion: str = ""  # noqa: N815 - the API's name
    labels: dict[str, str] | None = None
    ownerReferences: list[_Owner] | None = None  # noqa: N815 - the API's name
    deletionTimestamp: str | None = None  # noqa: N815 - the API's name


class _Object(msgspec.Struct, gc=False):
    metadata: _Meta


class _ListMeta(msgspec.Struct):
    resourceVersion: str = ""  # noqa: N815 - the API's name
    # "continue" is a keyword, so it gets another name here
    token: str = msgspec.field(default="", name="continue")


class _List(msgspec.Struct):
    metadata: _ListMeta
    items: list[msgspec.Raw] | None = None


_T = TypeVar("_T")

_OBJECT = msgspec.json.Decoder(_Object)
_LIST = msgspec.json.Decoder(_List)


def parse_object(kind: ResourceKind, raw: bytes) -> ResourceObject:
    """Raises msgspec.DecodeError (or its ValidationError) when `raw` is no object."""
    meta = _OBJECT.decode(raw).metadata
    owners = meta.ownerReferences
    return ResourceObject(
        kind=kind,
        namespace=meta.namespace,
        name=meta.name,
        uid=meta.uid,
        resource_version=meta.resourceVersion,
        labels=meta.labels or {},
        owners=tuple(_owner(o) for o in owners) if owners else (),
        terminating=meta.deletionTimestamp is not None,
        raw=raw,
    )


def read_object(kind: ResourceKind, answer: Answer, call: Call) -> ResourceObject:
    """The object in an answer. Raises ClusterUnreachable when the answer holds none."""
    return _decoded(answer, call, lambda body: parse_object(kind, body))


def read_page(kind: ResourceKind, answer: Answer, call: Call) -> Page:
    """The objects in one answer to a list. Raises ClusterUnreachable when the answer is no list."""
    return _decoded(answer, call, lambda body: _page(kind, body))


def _page(kind: ResourceKind, body: bytes) -> Page:
    found = _LIST.decode(body)
    return Page(
        revision=found.metadata.resourceVersion,
        token=found.metadata.token,
        # each object gets bytes of its own: a view would keep the whole page in memory
        objects=[parse_object(kind, bytes(raw)) for raw in found.items or ()],
        size_bytes=len(body),
    )


def _decoded(answer: Answer, call: Call, decode: Callable[[bytes], _T]) -> _T:
    try:
        return decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        told = answer.headers.get("Content-Type", "")
        why = "its JSON is damaged or not what was asked for" if "json" in told else "it is no JSON"
        raise garbage(call, why) from error


def _owner(owner: _Owner) -> Owner:
    return Owner(
        api_version=owner.apiVersion,
        kind=owner.kind,
        name=owner.name,
        uid=owner.uid,
        controller=bool(owner.controller),
    )
