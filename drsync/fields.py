"""Reading and changing decoded JSON whose shape nobody promised; changes always make new values."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final, cast

import msgspec

Fields = dict[str, Any]

Path = tuple[str | int, ...]
"""Where a value stands: keys and places in lists."""

LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
"""The annotation in which `kubectl apply` remembers what it was given."""

decode: Callable[[bytes], Fields] = msgspec.json.Decoder(dict[str, Any]).decode


def mapping(value: Any) -> Fields:
    """The value if it is a mapping, else an empty one."""
    return cast("Fields", value) if isinstance(value, dict) else {}


def items(value: Any) -> list[Any]:
    """The value if it is a list, else an empty one."""
    return cast("list[Any]", value) if isinstance(value, list) else []


def mappings(value: Any) -> list[Fields]:
    """The mappings among the value's items."""
    return [cast("Fields", item) for item in items(value) if isinstance(item, dict)]


def text(value: Any) -> str:
    """The value if it is text, else nothing."""
    return value if isinstance(value, str) else ""


def without(fields: Fields, names: Collection[str]) -> Fields:
    """The fields but for those named; the same object when there are none of them."""
    if not any(name in fields for name in names):
        return fields
    return {name: value for name, value in fields.items() if name not in names}


def changed(fields: Fields, name: str, value: Any) -> Fields:
    """The fields with one of them set; what has become empty, or None, goes away."""
    if name in fields and fields[name] is value:
        return fields
    if value is None or value in ({}, []):
        return without(fields, (name,))
    return {**fields, name: value}


def edit(fields: Fields, path: tuple[str, ...], change: Callable[[Fields], Fields]) -> Fields:
    """The fields with the mapping at `path` changed; unchanged where there is no such mapping."""
    if not path:
        return change(fields)
    inner = fields.get(path[0])
    if not isinstance(inner, dict):
        return fields
    return changed(fields, path[0], edit(cast("Fields", inner), path[1:], change))


def edit_each(fields: Fields, name: str, change: Callable[[Fields], Fields]) -> Fields:
    """The fields with every mapping in the list `name` changed."""
    inner = fields.get(name)
    if not isinstance(inner, list):
        return fields
    before = cast("list[Any]", inner)
    after = [change(cast("Fields", item)) if isinstance(item, dict) else item for item in before]
    if all(new is old for new, old in zip(after, before, strict=True)):
        return fields
    return {**fields, name: after}


def metadata(manifest: Mapping[str, Any]) -> Fields:
    return mapping(manifest.get("metadata"))


def group_and_kind(manifest: Mapping[str, Any]) -> tuple[str, str]:
    """(`apps`, `Deployment`); the core group is empty."""
    group, slash, _ = text(manifest.get("apiVersion")).rpartition("/")
    return (group if slash else ""), text(manifest.get("kind"))


def last_applied(manifest: Mapping[str, Any]) -> Fields:
    """What `kubectl apply` was given last; empty when it was not used, or wrote nonsense."""
    annotation = mapping(metadata(manifest).get("annotations")).get(LAST_APPLIED)
    try:
        return decode(text(annotation).encode()) if annotation else {}
    except (msgspec.DecodeError, UnicodeEncodeError):
        return {}


def spell(path: Path) -> str:
    """`spec.ports[0].port`; a key with a dot or a slash stands in brackets: `data["app.yaml"]`."""
    spelled = ""
    for part in path:
        if isinstance(part, int):
            spelled += f"[{part}]"
        elif "." in part or "/" in part:
            spelled += f'["{part}"]'
        else:
            spelled += f".{part}" if spelled else part
    return spelled
