"""What a URL, a query and a body ask for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import yaml

from drsync.model.resource import Manifest
from drsync.sandbox import answers, patches
from drsync.sandbox.answers import ApiError, Cause
from drsync.sandbox.kinds import Kinds, ServedKind
from drsync.sandbox.registry import DeleteOptions, Place, WriteOptions
from drsync.sandbox.tree import is_map

_POLICIES = ("Foreground", "Background", "Orphan")
_MAX_MANAGER_BYTES = 128


@dataclass(frozen=True, slots=True)
class ResourcePath:
    """`/api/v1/…` or `/apis/GROUP/VERSION/…` in parts."""

    group: str
    version: str
    parts: tuple[str, ...]


def resource_path(path: str) -> ResourcePath | None:
    """None for a path that is not below a version."""
    match path.strip("/").split("/"):
        case ["api", "v1", *parts]:
            return ResourcePath("", "v1", tuple(parts))
        case ["apis", group, version, *parts]:
            return ResourcePath(group, version, tuple(parts))
        case _:
            return None


def place(kinds: Kinds, path: ResourcePath) -> Place:
    """The object or collection that a path names; 404 when nothing of it is served."""
    namespace, parts = "", path.parts
    if len(parts) >= 3 and parts[0] == "namespaces" and parts[2] not in ("status", "finalize"):
        namespace, parts = parts[1], parts[2:]
    served = kinds.find(path.group, path.version, parts[0]) if parts else None
    if served is None or len(parts) > 3 or bool(namespace) > served.kind.namespaced:
        raise answers.no_such_resource()
    padded = [*parts[1:], "", ""]
    name, subresource = padded[0], padded[1]
    if subresource and not (subresource == "status" and served.has_status):
        raise answers.no_such_resource()
    if name and served.kind.namespaced and not namespace:
        raise answers.no_such_resource()
    return Place(served=served, namespace=namespace, name=name, subresource=subresource)


def manifest(served: ServedKind, body: bytes, media_type: str, *, strict: bool = False) -> Manifest:
    """The body as an object of that kind, without kind and apiVersion. `strict`: the body must name its kind."""
    # A request without a media type shows here as octets; the real server takes it for JSON.
    if media_type not in ("application/json", "application/yaml", "application/octet-stream"):
        raise answers.unsupported(
            "the body of the request was in an unknown format - accepted media types include: "
            "application/json, application/yaml"
        )
    decoded = decode(body, as_yaml=media_type == "application/yaml", kind=served.kind.kind)
    if strict and not (decoded.get("kind") and decoded.get("apiVersion")):
        raise ApiError(400, "invalid object type: /, Kind=")
    return strip_kind(served, decoded)


def decode(body: bytes, *, as_yaml: bool, kind: str) -> Manifest:
    try:
        decoded: Any = _decode_yaml(body) if as_yaml else msgspec.json.decode(body)
    except (msgspec.MsgspecError, yaml.YAMLError, UnicodeDecodeError) as error:
        why = "unexpected end of JSON input" if not body or "truncated" in str(error) else str(error)
        raise _unrecognized(kind, why) from error
    if not is_map(decoded):
        raise _unrecognized(kind, "json: cannot unmarshal into Go value of type struct")
    return decoded


def _decode_yaml(body: bytes) -> Any:
    """JSON is YAML, and read much faster as what it is."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return yaml.safe_load(body)


def _unrecognized(kind: str, why: str) -> ApiError:
    opening = f"the object provided is unrecognized (must be of type {kind})"
    return ApiError(400, f"{opening}: couldn't get version/kind; json parse error: {why}")


def strip_kind(served: ServedKind, decoded: Manifest) -> Manifest:
    """Takes kind and apiVersion off, once they are found right."""
    kind, version = decoded.pop("kind", ""), decoded.pop("apiVersion", "")
    if served.custom and (not kind or not version):
        raise ApiError(400, "Object 'Kind' is missing in the body" if not kind else "apiVersion is missing in the body")
    if version and version != served.kind.api_version:
        raise ApiError(
            400,
            f"the API version in the data ({version}) does not match the expected API version "
            f"({served.kind.api_version})",
        )
    if kind and kind != served.kind.kind:
        wanted = served.kind.kind
        raise ApiError(400, f'{kind} in version "{version}" cannot be handled as a {wanted}: unknown conversion')
    return decoded


def write_options(query: Mapping[str, str], user_agent: str, *, verb: str) -> WriteOptions:
    """`verb` is Create, Update or Patch, and names the options in a refusal."""
    kind = f"{verb}Options"
    manager = query.get("fieldManager", "")
    if len(manager.encode()) > _MAX_MANAGER_BYTES:
        why = f"Too long: may not be more than {_MAX_MANAGER_BYTES} bytes"
        raise answers.invalid_options(kind, [Cause("FieldValueTooLong", why, "fieldManager")])
    asked = manager or user_agent.split("/", maxsplit=1)[0] or "unknown"
    return WriteOptions(manager=asked, dry_run=_dry_run(query.get("dryRun", ""), kind))


def patch_options(query: Mapping[str, str], user_agent: str, media_type: str) -> WriteOptions:
    """As for other writes, and an apply must say who applies; nothing else may be forced."""
    if media_type == patches.APPLY:
        if not query.get("fieldManager"):
            cause = Cause("FieldValueRequired", "Required value: is required for apply patch", "fieldManager")
            raise answers.invalid_options("PatchOptions", [cause])
    elif query.get("force"):
        cause = Cause("FieldValueForbidden", "Forbidden: may not be specified for non-apply patch", "force")
        raise answers.invalid_options("PatchOptions", [cause])
    return write_options(query, user_agent, verb="Patch")


def _dry_run(asked: str, kind: str) -> bool:
    if asked not in ("", "All"):
        why = f'Unsupported value: ["{asked}"]: supported values: "All"'
        raise answers.invalid_options(kind, [Cause("FieldValueNotSupported", why, "dryRun")])
    return asked == "All"


def delete_options(query: Mapping[str, str], body: bytes) -> DeleteOptions:
    """From the body, or the query where there is none."""
    asked: dict[str, Any] = decode(body, as_yaml=False, kind="DeleteOptions") if body else {}
    policy = asked.get("propagationPolicy") or query.get("propagationPolicy", "")
    if policy and policy not in _POLICIES:
        listed = ", ".join(f'"{name}"' for name in (*_POLICIES, "nil"))
        why = f'Unsupported value: "{policy}": supported values: {listed}'
        raise answers.invalid_options("DeleteOptions", [Cause("FieldValueNotSupported", why, "propagationPolicy")])
    conditions: dict[str, Any] = asked.get("preconditions") or {}
    dry: list[str] = asked.get("dryRun") or [query.get("dryRun", "")]
    return DeleteOptions(
        uid=conditions.get("uid") or "",
        resource_version=conditions.get("resourceVersion") or "",
        propagation=policy,
        dry_run=_dry_run(dry[0], "DeleteOptions"),
    )
