"""Reads decoded objects without trusting their shape: what is not there, or not a mapping, is empty."""

from typing import Any, cast

import msgspec

from drsync.model.resource import Manifest, ResourceObject


def manifest_of(item: ResourceObject) -> Manifest:
    """The object, decoded. Lists leave `apiVersion` and `kind` out for built-in kinds; so may this."""
    return msgspec.json.decode(item.raw, type=dict[str, Any])


def section(manifest: Manifest, *names: str) -> Manifest:
    """The mapping at this path, or an empty one."""
    value: Any = manifest
    for name in names:
        value = cast("Manifest", value).get(name)
        if not isinstance(value, dict):
            return {}
    return cast("Manifest", value)


def entries(manifest: Manifest, *names: str) -> list[Manifest]:
    """The mappings of the list at this path."""
    value: Any = section(manifest, *names[:-1]).get(names[-1])
    if not isinstance(value, list):
        return []
    return [cast("Manifest", entry) for entry in cast("list[Any]", value) if isinstance(entry, dict)]


def text(manifest: Manifest, *names: str) -> str:
    """The string at this path, or an empty one."""
    value = section(manifest, *names[:-1]).get(names[-1])
    return value if isinstance(value, str) else ""
