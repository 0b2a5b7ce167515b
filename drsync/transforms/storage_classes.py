"""Storage classes, turned in claims and wherever claims are made from a template."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, cast

from drsync.fields import Fields, group_and_kind, items, mapping
from drsync.model.resource import Manifest

_FIELDS: Final = ("storageClassName", "volume.beta.kubernetes.io/storage-class")
_WITHOUT: Final = frozenset({("", "ConfigMap"), ("", "Secret"), ("storage.k8s.io", "StorageClass")})
"""Kinds that are the most numerous and never name a class, and the class itself."""


def map_storage_classes(names: Mapping[str, str]) -> Callable[[Manifest], Manifest]:
    """Turns every field `storageClassName`: operators have claim templates in custom resources too."""
    return partial(_turn, names)


def _turn(names: Mapping[str, str], manifest: Manifest) -> Manifest:
    return manifest if group_and_kind(manifest) in _WITHOUT else _fields(names, manifest)


def _fields(names: Mapping[str, str], fields: Fields) -> Fields:
    result = fields
    for name, value in fields.items():
        if isinstance(value, dict | list):
            turned = _inside(names, cast("object", value))
        elif name in _FIELDS and isinstance(value, str):
            turned = names.get(value, value)
        else:
            continue
        if turned is not value:
            result = {**result, name: turned}
    return result


def _inside(names: Mapping[str, str], value: Any) -> Any:
    if isinstance(value, dict):
        return _fields(names, mapping(cast("object", value)))
    if not isinstance(value, list):
        return value
    before = items(cast("object", value))
    after = [_inside(names, item) for item in before]
    return after if any(new is not old for new, old in zip(after, before, strict=True)) else before
