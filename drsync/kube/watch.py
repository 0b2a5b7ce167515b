"""Changes of one kind as they happen, until a deadline."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from drsync.clock import Deadline
from drsync.errors import ClusterUnreachable
from drsync.kube import routes
from drsync.kube.answers import Answer, Call, error_of, garbage
from drsync.kube.listing import ListQuery, parse_object
from drsync.kube.wire import Wire
from drsync.model.resource import ResourceKind, ResourceObject

# The server ends a stream after this long and we ask on from where it was, so that a
# cancelled run or a dead connection is noticed soon although reads block.
_SLICE_S = 10
# Past the slice by what a loaded server may need to close it.
_GRACE_S = 5
# Streams that break one after the other without an event before the watch gives up.
_BREAKS = 8
_BETWEEN_BREAKS_S = 0.5
_LINE_LIMIT = 16 << 20


class WatchType(StrEnum):
    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"
    BOOKMARK = "BOOKMARK"


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchEvent:
    """A change; a bookmark only says how far the watch has come. `object` of DELETED is its last state."""

    type: WatchType
    revision: str
    object: ResourceObject | None = None


class _Event(msgspec.Struct):
    type: str
    object: msgspec.Raw


class _Code(msgspec.Struct):
    code: int = 0


class _RevisionMeta(msgspec.Struct):
    resourceVersion: str = ""  # noqa: N815 - the API's name


class _Bookmark(msgspec.Struct):
    metadata: _RevisionMeta


def watch(wire: Wire, query: ListQuery, call: Call, *, until: Deadline) -> Iterator[WatchEvent]:
    """Changes after the query's revision; ends at the deadline. Raises RevisionGone (410), ClusterUnreachable."""
    revision = query.revision or ""
    breaks = 0
    while (left_s := until.left_s(wire.clock)) > 0:
        wire.cancel.check()
        slice_s = max(1, min(_SLICE_S, round(left_s)))
        try:
            for event in _slice(wire, query, call, revision, slice_s):
                revision, breaks = event.revision, 0
                yield event
                if until.left_s(wire.clock) <= 0:
                    return
        except ClusterUnreachable:
            breaks += 1
            if breaks >= _BREAKS:
                raise
            wire.clock.sleep(min(_BETWEEN_BREAKS_S * breaks, until.left_s(wire.clock)), wire.cancel)


def _slice(wire: Wire, query: ListQuery, call: Call, revision: str, slice_s: int) -> Iterator[WatchEvent]:
    wanted = (
        ("watch", "true"),
        ("allowWatchBookmarks", "true"),
        ("resourceVersion", revision),
        ("timeoutSeconds", str(slice_s)),
        ("labelSelector", query.selector),
        ("fieldSelector", query.fields),
    )
    path = routes.with_query(routes.collection(query.kind, query.namespace), wanted)
    with wire.stream(path, call, read_s=slice_s + _GRACE_S) as pieces:
        for line in _lines(pieces, call):
            yield _event(query.kind, line, call)


def _lines(pieces: Iterator[bytes], call: Call) -> Iterator[bytes]:
    kept = b""
    for piece in pieces:
        *whole, kept = (kept + piece).split(b"\n")
        yield from (line for line in whole if line)
        if len(kept) > _LINE_LIMIT:
            raise garbage(call, "one event is larger than any object may be")
    if kept.strip():
        raise garbage(call, "the stream ended in the middle of an event")


def _event(kind: ResourceKind, line: bytes, call: Call) -> WatchEvent:
    try:
        event = msgspec.json.decode(line, type=_Event)
        if event.type == "ERROR":
            code = msgspec.json.decode(event.object, type=_Code).code
            raise error_of(Answer(code or 500, bytes(event.object), {}), call)
        if event.type == WatchType.BOOKMARK:
            told = msgspec.json.decode(event.object, type=_Bookmark).metadata.resourceVersion
            return WatchEvent(type=WatchType.BOOKMARK, revision=told)
        found = parse_object(kind, bytes(event.object))
        return WatchEvent(type=WatchType(event.type), revision=found.resource_version, object=found)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise garbage(call, "an event is damaged") from error
