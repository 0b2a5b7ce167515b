"""Writes one object of a point into a cluster: create where absent; else compare, then skip, merge or replace."""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

import msgspec

from drsync.engine.restore_inputs import RestoreInputs
from drsync.errors import ObjectExists, PermissionDenied, RequestRejected, VersionChanged
from drsync.kube.client import KubeClient
from drsync.model.manifest import entries, manifest_of, section
from drsync.model.request import Existing
from drsync.model.resource import Manifest, Owner, ResourceId, ResourceKind, ResourceObject
from drsync.resources.diff import FieldChange, cannot_change, changes, covered, merge, replacement, same
from drsync.resources.managers import ownership
from drsync.resources.owners import relink
from drsync.resources.sanitise import sanitise

RESTORED_BY: Final = "drsync.io/restored-by"
"""Annotation on a claim that a run made in order to fill it; holds the run's id."""
_TRIES: Final = 4
"""A write that finds the object changed under it looks again, so often."""


class Fate(StrEnum):
    """What became of one object."""

    CREATED = "created"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"
    """It was there and differs, and the request says to leave it."""
    MERGED = "merged"
    REPLACED = "replaced"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """The result for one object."""

    id: ResourceId
    fate: Fate
    reason: str = ""
    changes: tuple[FieldChange, ...] = ()
    dropped_owners: tuple[str, ...] = ()


@dataclass(slots=True)
class Writer:
    """Writes objects of one point into one cluster; used from several threads.

    `dry_run` asks the server to check every write and store none; `rehearse` asks it nothing
    and only says what would be done.
    """

    cluster: KubeClient
    inputs: RestoreInputs
    run: str
    dry_run: bool = False
    rehearse: bool = False
    live: dict[ResourceId, ResourceObject] = field(default_factory=dict[ResourceId, ResourceObject])
    owners: dict[str, Owner] = field(default_factory=dict[str, Owner])
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def look(self, kinds: Mapping[ResourceKind, Iterable[str]]) -> None:
        """Lists what is there, by kind and namespace ("" for all), so that most objects need one request."""
        for kind, namespaces in kinds.items():
            for namespace in namespaces:
                for one in self.cluster.list(kind, namespace=namespace).objects:
                    self.live[one.id] = one

    def write(self, item: ResourceObject) -> Written:
        """Idempotent. Raises only what makes going on pointless: the cluster is gone, or the run must stop."""
        kind = self.inputs.kinds.get(item.kind.group_resource)
        target = self._target(item)
        if kind is None:
            return Written(id=target, fate=Fate.FAILED, reason="the cluster serves no such kind")
        captured = manifest_of(item)
        desired, dropped = self._desired(item, captured)
        try:
            return self._settle(kind, target, item, captured, desired, dropped)
        except (RequestRejected, PermissionDenied) as error:
            return Written(id=target, fate=Fate.FAILED, reason=error.problem, dropped_owners=dropped)

    def link(self, item: ResourceObject) -> Written:
        """Gives an object the owner references that it could not have when it was written."""
        kind = self.inputs.kinds.get(item.kind.group_resource)
        target = self._target(item)
        there = self.cluster.get(kind, target.namespace, target.name) if kind else None
        if kind is None or there is None:
            return Written(id=target, fate=Fate.FAILED, reason="it is not there to be linked to its owner")
        desired, dropped = self._desired(item, manifest_of(item))
        wanted = entries(desired, "metadata", "ownerReferences")
        if wanted == entries(manifest_of(there), "metadata", "ownerReferences"):
            return Written(id=target, fate=Fate.UNCHANGED, dropped_owners=dropped)
        patch = {"metadata": {"ownerReferences": wanted, "uid": there.uid}}
        self.cluster.merge_patch(kind, target.namespace, target.name, msgspec.json.encode(patch))
        return Written(id=target, fate=Fate.MERGED, dropped_owners=dropped)

    def _target(self, item: ResourceObject) -> ResourceId:
        namespace = self.inputs.request.namespace_map.get(item.namespace, item.namespace)
        name = item.name
        if item.kind.group_resource == "namespaces":
            name = self.inputs.request.namespace_map.get(name, name)
        return ResourceId(group_resource=item.kind.group_resource, namespace=namespace, name=name)

    def _desired(self, item: ResourceObject, captured: Manifest) -> tuple[Manifest, tuple[str, ...]]:
        # Lists leave these two out for kinds that are built in.
        whole = {**captured, "apiVersion": item.kind.api_version, "kind": item.kind.kind}
        desired = self.inputs.transform(sanitise(whole))
        if item.owners:
            desired, dropped = relink(desired, self._uids(item.owners))
            # An owner that comes later is linked later: that is not a loss to tell of.
            return desired, tuple(f"{o.kind} {o.name}" for o in dropped if o.uid not in self.inputs.by_uid)
        return desired, ()

    def _uids(self, owners: Iterable[Owner]) -> dict[str, Owner]:
        """The owners' new uids, of those that this restore writes and that are there."""
        found: dict[str, Owner] = {}
        for owner in owners:
            known = self.owners.get(owner.uid) or self._find_owner(owner)
            if known:
                found[owner.uid] = known
        return found

    def _find_owner(self, owner: Owner) -> Owner | None:
        written = self.inputs.by_uid.get(owner.uid)
        if written is None:
            return None
        target = self._target(written)
        there = self.live.get(target)
        kind = self.inputs.kinds.get(target.group_resource)
        if there is None and kind:
            there = self.cluster.get(kind, target.namespace, target.name)
        if there is None:
            return None
        self._remember(written, there)
        return self.owners[owner.uid]

    def _remember(self, item: ResourceObject, there: ResourceObject) -> None:
        with self._lock:
            self.live[there.id] = there
            self.owners[item.uid] = Owner(
                api_version=there.kind.api_version,
                kind=there.kind.kind,
                name=there.name,
                uid=there.uid,
                controller=False,
            )

    def _settle(
        self,
        kind: ResourceKind,
        target: ResourceId,
        item: ResourceObject,
        captured: Manifest,
        desired: Manifest,
        dropped: tuple[str, ...],
    ) -> Written:
        live = self.live.get(target)
        for _ in range(_TRIES):
            if live is None:
                made = self._create(kind, target, item, captured, desired)
                if made:
                    return Written(id=target, fate=Fate.CREATED, dropped_owners=dropped)
                live = self.cluster.get(kind, target.namespace, target.name)
                continue
            self._remember(item, live)
            try:
                return self._meet(kind, target, desired, live, dropped)
            except VersionChanged:
                live = self.cluster.get(kind, target.namespace, target.name)
        return Written(id=target, fate=Fate.FAILED, reason="it kept changing while it was written")

    def _create(
        self, kind: ResourceKind, target: ResourceId, item: ResourceObject, captured: Manifest, desired: Manifest
    ) -> bool:
        if self.rehearse:
            return True
        body = self._marked(target, desired)
        try:
            made = self.cluster.create(kind, target.namespace, msgspec.json.encode(body), dry_run=self.dry_run)
        except ObjectExists:
            return False
        if not self.dry_run:
            self._remember(item, made)
            self._hand_back(kind, target, captured)
        return True

    def _marked(self, target: ResourceId, desired: Manifest) -> Manifest:
        if target not in self.inputs.filled_claims:
            return desired
        annotations = {**section(desired, "metadata", "annotations"), RESTORED_BY: self.run}
        return {**desired, "metadata": {**section(desired, "metadata"), "annotations": annotations}}

    def _hand_back(self, kind: ResourceKind, target: ResourceId, captured: Manifest) -> None:
        """Field ownership goes back to those who had applied the object, so that their next apply finds no conflict."""
        fields = ownership(captured)
        if fields:
            patch = msgspec.json.encode({"metadata": {"managedFields": fields}})
            self.cluster.merge_patch(kind, target.namespace, target.name, patch)

    def _meet(
        self, kind: ResourceKind, target: ResourceId, desired: Manifest, live: ResourceObject, dropped: tuple[str, ...]
    ) -> Written:
        """The object is there: leave it, or make it what was asked for."""
        there = {**manifest_of(live), "apiVersion": desired["apiVersion"], "kind": desired["kind"]}
        policy = Existing.MERGE if _as_each_namespace_gets_it(target, there) else self.inputs.request.existing
        equal = covered(desired, there) if policy is Existing.MERGE else same(desired, there)
        if equal:
            return Written(id=target, fate=Fate.UNCHANGED, dropped_owners=dropped)
        diff = changes(desired, there)
        if policy is Existing.SKIP:
            return Written(id=target, fate=Fate.SKIPPED, reason="it is there and differs", changes=diff)
        refusal = cannot_change(desired, there)
        if refusal:
            return Written(id=target, fate=Fate.FAILED, reason=refusal, changes=diff)
        fate = Fate.MERGED if policy is Existing.MERGE else Fate.REPLACED
        if not self.rehearse:
            body = merge(desired, there) if fate is Fate.MERGED else replacement(desired, there)
            self.cluster.replace(kind, target.namespace, target.name, msgspec.json.encode(body), dry_run=self.dry_run)
        return Written(id=target, fate=fate, changes=diff, dropped_owners=dropped)


