"""The fields that an object has, as field managers own them.

A path is a tuple of `f:name`, `k:{"name":"x"}` and `v:"x"` elements, as in `fieldsV1`. What the
real server reads from each kind's schema stands here in three short tables, so lists and maps
outside of them count as one value; custom resources' lists always do.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from drsync.model.resource import Manifest
from drsync.sandbox.tree import is_list, is_map

Path = tuple[str, ...]

CONTAINER: Final = object()
"""The value of a map or an item that is owned for being there, whatever is in it."""

LIST_KEYS: Mapping[str, tuple[str, ...]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "ephemeralContainers": ("name",),
    "volumes": ("name",),
    "volumeDevices": ("devicePath",),
    "volumeMounts": ("mountPath",),
    "env": ("name",),
    "imagePullSecrets": ("name",),
    "hostAliases": ("ip",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
    "conditions": ("type",),
    "ownerReferences": ("uid",),
    "webhooks": ("name",),
    "secrets": ("name",),
}
_DEFAULTED_KEYS: Mapping[str, Any] = {"protocol": "TCP"}
_SETS = {"finalizers"}
_ATOMIC = {"selector", "labelSelector", "podSelector", "namespaceSelector", "nodeSelector", "roleRef"}
_STRUCTS = {
    "metadata",
    "spec",
    "status",
    "spec.template",
    "spec.template.metadata",
    "spec.template.spec",
    "spec.template.spec.containers",
    "spec.jobTemplate",
    "spec.jobTemplate.spec",
    "spec.jobTemplate.spec.template",
    "spec.jobTemplate.spec.template.spec",
    "spec.jobTemplate.spec.template.spec.containers",
    "spec.strategy",
    "spec.updateStrategy",
    "spec.containers",
    "spec.resources",
    "spec.names",
    "spec.podSelector",
    "spec.jobTemplate.metadata",
    "spec.jobTemplate.spec.template.metadata",
    "status.loadBalancer",
}
_UNOWNED = {
    "apiVersion",
    "kind",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "metadata.resourceVersion",
    "metadata.creationTimestamp",
    "metadata.generation",
    "metadata.selfLink",
    "metadata.managedFields",
    "metadata.deletionTimestamp",
    "metadata.deletionGracePeriodSeconds",
}


class DuplicateKey(Exception):
    """A list that is a map by key names one key twice."""


def fields_of(manifest: Manifest, *, custom: bool, applied: bool = False) -> dict[Path, Any]:
    """Every ownable path with its value. `applied`: as an apply owns them, maps and structs not for themselves."""
    found: dict[Path, Any] = {}
    for name, value in manifest.items():
        if name not in _UNOWNED and (value is not None or applied):
            _walk(found, (f"f:{name}",), name, value, _Mode(custom=custom, applied=applied))
    return found


class _Mode(msgspec.Struct, frozen=True):
    custom: bool
    applied: bool


def _walk(found: dict[Path, Any], path: Path, dotted: str, value: Any, mode: _Mode) -> None:
    name = path[-1][2:]
    if is_map(value) and value and name not in _ATOMIC:
        _walk_map(found, path, dotted, value, mode)
    elif is_list(value) and value and (keys := list_keys(name, value, custom=mode.custom, dotted=dotted)):
        _walk_items(found, path, dotted, value, keys, mode)
    elif is_list(value) and name in _SETS:
        if not mode.applied:
            found[path] = CONTAINER
        for item in value:
            found[*path, "v:" + msgspec.json.encode(item).decode()] = item
    elif value != {} or mode.custom or dotted not in _STRUCTS:
        found[path] = value


def _walk_map(found: dict[Path, Any], path: Path, dotted: str, fields: Mapping[str, Any], mode: _Mode) -> None:
    if not mode.applied and (dotted not in _STRUCTS or (mode.custom and dotted != "metadata")):
        found[path] = CONTAINER
    for key, inner in fields.items():
        below = f"{dotted}.{key}"
        if below not in _UNOWNED and (inner is not None or mode.applied):
            _walk(found, (*path, f"f:{key}"), below, inner, mode)


def _walk_items(
    found: dict[Path, Any], path: Path, dotted: str, items: list[Any], keys: tuple[str, ...], mode: _Mode
) -> None:
    if not mode.applied and dotted not in _STRUCTS:
        found[path] = CONTAINER
    for item in items:
        at = (*path, item_key(item, keys))
        if at in found and mode.applied:
            shown = ",".join(f'{key}="{item.get(key)}"' for key in keys)
            raise DuplicateKey(f"{shown_path(path)}: duplicate entries for key [{shown}]")
        found[at] = CONTAINER
        for key, inner in item.items():
            if inner is not None:
                _walk(found, (*at, f"f:{key}"), f"{dotted}[].{key}", inner, mode)


def list_keys(name: str, items: list[Any], *, custom: bool, dotted: str) -> tuple[str, ...]:
    """The fields that tell a list's items apart; empty for a list that is one value."""
    if custom and not dotted.startswith("metadata."):
        return ()
    if not all(is_map(item) for item in items):
        return ()
    keys = LIST_KEYS.get(name, ())
    if name == "ports":
        keys = ("containerPort", "protocol") if "containerPort" in items[0] else ("port", "protocol")
    return keys if keys and all(_has_keys(item, keys) for item in items) else ()


def _has_keys(item: Mapping[str, Any], keys: Iterable[str]) -> bool:
    return all(key in item or key in _DEFAULTED_KEYS for key in keys)


def item_key(item: Mapping[str, Any], keys: tuple[str, ...]) -> str:
    values = {key: item.get(key, _DEFAULTED_KEYS.get(key)) for key in keys}
    return "k:" + msgspec.json.encode(values).decode()


def to_fields_v1(paths: Iterable[Path]) -> dict[str, Any]:
    """A set of paths as `fieldsV1` nests it."""
    tree: dict[str, Any] = {}
    owned = set(paths)
    for path in sorted(owned):
        node = tree
        for depth, element in enumerate(path, start=1):
            node = node.setdefault(element, {})
            if path[:depth] in owned and depth < len(path):
                node.setdefault(".", {})
    return tree


def from_fields_v1(tree: Mapping[str, Any], prefix: Path = ()) -> Iterator[Path]:
    """The paths that a `fieldsV1` names."""
    for element, below in tree.items():
        if element == ".":
            yield prefix
        elif below:
            yield from from_fields_v1(below, (*prefix, element))
        else:
            yield (*prefix, element)


def shown_path(path: Path) -> str:
    """A path as conflicts name it: `.spec.containers[name="c"].image`."""
    return "".join(_shown_element(element) for element in path)


def _shown_element(element: str) -> str:
    if element.startswith("f:"):
        return f".{element[2:]}"
    if element.startswith("v:"):
        return f"[={element[2:]}]"
    keys: dict[str, Any] = msgspec.json.decode(element[2:])
    return "[" + ",".join(f"{key}={msgspec.json.encode(value).decode()}" for key, value in keys.items()) + "]"
