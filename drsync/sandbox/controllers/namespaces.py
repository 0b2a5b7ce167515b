"""What each namespace gets, and how it is emptied before it goes."""

from typing import Any

from drsync.model.resource import Manifest
from drsync.sandbox.answers import ApiError
from drsync.sandbox.controllers.control import Control, dying
from drsync.sandbox.metadata import timestamp
from drsync.sandbox.registry import DeleteOptions
from drsync.sandbox.tree import branch, leaves

_ROOT_CERTIFICATE = "The sandbox speaks plain HTTP on loopback and has no certificate.\n"
_PLAIN_CONDITIONS = {
    "NamespaceDeletionDiscoveryFailure": ("ResourcesDiscovered", "All resources successfully discovered"),
    "NamespaceDeletionGroupVersionParsingFailure": ("ParsedGroupVersions", "All legacy kube types successfully parsed"),
    "NamespaceDeletionContentFailure": (
        "ContentDeleted",
        "All content successfully deleted, may be waiting on finalization",
    ),
}


def reconcile(control: Control, key: str) -> None:
    namespace = control.get("namespaces", key)
    if namespace is None:
        return
    if not dying(namespace):
        control.create("serviceaccounts", key, {"metadata": {"name": "default"}})
        data = {"ca.crt": _ROOT_CERTIFICATE}
        control.create("configmaps", key, {"metadata": {"name": "kube-root-ca.crt"}, "data": data})
        return
    _empty(control, key)
    left = _content(control, key)
    if left:
        _tell(control, key, namespace, left)
    elif not leaves(namespace, "metadata", "finalizers"):
        control.registry.finish_delete(control.place("namespaces", key))


def _empty(control: Control, name: str) -> None:
    for served in {one.resource: one for one in control.registry.kinds if one.kind.namespaced}.values():
        for place in control.registry.places(served, name):
            try:
                control.registry.delete(place, DeleteOptions(propagation="Background"))
            except ApiError as error:
                if error.code != 404:
                    raise


def _content(control: Control, name: str) -> dict[str, list[Manifest]]:
    found: dict[str, list[Manifest]] = {}
    for resource in {one.resource for one in control.registry.kinds if one.kind.namespaced}:
        objects = [manifest for _, manifest in control.all(resource, name)]
        if objects:
            found[resource] = objects
    return found


def _tell(control: Control, key: str, namespace: Manifest, left: dict[str, list[Manifest]]) -> None:
    """What still holds the namespace, in the words of the real server."""
    holders: dict[str, int] = {}
    for manifest in (one for objects in left.values() for one in objects):
        for finalizer in leaves(manifest, "metadata", "finalizers"):
            holders[finalizer] = holders.get(finalizer, 0) + 1
    remaining = ", ".join(f"{_dotted(r)} has {len(objects)} resource instances" for r, objects in sorted(left.items()))
    held = ", ".join(f"{name} in {count} resource instances" for name, count in sorted(holders.items()))
    told = dict(_PLAIN_CONDITIONS)
    conditions = [_condition(kind, "False", *words) for kind, words in told.items()]
    conditions.append(
        _condition(
            "NamespaceContentRemaining", "True", "SomeResourcesRemain", f"Some resources are remaining: {remaining}"
        )
    )
    if holders:
        message = f"Some content in the namespace has finalizers remaining: {held}"
        conditions.append(_condition("NamespaceFinalizersRemaining", "True", "SomeFinalizersRemain", message))
    before = {one["type"]: one for one in leaves(namespace, "status", "conditions")}
    for condition in conditions:
        same = before.get(condition["type"], {})
        if same.get("status") == condition["status"]:
            condition["lastTransitionTime"] = same["lastTransitionTime"]
    control.set_status("namespaces", key, {**branch(namespace, "status"), "conditions": conditions})


def _condition(kind: str, status: str, reason: str, message: str) -> dict[str, Any]:
    return {
        "type": kind,
        "status": status,
        "lastTransitionTime": timestamp(),
        "reason": reason,
        "message": message,
    }


def _dotted(resource: str) -> str:
    return resource if "." in resource else f"{resource}."
