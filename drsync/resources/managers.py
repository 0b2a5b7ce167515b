"""Field ownership: handed back to the appliers that had it, so that their next apply has no conflict."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from drsync.fields import Fields, items, mapping, mappings, metadata, text
from drsync.model.resource import Manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedBy:
    """One server-side applier of a captured object, and the part of the object that it owned."""

    manager: str
    body: Manifest
    """To be applied under the manager's name: its fields alone, with the values of the restore."""


def appliers(captured: Manifest, desired: Manifest) -> tuple[AppliedBy, ...]:
    """Who had applied the captured object, and what each would apply again."""
    return tuple(
        AppliedBy(manager=text(entry.get("manager")), body=_body(mapping(entry.get("fieldsV1")), desired))
        for entry in _entries(captured)
        if entry.get("operation") == "Apply"
    )


def ownership(captured: Manifest) -> list[dict[str, Any]]:
    """`metadata.managedFields` to patch in after a create; empty when nobody had applied the object.

    All managers of the main resource come back as they were, and drsync owns nothing any more.
    """
    entries = list(_entries(captured))
    return entries if any(entry.get("operation") == "Apply" for entry in entries) else []


def _entries(captured: Manifest) -> Iterator[Fields]:
    """The managers of the object itself; status and scale have their own."""
    for entry in mappings(metadata(captured).get("managedFields")):
        if not entry.get("subresource") and entry.get("manager"):
            yield entry


def _body(owned: Fields, desired: Manifest) -> Manifest:
    picked = mapping(_pick(owned, desired))
    names = {name: metadata(desired)[name] for name in ("name", "namespace") if name in metadata(desired)}
    head = {name: desired[name] for name in ("apiVersion", "kind") if name in desired}
    return {**picked, **head, "metadata": {**mapping(picked.get("metadata")), **names}}


def _pick(owned: Fields, value: Any) -> Any:
    """The part of `value` that a field set names; all of it when the set is a leaf."""
    if not owned:
        return value
    if isinstance(value, dict):
        fields = mapping(value)
        wanted = {key[2:]: mapping(inner) for key, inner in owned.items() if key.startswith("f:")}
        return {name: _pick(inner, fields[name]) for name, inner in wanted.items() if name in fields}
    return [picked for item in items(value) for picked in _pick_item(owned, item)]


def _pick_item(owned: Fields, item: Any) -> Iterator[Any]:
    """The item of a list, if the set names it: by its keys (`k:`) or by its value (`v:`)."""
    for key, inner in owned.items():
        kind, _, spelled = key.partition(":")
        if kind not in ("k", "v") or (named := _decoded(spelled)) is None:
            continue
        if kind == "v" and named == item:
            yield item
        elif kind == "k" and isinstance(item, dict) and _has(mapping(item), mapping(named)):
            # The keys themselves must be in what is applied, even where the set does not list them.
            yield {**mapping(named), **mapping(_pick(mapping(inner), item))}


def _has(item: Fields, keys: Fields) -> bool:
    # `protocol` is a key of ports, and its default may be left out.
    return all(item.get(name, "TCP" if name == "protocol" else None) == value for name, value in keys.items())


def _decoded(spelled: str) -> Any:
    try:
        return msgspec.json.decode(spelled)
    except msgspec.DecodeError:
        return None
