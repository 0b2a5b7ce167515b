"""The transforms of one restore, composed; and what they cannot turn, told."""

from collections.abc import Callable
from functools import reduce

import msgspec

from drsync.fields import LAST_APPLIED, edit, group_and_kind, last_applied, mapping, metadata, text
from drsync.model.request import RestoreRequest
from drsync.model.resource import Manifest
from drsync.transforms.leftovers import leftovers
from drsync.transforms.namespaces import map_namespaces
from drsync.transforms.storage_classes import map_storage_classes

Transform = Callable[[Manifest], Manifest]
"""Never changes its argument."""


def build(request: RestoreRequest) -> Transform:
    """Namespace map, then storage class map; the identity when the request maps nothing.

    What `kubectl apply` remembers of an object is turned with it, so that the next apply does not
    turn it back.
    """
    steps: list[Transform] = []
    if request.namespace_map:
        steps.append(map_namespaces(request.namespace_map))
    if request.storage_class_map:
        steps.append(map_storage_classes(request.storage_class_map))
    if not steps:
        return _unchanged

    def turn(manifest: Manifest) -> Manifest:
        result = reduce(lambda it, step: step(it), steps, manifest)
        if result is manifest or not mapping(metadata(manifest).get("annotations")).get(LAST_APPLIED):
            return result
        remembered = last_applied(manifest)
        turned = reduce(lambda it, step: step(it), steps, remembered)
        if turned is remembered:
            return result
        encoded = msgspec.json.encode(turned).decode() + "\n"
        return edit(result, ("metadata", "annotations"), lambda them: {**them, LAST_APPLIED: encoded})

    return turn


def notices(request: RestoreRequest, manifest: Manifest) -> tuple[str, ...]:
    """Places in an object of the point that name a mapped namespace and are left as they are."""
    if not request.namespace_map:
        return ()
    return leftovers(manifest, map_namespaces(request.namespace_map)(manifest), request.namespace_map)


def superseded(request: RestoreRequest, manifest: Manifest) -> str | None:
    """Why an object is not written because of a map; None when it is."""
    name = text(metadata(manifest).get("name"))
    new = request.storage_class_map.get(name)
    if new is None or group_and_kind(manifest) != ("storage.k8s.io", "StorageClass"):
        return None
    return f"Claims of this storage class get {new} instead."


def _unchanged(manifest: Manifest) -> Manifest:
    return manifest
