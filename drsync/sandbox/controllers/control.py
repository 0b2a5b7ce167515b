"""What every controller of a sandbox stands on: reading, writing, owning."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drsync.model.resource import Manifest
from drsync.sandbox.answers import ApiError
from drsync.sandbox.kinds import ServedKind
from drsync.sandbox.registry import DeleteOptions, Place, Registry, WriteOptions
from drsync.sandbox.tree import leaves

_WRITE = WriteOptions()


@dataclass(frozen=True, slots=True)
class Control:
    """The registry as controllers use it; manifests without kind and apiVersion."""

    registry: Registry
    volumes: Path
    """Where the data of provisioned volumes go."""

    def place(self, resource: str, key: str, *, subresource: str = "") -> Place:
        served = self.registry.kinds.of_resource(resource)
        if served is None:
            raise KeyError(resource)
        namespace, _, name = key.rpartition("/")
        return Place(served=served, namespace=namespace, name=name, subresource=subresource)

    def get(self, resource: str, key: str) -> Manifest | None:
        stored = self.registry.storage.get(resource, key)
        return None if stored is None else stored.manifest()

    def all(self, resource: str, namespace: str = "") -> Iterator[tuple[str, Manifest]]:
        """Every object of a resource, of one namespace if named."""
        for key in list(self.registry.storage.keys(resource)):
            if not namespace or key.startswith(f"{namespace}/"):
                found = self.get(resource, key)
                if found is not None:
                    yield key, found

    def create(self, resource: str, namespace: str, manifest: Manifest) -> Manifest | None:
        """None when it is there already."""
        place = Place(served=self.registry.kinds.builtin(resource), namespace=namespace)
        try:
            return self.registry.create(place, manifest, _WRITE)
        except ApiError as error:
            if error.reason == "AlreadyExists":
                return None
            raise

    def update(self, resource: str, key: str, manifest: Manifest) -> Manifest:
        return self.registry.replace(self.place(resource, key), manifest, _WRITE, patched=True)

    def set_status(self, resource: str, key: str, status: dict[str, Any]) -> None:
        """Writes a status, if it differs and the object is still there."""
        manifest = self.get(resource, key)
        if manifest is not None and manifest.get("status") != status:
            manifest["status"] = status
            place = self.place(resource, key, subresource="status")
            self.registry.replace(place, manifest, _WRITE, patched=True)

    def delete(self, resource: str, key: str, *, uid: str = "", propagation: str = "") -> None:
        """Deletes what is still there and still the same."""
        if self.registry.storage.get(resource, key) is not None:
            options = DeleteOptions(uid=uid, propagation=propagation)
            self.registry.delete(self.place(resource, key), options)

    def drop_finalizer(self, resource: str, key: str, finalizer: str) -> None:
        manifest = self.get(resource, key)
        if manifest is None or finalizer not in leaves(manifest, "metadata", "finalizers"):
            return
        kept = [name for name in manifest["metadata"]["finalizers"] if name != finalizer]
        manifest["metadata"].pop("finalizers")
        if kept:
            manifest["metadata"]["finalizers"] = kept
        self.update(resource, key, manifest)


def dying(manifest: Manifest) -> bool:
    return "deletionTimestamp" in manifest["metadata"]


def owner_of(served: ServedKind, manifest: Manifest) -> dict[str, Any]:
    """An owner reference to a controller's object."""
    return {
        "apiVersion": served.kind.api_version,
        "kind": served.kind.kind,
        "name": manifest["metadata"]["name"],
        "uid": manifest["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def controller_uid(manifest: Manifest) -> str:
    """The uid of the controlling owner; empty for an orphan."""
    return next((o["uid"] for o in leaves(manifest, "metadata", "ownerReferences") if o.get("controller")), "")
