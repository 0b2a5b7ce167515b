"""What each kind gets and is refused on its way in: defaults, checks, allocations, and how it dies."""

from datetime import datetime

from drsync.model.resource import Manifest
from drsync.sandbox import answers, metadata
from drsync.sandbox.kinds import ServedKind

_ETERNAL = {"default", "kube-system", "kube-public", "kube-node-lease"}


def admit_new(served: ServedKind, manifest: Manifest) -> None:
    """Defaults for a new object."""
    if served.has_status and served.resource != "nodes":
        manifest.pop("status", None)
    if served.resource == "namespaces":
        manifest["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = manifest["metadata"].get("name")
        manifest["spec"] = {"finalizers": ["kubernetes"]}
        manifest["status"] = {"phase": "Active"}


def admit_update(served: ServedKind, manifest: Manifest, old: Manifest, *, subresource: str) -> Manifest:
    """What of an update counts: the status alone, or everything but it."""
    if subresource == "status":
        meta = {**old["metadata"], "managedFields": manifest["metadata"].get("managedFields")}
        kept = {key: value for key, value in old.items() if key != "status"}
        status = {"status": manifest["status"]} if "status" in manifest else {}
        return {**kept, **status, "metadata": meta}
    if served.has_status:
        manifest.pop("status", None)
        if "status" in old:
            manifest["status"] = old["status"]
    if served.resource == "namespaces":
        manifest["spec"] = old["spec"]
    return manifest


def refuse_delete(served: ServedKind, name: str) -> None:
    if served.resource == "namespaces" and name in _ETERNAL - {"kube-node-lease"}:
        raise answers.forbidden(served, name, "this namespace may not be deleted")


def dies_slowly(served: ServedKind, manifest: Manifest) -> bool:
    """Whether someone else has work to do before the object may go."""
    if served.resource == "namespaces":
        return bool(manifest["spec"].get("finalizers"))
    return served.resource == "pods" and bool(manifest["spec"].get("nodeName"))


def mark_dying(served: ServedKind, manifest: Manifest, *, now: datetime) -> None:
    meta = manifest["metadata"]
    meta.setdefault("deletionTimestamp", metadata.timestamp(now))
    if served.resource == "namespaces":
        manifest["status"] = {**manifest.get("status", {}), "phase": "Terminating"}
    elif served.resource == "pods":
        meta.setdefault("deletionGracePeriodSeconds", manifest["spec"].get("terminationGracePeriodSeconds", 30))
    else:
        meta.setdefault("deletionGracePeriodSeconds", 0)
    if served.counts_generation:
        meta["generation"] = meta.get("generation", 0) + 1


def spec_changed(manifest: Manifest, old: Manifest) -> bool:
    ignored = {"metadata", "status"}
    return {k: v for k, v in manifest.items() if k not in ignored} != {k: v for k, v in old.items() if k not in ignored}
