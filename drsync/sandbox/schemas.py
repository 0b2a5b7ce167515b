"""Custom resources against their schema: unknown fields are dropped, wrong ones refused.

Of structural schemas this checks type, required, enum, pattern, bounds of numbers and lengths,
and fills in defaults. Formats and validation rules in CEL are not checked.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from drsync.sandbox.answers import Cause
from drsync.sandbox.tree import branch, is_list, is_map

_TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
}
_NAMES: tuple[tuple[type, str], ...] = (
    *((bool, "boolean"), (int, "integer"), (float, "number"), (str, "string")),
    *((list, "array"), (object, "object")),
)
_TOP = ("metadata", "kind", "apiVersion")


def prune(value: Any, schema: Mapping[str, Any], *, top: bool = False) -> None:
    """Drops what the schema does not name and fills in its defaults, in place."""
    if is_list(value):
        for item in value:
            prune(item, branch(schema, "items"))
    elif is_map(value):
        _prune_map(value, schema, kept=_TOP if top else ())


def _prune_map(value: dict[str, Any], schema: Mapping[str, Any], *, kept: tuple[str, ...]) -> None:
    known, others = branch(schema, "properties"), schema.get("additionalProperties")
    free = any(schema.get(word) for word in ("x-kubernetes-preserve-unknown-fields", "x-kubernetes-embedded-resource"))
    for name in value.keys() - set(kept):
        if name in known:
            prune(value[name], known[name])
        elif is_map(others):
            prune(value[name], others)
        elif not (free or others):
            del value[name]
    for name, inner in known.items():
        if "default" in inner and name not in value:
            value[name] = msgspec.json.decode(msgspec.json.encode(inner["default"]))


def faults(value: Any, schema: Mapping[str, Any], path: str = "") -> Iterator[Cause]:
    """What the schema refuses."""
    if value is None and schema.get("nullable"):
        return
    if schema.get("x-kubernetes-int-or-string"):
        if not isinstance(value, (int, str)):
            yield _wrong_type(value, "integer,string", path)
        return
    kind = str(schema.get("type"))
    if kind in _TYPES and not _is(value, kind):
        yield _wrong_type(value, kind, path)
        return
    yield from _value_faults(value, schema, path)
    if is_map(value):
        yield from _map_faults(value, schema, path)
    elif is_list(value):
        for index, item in enumerate(value):
            yield from faults(item, branch(schema, "items"), f"{path}[{index}]")


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES[kind])


def _wrong_type(value: Any, wanted: str, path: str) -> Cause:
    found = "null" if value is None else next(name for kind, name in _NAMES if isinstance(value, kind))
    what = f'Invalid value: "{found}": {path} in body must be of type {wanted}: "{found}"'
    return Cause("FieldValueTypeInvalid", what, path)


def _map_faults(value: Mapping[str, Any], schema: Mapping[str, Any], path: str) -> Iterator[Cause]:
    for name in schema.get("required") or ():
        if name not in value:
            yield Cause("FieldValueRequired", "Required value", _below(path, name))
    known, others = branch(schema, "properties"), branch(schema, "additionalProperties")
    for name, inner in value.items():
        if not path and name in _TOP:
            continue
        yield from faults(inner, known.get(name, others), _below(path, name))


def _value_faults(value: Any, schema: Mapping[str, Any], path: str) -> Iterator[Cause]:
    if "enum" in schema and value not in schema["enum"]:
        listed = ", ".join(f'"{one}"' for one in schema["enum"])
        yield Cause("FieldValueNotSupported", f'Unsupported value: "{value}": supported values: {listed}', path)
    if isinstance(value, str):
        yield from _text_faults(value, schema, path)
    elif isinstance(value, (int, float)):
        if "minimum" in schema and value < schema["minimum"]:
            why = f"{path} in body should be greater than or equal to {schema['minimum']}"
            yield Cause("FieldValueInvalid", f"Invalid value: {value}: {why}", path)
        if "maximum" in schema and value > schema["maximum"]:
            why = f"{path} in body should be less than or equal to {schema['maximum']}"
            yield Cause("FieldValueInvalid", f"Invalid value: {value}: {why}", path)


def _text_faults(value: str, schema: Mapping[str, Any], path: str) -> Iterator[Cause]:
    if "pattern" in schema and not re.search(schema["pattern"], value):
        why = f"{path} in body should match '{schema['pattern']}'"
        yield Cause("FieldValueInvalid", f'Invalid value: "{value}": {why}', path)
    if "maxLength" in schema and len(value) > schema["maxLength"]:
        yield Cause("FieldValueTooLong", f"Too long: may not be more than {schema['maxLength']} bytes", path)
    if len(value) < schema.get("minLength", 0):
        why = f"{path} in body should be at least {schema['minLength']} chars long"
        yield Cause("FieldValueInvalid", f'Invalid value: "{value}": {why}', path)


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
