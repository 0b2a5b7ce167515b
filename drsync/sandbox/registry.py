"""What a write means: create, replace and delete one object, with the server's rules in between.

The HTTP routes and the controllers both come through here.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from drsync.model.resource import Manifest
from drsync.sandbox import admission, answers, checks, metadata, ownership
from drsync.sandbox.addresses import Addresses
from drsync.sandbox.answers import ApiError, Cause
from drsync.sandbox.kinds import Kinds, ServedKind
from drsync.sandbox.ownership import Manager, Ownership
from drsync.sandbox.storage import Storage

CONTROLLER = "drsync-sandbox"
"""The field manager of the sandbox's own controllers."""

Now = Callable[[], datetime]


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Which object of which kind a request is about; no name for a collection."""

    served: ServedKind
    namespace: str = ""
    name: str = ""
    subresource: str = ""

    @property
    def key(self) -> str:
        return f"{self.namespace}/{self.name}" if self.served.kind.namespaced else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteOptions:
    """How a write was asked for."""

    manager: str = CONTROLLER
    dry_run: bool = False
    ownership: Ownership | None = None
    """Who owns what afterwards, when the writer knows; else it is found by comparing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteOptions:
    uid: str = ""
    resource_version: str = ""
    propagation: str = ""
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Deleted:
    """What a delete left: the object's last state, and whether it is gone already."""

    manifest: Manifest
    gone: bool


_FINALIZER_OF = {"Foreground": "foregroundDeletion", "Orphan": "orphan"}


@dataclass(frozen=True, slots=True)
class Registry:
    """The objects of one sandbox behind the server's rules. Manifests come and go without kind and apiVersion."""

    kinds: Kinds
    storage: Storage
    addresses: Addresses
    now: Now = field(default=utc_now)

    def get(self, place: Place) -> Manifest:
        stored = self.storage.get(place.served.resource, place.key)
        if stored is None:
            raise answers.not_found(place.served, place.name)
        return stored.manifest()

    def create(self, place: Place, manifest: Manifest, options: WriteOptions) -> Manifest:
        served, namespace = place.served, place.namespace
        metadata.begin(served, manifest, namespace, now=self.now())
        name = str(manifest["metadata"].get("name") or "")
        if served.kind.namespaced:
            self._admit_namespace(served, namespace, name)
        admission.begin(served, manifest)
        if options.ownership is None:
            now = metadata.timestamp(self.now())
            ownership.created(manifest, _manager(place, options), served=served, now=now)
        else:
            ownership.write(manifest, options.ownership)
        admission.admit_new(served, manifest, self.storage)
        self._refuse(served, name, [*metadata.faults(served, manifest), *admission.faults(served, manifest)])
        target = Place(served=served, namespace=namespace, name=name)
        if self.storage.get(served.resource, target.key) is not None:
            raise answers.already_exists(served, name)
        if served.kind.namespaced:
            admission.refuse_over_quota(served, namespace, name, self.storage)
        if served.resource == "services":
            self.addresses.allocate(served, manifest, None)
        if not options.dry_run:
            self.storage.put(served.resource, target.key, manifest)
        return manifest

    def replace(self, place: Place, manifest: Manifest, options: WriteOptions, *, patched: bool = False) -> Manifest:
        """Stores a new state of an object that is there. `patched`: made from the state read just now."""
        old = self.get(place)
        meta = metadata.of(manifest)
        self._check_identity(place, manifest, patched=patched)
        _check_version(place, manifest, old)
        metadata.settle_namespace(meta, place.namespace)
        metadata.carry_over(manifest, old)
        meta["resourceVersion"] = old["metadata"]["resourceVersion"]
        manifest = admission.admit_update(place.served, manifest, old, subresource=place.subresource)
        if place.served.resource == "services" and not place.subresource:
            self.addresses.allocate(place.served, manifest, old)
        causes = [
            *metadata.faults(place.served, manifest),
            *metadata.finalizer_faults(manifest, old),
            *admission.faults(place.served, manifest),
            *checks.update_faults(place.served, manifest, old),
        ]
        self._refuse(place.served, place.name, causes)
        if options.ownership is not None:
            ownership.write(manifest, options.ownership)
        else:
            now = metadata.timestamp(self.now())
            ownership.updated(manifest, old, _manager(place, options), custom=place.served.custom, now=now)
        return self._store(place, manifest, old, options)

    def delete(self, place: Place, options: DeleteOptions) -> Deleted:
        old = self.get(place)
        _check_preconditions(place, old, options)
        admission.refuse_delete(place.served, place.name)
        manifest = self.get(place)
        meta = manifest["metadata"]
        propagation = options.propagation or ("Orphan" if place.served.resource in admission.ORPHANING else "")
        finalizers = [
            *_finalizers(meta.get("finalizers") or [], propagation),
            *admission.finalizers_of_death(place.served, manifest),
        ]
        if not finalizers and not admission.dies_slowly(place.served, manifest):
            if not options.dry_run:
                manifest = self.storage.remove(place.served.resource, place.key).manifest()
            return Deleted(manifest, gone=True)
        if finalizers:
            meta["finalizers"] = finalizers
        admission.mark_dying(place.served, manifest, now=self.now())
        return Deleted(self._store(place, manifest, old, WriteOptions(dry_run=options.dry_run)), gone=False)

    def finish_delete(self, place: Place) -> None:
        """Takes a dying object away once nothing holds it."""
        self.storage.remove(place.served.resource, place.key)

    def places(self, served: ServedKind, namespace: str = "") -> Iterator[Place]:
        """Every object of a kind, in list order."""
        for key in list(self.storage.keys(served.resource)):
            within, _, name = key.rpartition("/")
            if not namespace or within == namespace:
                yield Place(served=served, namespace=within, name=name)

    def _store(self, place: Place, manifest: Manifest, old: Manifest, options: WriteOptions) -> Manifest:
        if ownership.same_but_times(manifest, old):
            return old
        if place.served.counts_generation and not place.subresource and admission.spec_changed(manifest, old):
            manifest["metadata"]["generation"] = old["metadata"].get("generation", 0) + 1
        if options.dry_run:
            return manifest
        meta = manifest["metadata"]
        dead = "deletionTimestamp" in meta and not meta.get("finalizers")
        if dead and "deletionTimestamp" in old["metadata"] and not admission.dies_slowly(place.served, manifest):
            self.storage.remove(place.served.resource, place.key)
            return manifest
        self.storage.put(place.served.resource, place.key, manifest)
        return manifest

    def _admit_namespace(self, served: ServedKind, namespace: str, name: str) -> None:
        stored = self.storage.get("namespaces", namespace)
        if stored is None:
            spaces = self.kinds.of_resource("namespaces")
            if spaces is None:
                raise answers.no_such_resource()
            raise answers.not_found(spaces, namespace)
        if "deletionTimestamp" in stored.manifest()["metadata"]:
            raise answers.terminating(served, name, namespace)

    def _check_identity(self, place: Place, manifest: Manifest, *, patched: bool) -> None:
        name = manifest["metadata"].get("name")
        if patched and not name:
            manifest["metadata"]["name"] = place.name
        elif name != place.name:
            message = f"the name of the object ({name or ''}) does not match the name on the URL ({place.name})"
            raise ApiError(400, message)

    def _refuse(self, served: ServedKind, name: str, causes: list[Cause]) -> None:
        if causes:
            raise answers.invalid(served, name, causes)


