"""The garbage collector: what is owned goes with its owners, and never outlives a uid that does not exist."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from drsync.model.resource import Manifest
from drsync.sandbox.controllers.control import Control, dying
from drsync.sandbox.storage import Change, ChangeType
from drsync.sandbox.tree import leaves

Item = tuple[str, str]
"""Resource and key."""

_FOREGROUND, _ORPHAN = "foregroundDeletion", "orphan"


class Dependents:
    """Which object has which uid, and who names whom as owner; follows the store's changes."""

    def __init__(self) -> None:
        self._items: dict[str, Item] = {}
        self._dependents: dict[str, set[Item]] = defaultdict(set)

    def follow(self, change: Change) -> Iterator[Item]:
        """Objects to look at after a change."""
        item = (change.resource, change.key)
        now = change.stored.head().metadata
        gone = change.type is ChangeType.DELETED
        for owner in change.previous.head().metadata.ownerReferences or () if change.previous else ():
            self._dependents[owner.uid].discard(item)
            if gone and owner.uid in self._items:
                # An owner that dies in the foreground waits for this.
                yield self._items[owner.uid]
        if gone:
            self._items.pop(now.uid, None)
            yield from self._dependents.pop(now.uid, set())
            return
        self._items[now.uid] = item
        for owner in now.ownerReferences or ():
            self._dependents[owner.uid].add(item)
        if now.deletionTimestamp:
            yield from self._dependents.get(now.uid, set())
        if now.ownerReferences or _FOREGROUND in (now.finalizers or ()) or _ORPHAN in (now.finalizers or ()):
            yield item

    def of(self, uid: str) -> list[Item]:
        return sorted(self._dependents.get(uid, ()))


def reconcile(control: Control, dependents: Dependents, resource: str, key: str) -> None:
    manifest = control.get(resource, key)
    if manifest is None:
        return
    if dying(manifest):
        _finish(control, dependents, resource, key, manifest)
        return
    owners = leaves(manifest, "metadata", "ownerReferences")
    if not owners:
        return
    states = [_state(control, owner, manifest) for owner in owners]
    if all(state == "gone" for state in states):
        control.delete(resource, key, uid=manifest["metadata"]["uid"], propagation="Background")
    elif all(state in ("gone", "dying") for state in states) and any(_blocks(owner) for owner in owners):
        control.delete(resource, key, uid=manifest["metadata"]["uid"], propagation="Foreground")
    elif "gone" in states and not all(state == "gone" for state in states):
        kept = [owner for owner, state in zip(owners, states, strict=True) if state != "gone"]
        manifest["metadata"]["ownerReferences"] = kept
        control.update(resource, key, manifest)


def _finish(control: Control, dependents: Dependents, resource: str, key: str, manifest: Manifest) -> None:
    """Lets a dying owner go once its dependents went, or were let off."""
    finalizers = leaves(manifest, "metadata", "finalizers")
    uid = manifest["metadata"]["uid"]
    if _ORPHAN in finalizers:
        for dependent in dependents.of(uid):
            _disown(control, dependent, uid)
        control.drop_finalizer(resource, key, _ORPHAN)
    elif _FOREGROUND in finalizers:
        blocking = [item for item in dependents.of(uid) if _blocked_by(control, item, uid)]
        if not blocking:
            control.drop_finalizer(resource, key, _FOREGROUND)


def _disown(control: Control, item: Item, uid: str) -> None:
    manifest = control.get(*item)
    if manifest is None:
        return
    kept = [owner for owner in leaves(manifest, "metadata", "ownerReferences") if owner["uid"] != uid]
    manifest["metadata"].pop("ownerReferences", None)
    if kept:
        manifest["metadata"]["ownerReferences"] = kept
    control.update(*item, manifest)


def _blocked_by(control: Control, item: Item, uid: str) -> bool:
    manifest = control.get(*item)
    owners = leaves(manifest, "metadata", "ownerReferences") if manifest else []
    return any(owner["uid"] == uid and _blocks(owner) for owner in owners)


def _blocks(owner: dict[str, Any]) -> bool:
    return bool(owner.get("blockOwnerDeletion"))


def _state(control: Control, owner: dict[str, Any], dependent: Manifest) -> str:
    """`here`, `dying` in the foreground, `gone`, or `unknown` while its kind is not served."""
    served = control.registry.kinds.of_manifest(owner.get("apiVersion", ""), owner.get("kind", ""))
    if served is None:
        return "unknown"
    namespace = dependent["metadata"].get("namespace", "")
    if served.kind.namespaced and not namespace:
        return "unknown"
    key = f"{namespace}/{owner.get('name')}" if served.kind.namespaced else str(owner.get("name"))
    found = control.get(served.resource, key)
    if found is None or found["metadata"]["uid"] != owner.get("uid"):
        return "gone"
    if dying(found) and _FOREGROUND in leaves(found, "metadata", "finalizers"):
        return "dying"
    return "here"
