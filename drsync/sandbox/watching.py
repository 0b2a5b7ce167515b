"""What a watch streams: each change once, in order, from a revision on."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import msgspec

from drsync.sandbox import answers, selectors
from drsync.sandbox.answers import ApiError
from drsync.sandbox.reading import ListQuery
from drsync.sandbox.registry import Place
from drsync.sandbox.selectors import Predicate
from drsync.sandbox.storage import Change, ChangeType, Storage, Stored

BOOKMARK_EVERY_S = 60.0
"""The real server sends one about every minute."""


class Waker:
    """Wakes watches and controllers after a change."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()

    def follow(self, _: Change) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait(self, seconds: float) -> bool:
        """Whether something changed in time."""
        try:
            await asyncio.wait_for(self._changed.wait(), seconds)
        except TimeoutError:
            return False
        return True


def first_revision(query: ListQuery, storage: Storage) -> int | None:
    """From where a watch streams; None means the present, told as ADDED first."""
    if query.revision in ("", "0"):
        return None
    if not query.revision.isdigit():
        why = f'strconv.ParseUint: parsing "{query.revision}": invalid syntax'
        raise ApiError(500, f'resourceVersion: Invalid value: "{query.revision}": {why}')
    revision = int(query.revision)
    if revision > storage.revision:
        raise answers.future_revision(revision, storage.revision)
    return revision


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """One watch request."""

    place: Place
    query: ListQuery
    timeout_s: float
    bookmarks: bool


async def stream(storage: Storage, waker: Waker, watch: Watch) -> AsyncIterator[bytes]:
    """JSON lines until the time is up; the caller ends it when its client goes."""
    wanted = selectors.predicate(watch.place.served, watch.query.labels, watch.query.fields)
    at = first_revision(watch.query, storage)
    if at is None:
        at = storage.revision
        for line in _present(storage, watch.place, wanted):
            yield line
    clock = asyncio.get_running_loop().time
    deadline, bookmark_at = clock() + watch.timeout_s, clock() + BOOKMARK_EVERY_S
    while clock() < deadline and at >= storage.compacted:
        upto = storage.revision
        for change in storage.changes(watch.place.served.resource, after=at):
            for line in _told(watch.place, change, wanted):
                yield line
        at = upto
        if watch.bookmarks and clock() >= bookmark_at:
            bookmark_at += BOOKMARK_EVERY_S
            yield _bookmark(watch.place, at)
        if storage.revision == at:
            await waker.wait(min(deadline, bookmark_at) - clock())
    yield _ending(storage, watch, at)


def _ending(storage: Storage, watch: Watch, at: int) -> bytes:
    """The last line: a bookmark where they were asked for, an error when history was lost on the way."""
    if at < storage.compacted:
        return _error(answers.expired(f"too old resource version: {at} ({storage.compacted})"))
    return _bookmark(watch.place, at) if watch.bookmarks else b""


def _present(storage: Storage, place: Place, wanted: Predicate | None) -> Iterator[bytes]:
    for key, stored in storage.at(place.served.resource, storage.revision):
        if _covers(place, key) and (wanted is None or wanted(stored.manifest())):
            yield _event(place, ChangeType.ADDED, stored)


def _covers(place: Place, key: str) -> bool:
    return not place.namespace or key.startswith(f"{place.namespace}/")


def _told(place: Place, change: Change, wanted: Predicate | None) -> Iterator[bytes]:
    """What a change means to this watch: an object that stops matching is DELETED to it."""
    if not _covers(place, change.key):
        return
    if wanted is None:
        yield _event(place, change.type, change.stored)
        return
    matched = change.previous is not None and wanted(change.previous.manifest())
    matches = change.type is not ChangeType.DELETED and wanted(change.stored.manifest())
    if matches:
        yield _event(place, ChangeType.MODIFIED if matched else ChangeType.ADDED, change.stored)
    elif matched:
        yield _event(place, ChangeType.DELETED, change.stored)


def _event(place: Place, kind: ChangeType, stored: Stored) -> bytes:
    return b'{"type":"%s","object":%s%s}\n' % (kind.value.encode(), place.served.head, stored.raw[1:])


def _bookmark(place: Place, revision: int) -> bytes:
    head = place.served.head
    return b'{"type":"BOOKMARK","object":%s"metadata":{"resourceVersion":"%d"}}}\n' % (head, revision)


def _error(error: ApiError) -> bytes:
    return msgspec.json.encode({"type": "ERROR", "object": error.body()}) + b"\n"