def _finalizers(present: list[str], propagation: str) -> list[str]:
    """The finalizers under which an object dies; a named propagation replaces the one before."""
    if not propagation:
        return present
    wanted = _FINALIZER_OF.get(propagation)
    return [*(f for f in present if f not in _FINALIZER_OF.values()), *([wanted] if wanted else [])]


def _manager(place: Place, options: WriteOptions) -> Manager:
    return Manager("Update", options.manager, place.served.kind.api_version, place.subresource)


def _check_version(place: Place, manifest: Manifest, old: Manifest) -> None:
    meta, before = manifest["metadata"], old["metadata"]
    version = str(meta.get("resourceVersion") or "")
    if not version:
        if place.served.needs_version or place.served.custom:
            raise answers.version_required(place.served, place.name)
    elif not version.isdigit():
        raise ApiError(500, f'strconv.ParseUint: parsing "{version}": invalid syntax')
    if meta.get("uid") and meta["uid"] != before["uid"]:
        why = f"UID in precondition: {meta['uid']}, UID in object meta: {before['uid']}"
        key = f"/registry/{place.served.kind.resource}/{place.key}"
        head = f"StorageError: invalid object, Code: 4, Key: {key}, ResourceVersion: 0"
        raise answers.conflict(place.served, place.name, f"{head}, AdditionalErrorMsg: Precondition failed: {why}")
    if version and version not in ("0", before["resourceVersion"]):
        raise answers.stale(place.served, place.name)


def _check_preconditions(place: Place, old: Manifest, options: DeleteOptions) -> None:
    meta = old["metadata"]
    if options.uid and options.uid != meta["uid"]:
        why = (
            f"the UID in the precondition ({options.uid}) does not match the UID in record ({meta['uid']}). "
            "The object might have been deleted and then recreated"
        )
        raise answers.precondition(place.served, place.name, why)
    if options.resource_version and options.resource_version != meta["resourceVersion"]:
        why = (
            f"the ResourceVersion in the precondition ({options.resource_version}) does not match the ResourceVersion "
            f"in record ({meta['resourceVersion']}). The object might have been modified"
        )
        raise answers.precondition(place.served, place.name, why)
