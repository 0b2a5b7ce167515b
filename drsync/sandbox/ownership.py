"""Which manager owns which field (`metadata.managedFields`), kept up by every write."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from drsync.model.resource import Manifest
from drsync.sandbox.fields import Path, fields_of, from_fields_v1, to_fields_v1
from drsync.sandbox.kinds import ServedKind


@dataclass(frozen=True, slots=True, order=True)
class Manager:
    """Who writes, and how."""

    operation: str
    """`Apply` or `Update`."""
    name: str
    api_version: str
    subresource: str = ""


@dataclass(slots=True)
class Owned:
    """What one manager owns, since when."""

    time: str
    paths: set[Path]


Ownership = dict[Manager, Owned]


def read(manifest: Manifest) -> Ownership:
    """Raises ValueError, KeyError or AttributeError on entries that do not make sense."""
    found: Ownership = {}
    for entry in manifest["metadata"].get("managedFields") or ():
        manager = Manager(entry["operation"], entry["manager"], entry["apiVersion"], entry.get("subresource", ""))
        found[manager] = Owned(entry.get("time", ""), set(from_fields_v1(entry.get("fieldsV1") or {})))
    return found


def write(manifest: Manifest, ownership: Ownership) -> None:
    """Puts the ownership into the manifest, leaving out who owns nothing."""
    entries: list[dict[str, Any]] = []
    for manager, owned in sorted(ownership.items(), key=lambda one: (one[0].operation, one[1].time, one[0])):
        if not owned.paths:
            continue
        entry: dict[str, Any] = {
            "manager": manager.name,
            "operation": manager.operation,
            "apiVersion": manager.api_version,
            **({"time": owned.time} if owned.time else {}),
            "fieldsType": "FieldsV1",
            "fieldsV1": to_fields_v1(owned.paths),
        }
        if manager.subresource:
            entry["subresource"] = manager.subresource
        entries.append(entry)
    manifest["metadata"].pop("managedFields", None)
    if entries:
        manifest["metadata"]["managedFields"] = entries


def created(manifest: Manifest, manager: Manager, *, served: ServedKind, now: str) -> None:
    """Everything in a new object belongs to who made it, but for what the server added of its own."""
    sent = {key: value for key, value in manifest.items() if not (served.has_status and key == "status")}
    if served.resource == "namespaces":
        sent.pop("spec", None)
    write(manifest, {manager: Owned(now, set(fields_of(sent, custom=served.custom)))})


def updated(manifest: Manifest, old: Manifest, manager: Manager, *, custom: bool, now: str) -> None:
    """What an update changed becomes the updater's; a sent `managedFields` replaces what was known."""
    if manifest["metadata"].get("managedFields") == [{}]:
        # One empty entry asks to forget who owns what.
        write(manifest, {})
        return
    ownership = _told(manifest, old)
    before, after = fields_of(old, custom=custom), fields_of(manifest, custom=custom)
    changed = {path for path, value in after.items() if path not in before or before[path] != value}
    gone = before.keys() - after.keys()
    for owned in ownership.values():
        owned.paths -= changed | gone
    if changed:
        mine = ownership.setdefault(manager, Owned(now, set()))
        mine.paths |= changed
        mine.time = now
    write(manifest, ownership)


def _told(manifest: Manifest, old: Manifest) -> Ownership:
    """The ownership that the update itself names, if it names one that makes sense."""
    try:
        return read(manifest) or read(old)
    except (ValueError, KeyError, AttributeError, TypeError):
        return read(old)


def same_but_times(new: Manifest, old: Manifest) -> bool:
    """Whether a write would change nothing but when fields were touched."""
    return _timeless(new) == _timeless(old)


def _timeless(manifest: Manifest) -> dict[str, Any]:
    meta = {key: value for key, value in manifest["metadata"].items() if key != "resourceVersion"}
    entries: Iterable[Mapping[str, Any]] = meta.get("managedFields") or ()
    meta["managedFields"] = [{key: value for key, value in entry.items() if key != "time"} for entry in entries]
    return {**manifest, "metadata": meta}