def _as_each_namespace_gets_it(target: ResourceId, live: Manifest) -> bool:
    """A default service account that nobody has touched: to fill it in overrides nobody's decision.

    Left as it is, the pull secrets that were given to it would be lost, and no pod could fetch its image.
    """
    untouched = live.keys() <= {"apiVersion", "kind", "metadata"}
    marked = section(live, "metadata", "labels") or section(live, "metadata", "annotations")
    return target.group_resource == "serviceaccounts" and target.name == "default" and untouched and not marked


def tell(results: Iterable[Written]) -> dict[str, Any]:
    """The results as JSON: names by fate, and reasons and changes where there are any."""
    told: dict[str, Any] = {fate.value: [] for fate in Fate}
    details: list[dict[str, Any]] = []
    for one in results:
        told[one.fate.value].append(str(one.id))
        if one.reason or one.changes or one.dropped_owners:
            details.append(_detail(one))
    return {**told, "details": details}


def _detail(one: Written) -> dict[str, Any]:
    detail: dict[str, Any] = {"object": str(one.id), "fate": one.fate.value}
    if one.reason:
        detail["reason"] = one.reason
    if one.changes:
        detail["changes"] = [{"path": c.path, "before": c.before, "after": c.after} for c in one.changes]
    if one.dropped_owners:
        detail["droppedOwners"] = list(one.dropped_owners)
    return detail
