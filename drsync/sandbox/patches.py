"""Merge patches (RFC 7396) and JSON patches (RFC 6902) on decoded objects."""

from typing import Any

import msgspec

from drsync.model.resource import Manifest
from drsync.sandbox.answers import ApiError
from drsync.sandbox.tree import is_list, is_map

MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"


def patch(manifest: Manifest, body: bytes, media_type: str) -> Manifest:
    """The patched object; the one given may be changed on the way."""
    try:
        decoded: Any = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ApiError(400, "invalid JSON patch") from error
    if media_type == JSON_PATCH:
        return _json_patch(manifest, decoded)
    if not is_map(decoded):
        raise ApiError(400, "invalid JSON patch")
    return merge(manifest, decoded)


def merge(target: Any, change: Any) -> Any:
    """`null` takes a field away, a map goes into a map, all else replaces."""
    if not is_map(change):
        return change
    merged: dict[str, Any] = dict(target) if is_map(target) else {}
    for key, value in change.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge(merged.get(key), value)
    return merged


def _json_patch(manifest: Manifest, operations: Any) -> Manifest:
    refused = ApiError(
        422, "the server rejected our request due to an error in our request", reason="Invalid", details={}
    )
    if not is_list(operations):
        raise ApiError(400, "json: cannot unmarshal into Go value of type jsonpatch.Patch")
    root: Any = manifest
    for operation in operations:
        try:
            root = _operate(root, operation)
        except (KeyError, IndexError, ValueError, TypeError) as error:
            raise refused from error
    return root


def _operate(root: Any, operation: dict[str, Any]) -> Any:
    kind, path = operation["op"], _pointer(operation["path"])
    match kind:
        case "test":
            if _read(root, path) != operation["value"]:
                raise ValueError("test failed")
        case "add":
            return _put(root, path, operation["value"], insert=True)
        case "replace":
            _read(root, path)
            return _put(root, path, operation["value"], insert=False)
        case "remove":
            _take(root, path)
        case "move":
            return _put(root, path, _take(root, _pointer(operation["from"])), insert=True)
        case "copy":
            value = msgspec.json.decode(msgspec.json.encode(_read(root, _pointer(operation["from"]))))
            return _put(root, path, value, insert=True)
        case _:
            raise ValueError(kind)
    return root


def _pointer(text: str) -> list[str]:
    if text and not text.startswith("/"):
        raise ValueError(text)
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def _read(root: Any, path: list[str]) -> Any:
    for part in path:
        root = root[_index(root, part)]
    return root


def _take(root: Any, path: list[str]) -> Any:
    parent = _read(root, path[:-1])
    return parent.pop(_index(parent, path[-1]))


def _put(root: Any, path: list[str], value: Any, *, insert: bool) -> Any:
    if not path:
        return value
    parent = _read(root, path[:-1])
    if not is_list(parent):
        parent[path[-1]] = value
    elif not insert:
        parent[_index(parent, path[-1])] = value
    else:
        at: int = len(parent) if path[-1] == "-" else int(path[-1])
        if not 0 <= at <= len(parent):
            raise IndexError(at)
        parent.insert(at, value)
    return root


def _index(holder: Any, part: str) -> Any:
    """A list's place, checked; a map's key."""
    if not is_list(holder):
        return part
    at = int(part)
    if not 0 <= at < len(holder):
        raise IndexError(part)
    return at
