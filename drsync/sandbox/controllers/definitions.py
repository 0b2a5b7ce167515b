"""Custom kinds: served once their definition is accepted, taken away with all their objects."""

from typing import Any

from drsync.model.resource import Manifest, ResourceKind
from drsync.sandbox.admission import CUSTOM_CLEANUP, DEFINITIONS
from drsync.sandbox.controllers.control import Control, dying
from drsync.sandbox.kinds import VERBS, Kinds, ServedKind
from drsync.sandbox.metadata import timestamp
from drsync.sandbox.registry import DeleteOptions
from drsync.sandbox.tree import branch, leaves

RESOURCE = DEFINITIONS


def reconcile(control: Control, key: str) -> None:
    definition = control.get(RESOURCE, key)
    if definition is None:
        control.registry.kinds.remove(key)
        return
    if dying(definition):
        _take_away(control, key, definition)
        return
    serve(control.registry.kinds, definition)
    control.set_status(RESOURCE, key, _established(definition))


def serve(kinds: Kinds, definition: Manifest) -> None:
    """Serves every version that is to be served, the preferred one first."""
    kinds.remove(definition["metadata"]["name"])
    versions = [version for version in definition["spec"]["versions"] if version.get("served")]
    for version in sorted(versions, key=lambda version: _priority(str(version["name"]))):
        kinds.add(_served(definition["spec"], version))


def _priority(version: str) -> tuple[int, int, int, str]:
    """v2 before v1 before v1beta2 before v1alpha1, and anything else by name."""
    text = version.removeprefix("v")
    for rank, word in enumerate(("", "beta", "alpha")):
        major, found, minor = text.partition(word) if word else (text, "", "")
        if major.isdigit() and (not word or (found and minor.isdigit())):
            return (rank, -int(major), -int(minor or 0), "")
    return (3, 0, 0, version)


def _served(spec: dict[str, Any], version: dict[str, Any]) -> ServedKind:
    names = spec["names"]
    return ServedKind(
        kind=ResourceKind(
            group=spec["group"],
            version=version["name"],
            resource=names["plural"],
            kind=names["kind"],
            namespaced=spec.get("scope") == "Namespaced",
            verbs=frozenset(VERBS),
        ),
        singular=names.get("singular") or names["kind"].lower(),
        short_names=tuple(names.get("shortNames") or ()),
        categories=tuple(names.get("categories") or ()),
        has_status="status" in branch(version, "subresources"),
        counts_generation=True,
        schema=branch(version, "schema", "openAPIV3Schema"),
        list_kind=names.get("listKind") or f"{names['kind']}List",
    )


def _established(definition: Manifest) -> dict[str, Any]:
    before = {one["type"]: one for one in leaves(definition, "status", "conditions")}
    told = (
        ("NamesAccepted", "NoConflicts", "no conflicts found"),
        ("Established", "InitialNamesAccepted", "the initial names have been accepted"),
    )
    conditions = [
        before.get(kind)
        or {
            "type": kind,
            "status": "True",
            "lastTransitionTime": timestamp(),
            "reason": reason,
            "message": message,
        }
        for kind, reason, message in told
    ]
    return {
        "conditions": conditions,
        "acceptedNames": definition["spec"]["names"],
        "storedVersions": leaves(definition, "status", "storedVersions"),
    }


def _take_away(control: Control, key: str, definition: Manifest) -> None:
    served = control.registry.kinds.of_resource(key)
    if served is not None:
        for place in control.registry.places(served):
            control.registry.delete(place, DeleteOptions(propagation="Background"))
        if control.registry.storage.keys(key):
            return
    if leaves(definition, "metadata", "finalizers") == [CUSTOM_CLEANUP]:
        control.registry.kinds.remove(key)
    control.drop_finalizer(RESOURCE, key, CUSTOM_CLEANUP)
