"""Server-side apply: what a manager wants, merged with what others own, or a conflict that names them.

Lists merge by key as `fields` knows them; every other list is one value. Fields that a manager
applied before and leaves out now go, unless someone else owns them too.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from drsync.model.resource import Manifest
from drsync.sandbox import ownership
from drsync.sandbox.answers import ApiError
from drsync.sandbox.fields import CONTAINER, DuplicateKey, Path, fields_of, item_key, list_keys, shown_path
from drsync.sandbox.ownership import Manager, Owned, Ownership
from drsync.sandbox.registry import Place, Registry, WriteOptions
from drsync.sandbox.tree import is_list, is_map


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """One apply request."""

    wanted: Manifest
    manager: Manager
    force: bool
    options: WriteOptions


def apply(registry: Registry, place: Place, application: Application) -> tuple[bool, Manifest]:
    """Applies; says whether the object is new, and what it is now."""
    wanted = application.wanted
    if wanted.get("metadata", {}).get("managedFields"):
        raise ApiError(400, "metadata.managedFields must be nil")
    mine = _applied_fields(place, wanted)
    if registry.storage.get(place.served.resource, place.key) is None:
        return True, _create(registry, place, application, mine)
    live = registry.get(place)
    before = ownership.read(live)
    now = ownership_time(registry)
    _settle_conflicts(place, live, before, application, mine)
    merged = _merge(live, wanted, "", custom=place.served.custom)
    previous = before[application.manager].paths if application.manager in before else set[Path]()
    others = {path for manager, owned in before.items() if manager != application.manager for path in owned.paths}
    # Items of lists before what is in them, while their keys can still be found.
    for path in sorted(previous - set(mine) - others, key=len):
        _drop(merged, path)
    changes = _lose(before, application.manager, live, merged, custom=place.served.custom)
    if application.manager not in before or previous != set(mine):
        # As on the real server: who comes to own fields without changing any gets no time.
        before[application.manager] = Owned(now if changes else "", set(mine))
    merged["metadata"]["resourceVersion"] = (
        wanted.get("metadata", {}).get("resourceVersion") or live["metadata"]["resourceVersion"]
    )
    options = replace(application.options, ownership=before)
    return False, registry.replace(place, merged, options, patched=True)


def ownership_time(registry: Registry) -> str:
    return registry.now().strftime("%Y-%m-%dT%H:%M:%SZ")


def _applied_fields(place: Place, wanted: Manifest) -> dict[Path, Any]:
    try:
        return fields_of(wanted, custom=place.served.custom, applied=True)
    except DuplicateKey as error:
        kind = place.served.kind
        named = wanted.get("metadata", {})
        what = f"{named.get('namespace', '')}/{named.get('name', '')}; {kind.api_version}, Kind={kind.kind}"
        raise ApiError(500, f"failed to create typed patch object ({what}): {error}") from error


def _create(registry: Registry, place: Place, application: Application, mine: Mapping[Path, Any]) -> Manifest:
    wanted = application.wanted
    wanted.setdefault("metadata", {}).setdefault("name", place.name)
    owned = {application.manager: Owned(ownership_time(registry), set(mine))}
    return registry.create(place, wanted, replace(application.options, ownership=owned))


def _settle_conflicts(
    place: Place, live: Manifest, before: Ownership, application: Application, mine: Mapping[Path, Any]
) -> None:
    current = fields_of(live, custom=place.served.custom)
    differing = {path for path, value in mine.items() if value is not CONTAINER and current.get(path) != value}
    clashes: dict[Manager, list[Path]] = defaultdict(list)
    for manager, owned in before.items():
        if manager != application.manager:
            clashes[manager] = sorted(path for path in differing if path in owned.paths)
    clashes = {manager: paths for manager, paths in clashes.items() if paths}
    if clashes and not application.force:
        raise _conflict(clashes)
    for manager, paths in clashes.items():
        before[manager].paths -= set(paths)


def _conflict(clashes: Mapping[Manager, list[Path]]) -> ApiError:
    found = [(_named(manager), shown_path(path)) for manager in sorted(clashes) for path in clashes[manager]]
    causes = [{"reason": "FieldManagerConflict", "message": f"conflict with {who}", "field": at} for who, at in found]
    if len(found) == 1:
        said = f"Apply failed with 1 conflict: conflict with {found[0][0]}: {found[0][1]}"
    else:
        lines = [
            f"conflicts with {_named(manager)}:\n" + "\n".join(f"- {shown_path(path)}" for path in clashes[manager])
            for manager in sorted(clashes)
        ]
        said = f"Apply failed with {len(found)} conflicts: " + "\n".join(lines)
    return ApiError(409, said, reason="Conflict", details={"causes": causes})


def _named(manager: Manager) -> str:
    name = msgspec.json.encode(manager.name).decode()
    part = f' with subresource "{manager.subresource}"' if manager.subresource else ""
    return f"{name}{part}" + (f" using {manager.api_version}" if manager.operation == "Update" else "")


def _merge(live: Any, wanted: Any, dotted: str, *, custom: bool) -> Any:
    """`wanted` laid over `live`; maps merge, keyed lists merge by key, all else is replaced."""
    if is_map(wanted) and is_map(live):
        merged: dict[str, Any] = dict(live)
        for key, value in wanted.items():
            below = f"{dotted}.{key}" if dotted else str(key)
            merged[key] = _merge(merged.get(key), value, below, custom=custom)
        return merged
    if is_list(wanted) and is_list(live) and wanted:
        name = dotted.rpartition(".")[2]
        if name == "finalizers":
            return [*live, *(item for item in wanted if item not in live)]
        keys = list_keys(name, wanted, custom=custom, dotted=dotted)
        if keys:
            return _merge_items(live, wanted, keys, dotted, custom=custom)
    return wanted


def _merge_items(live: list[Any], wanted: list[Any], keys: tuple[str, ...], dotted: str, *, custom: bool) -> list[Any]:
    """The order is that of the live list, with new items behind."""
    asked = {item_key(item, keys): item for item in wanted}
    merged = [
        _merge(item, asked.pop(key), f"{dotted}[]", custom=custom) if (key := item_key(item, keys)) in asked else item
        for item in live
    ]
    return [*merged, *asked.values()]


def _drop(manifest: Any, path: Path) -> None:
    """Takes one path away, and maps that this leaves empty."""
    trail: list[tuple[Any, str | int]] = []
    node = manifest
    for element in path:
        at = _find(node, element)
        if at is None:
            return
        trail.append((node, at))
        node = node[at]
    if is_map(node) and node and not path[-1].startswith("k:"):
        return
    holder, at = trail.pop()
    del holder[at]
    while trail and not holder:
        holder, at = trail.pop()
        del holder[at]


def _find(node: Any, element: str) -> str | int | None:
    if element.startswith("f:"):
        return element[2:] if is_map(node) and element[2:] in node else None
    if not is_list(node):
        return None
    value: Any = msgspec.json.decode(element[2:])
    for index, item in enumerate(node):
        if element.startswith("v:") and item == value:
            return index
        if element.startswith("k:") and is_map(item) and item_key(item, tuple(value)) == element:
            return index
    return None


def _lose(before: Ownership, manager: Manager, live: Manifest, merged: Manifest, *, custom: bool) -> bool:
    """Others lose what this apply changed or took away; says whether it changed anything."""
    old, new = fields_of(live, custom=custom), fields_of(merged, custom=custom)
    touched = {path for path, value in old.items() if path not in new or new[path] != value}
    for other, owned in before.items():
        if other != manager:
            owned.paths -= touched
    return old != new
