"""What a sandbox remembers: the objects now, and every change since the last compaction.

One counter numbers all changes, as etcd's revision does. Objects are kept as JSON without
`kind` and `apiVersion`; the key is `namespace/name`, or the name alone.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import msgspec

from drsync.model.resource import Manifest
from drsync.sandbox.change_log import ChangeLog, Line


class ChangeType(StrEnum):
    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"


class OwnerUid(msgspec.Struct):
    uid: str = ""


class HeadMetadata(msgspec.Struct):
    """The metadata that decides what else has to be looked at."""

    uid: str
    deletionTimestamp: str | None = None  # noqa: N815
    finalizers: list[str] | None = None
    ownerReferences: list[OwnerUid] | None = None  # noqa: N815


class Head(msgspec.Struct):
    metadata: HeadMetadata


_HEADS = msgspec.json.Decoder(Head)


@dataclass(frozen=True, slots=True)
class Stored:
    """One version of one object."""

    revision: int
    raw: bytes

    def head(self) -> Head:
        """The few facts of the metadata, read without the rest."""
        return _HEADS.decode(self.raw)

    def manifest(self) -> Manifest:
        """A fresh copy that the caller may change."""
        return msgspec.json.decode(self.raw)


@dataclass(frozen=True, slots=True)
class Change:
    """One step of the counter. For DELETED, `stored` is the last state under the deletion's revision."""

    revision: int
    resource: str
    key: str
    type: ChangeType
    stored: Stored
    previous: Stored | None


_PASTS_KEPT = 4
"""Lists that may be under way page by page at once, before one is worked out again."""

Listener = Callable[[Change], None]


class Storage:
    """Objects by resource and key, with their history, on disk before a call returns."""

    def __init__(self, path: Path) -> None:
        self.revision = 0
        self.compacted = 0
        self._live: dict[str, dict[str, Stored]] = defaultdict(dict)
        self._sorted: dict[str, list[str]] = {}
        self._changes: dict[str, list[Change]] = defaultdict(list)
        self._listeners: list[Listener] = []
        self._past: dict[tuple[str, int], list[tuple[str, Stored]]] = {}
        self._log = ChangeLog(path)
        for line in self._log.read():
            self._replay(line)
        self._forget(self.compacted)

    def listen(self, listener: Listener) -> None:
        """`listener` is called with every later change, at once and in order."""
        self._listeners.append(listener)

    def close(self) -> None:
        self._log.close()

    def get(self, resource: str, key: str) -> Stored | None:
        return self._live[resource].get(key)

    def live(self) -> Iterator[tuple[str, str, Stored]]:
        """Everything that is there now."""
        for resource in list(self._live):
            for key, stored in list(self._live[resource].items()):
                yield resource, key, stored

    def current(self, resource: str) -> Mapping[str, Stored]:
        return self._live[resource]

    def keys(self, resource: str) -> list[str]:
        """Keys in the order that lists have."""
        if resource not in self._sorted:
            self._sorted[resource] = sorted(self._live[resource])
        return self._sorted[resource]

    def at(self, resource: str, revision: int) -> list[tuple[str, Stored]]:
        """The objects as of a revision, in list order. The past does not change: pages of one list ask once."""
        revision = min(revision, self.revision)
        if (resource, revision) not in self._past:
            while len(self._past) >= _PASTS_KEPT:
                del self._past[next(iter(self._past))]
            self._past[resource, revision] = self._state(resource, revision)
        return self._past[resource, revision]

    def _state(self, resource: str, revision: int) -> list[tuple[str, Stored]]:
        if not self.changes(resource, after=revision):
            live = self._live[resource]
            return [(key, live[key]) for key in self.keys(resource)]
        state = dict(self._live[resource])
        for change in reversed(self.changes(resource, after=revision)):
            if change.previous is None:
                state.pop(change.key, None)
            else:
                state[change.key] = change.previous
        return sorted(state.items())

    def changes(self, resource: str, *, after: int) -> list[Change]:
        changes = self._changes[resource]
        return changes[bisect_right(changes, after, key=lambda change: change.revision) :]

    def put(self, resource: str, key: str, manifest: Manifest) -> Stored:
        """Stores under the next revision, which it writes into the manifest."""
        revision = self.revision + 1
        manifest["metadata"]["resourceVersion"] = str(revision)
        stored = Stored(revision, msgspec.json.encode(manifest))
        self._log.append(Line(revision, resource, key, stored.raw))
        self._record(resource, key, stored)
        return stored

    def remove(self, resource: str, key: str) -> Stored:
        """Takes an object away; what it was comes back under the deletion's revision."""
        revision = self.revision + 1
        manifest = self._live[resource][key].manifest()
        manifest["metadata"]["resourceVersion"] = str(revision)
        last = Stored(revision, msgspec.json.encode(manifest))
        self._log.append(Line(revision, resource, key, None))
        self._record(resource, key, last, gone=True)
        return last

    def compact(self, revision: int) -> None:
        """Forgets how things were before `revision`."""
        if revision <= self.compacted:
            return
        self._log.append_compaction(revision)
        self._forget(revision)
        if self._log.wasteful(live_bytes=sum(len(stored.raw) for _, _, stored in self.live())):
            self._log.rewrite(self._snapshot())

    def _record(self, resource: str, key: str, stored: Stored, *, gone: bool = False) -> None:
        previous = self._live[resource].get(key)
        self.revision = stored.revision
        if gone:
            del self._live[resource][key]
        else:
            self._live[resource][key] = stored
        if gone or previous is None:
            self._sorted.pop(resource, None)
        kind = ChangeType.DELETED if gone else ChangeType.ADDED if previous is None else ChangeType.MODIFIED
        change = Change(stored.revision, resource, key, kind, stored, previous)
        self._changes[resource].append(change)
        for listener in self._listeners:
            listener(change)

    def _replay(self, line: Line) -> None:
        if not line.resource:
            self.compacted = line.revision
        elif line.raw is not None:
            self._record(line.resource, line.key, Stored(line.revision, line.raw))
        elif line.key in self._live[line.resource]:
            last = self._live[line.resource][line.key].manifest()
            last["metadata"]["resourceVersion"] = str(line.revision)
            self._record(line.resource, line.key, Stored(line.revision, msgspec.json.encode(last)), gone=True)
        self.revision = max(self.revision, line.revision)

    def _forget(self, revision: int) -> None:
        self.compacted = revision
        for resource in self._changes:
            self._changes[resource] = self.changes(resource, after=revision)

    def _snapshot(self) -> Iterator[Line]:
        """Lines that rebuild the present and the history that is still kept."""
        changes = [change for resource in self._changes for change in self._changes[resource]]
        changes.sort(key=lambda change: change.revision)
        for resource in list(self._live):
            for key, stored in self.at(resource, self.compacted):
                yield Line(stored.revision, resource, key, stored.raw)
        yield Line(self.compacted, "", "", None)
        for change in changes:
            raw = None if change.type is ChangeType.DELETED else change.stored.raw
            yield Line(change.revision, change.resource, change.key, raw)
