"""What the server fills in and refuses in `metadata`, the same for every kind."""

import re
import secrets
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from drsync.model.resource import Manifest
from drsync.sandbox.answers import ApiError, Cause
from drsync.sandbox.kinds import ServedKind

_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_NAME_PART = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_LABEL_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")

_SUBDOMAIN_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', "
    "and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_DNS_LABEL_RULE = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end "
    "with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_NAME_PART_RULE = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
    "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
_LABEL_VALUE_RULE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
_LABEL_NAMED = {"namespaces", "services"}
_SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
_GENERATED_FROM = 58
"""So much of a generateName is used: with its suffix, a name is a DNS label."""
_STANDARD_FINALIZERS = {"orphan", "foregroundDeletion", "kubernetes"}

_SERVER_OWNED = ("uid", "creationTimestamp", "selfLink", "managedFields", "deletionTimestamp")
_KEPT = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation", "generateName")


class _Owner(msgspec.Struct):
    apiVersion: str = ""  # noqa: N815
    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool | None = None
    blockOwnerDeletion: bool | None = None  # noqa: N815


class _Metadata(msgspec.Struct):
    """The types that metadata has; anything else cannot be decoded."""

    name: str | None = None
    generateName: str | None = None  # noqa: N815
    namespace: str | None = None
    uid: str | None = None
    resourceVersion: str | None = None  # noqa: N815
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    finalizers: list[str] | None = None
    ownerReferences: list[_Owner] | None = None  # noqa: N815
    managedFields: list[dict[str, Any]] | None = None  # noqa: N815


def timestamp(now: datetime | None = None) -> str:
    return (now or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")


def of(manifest: Manifest) -> dict[str, Any]:
    """The `metadata` of a body, made when it is not there."""
    meta = manifest.setdefault("metadata", {})
    if meta is None:
        meta = manifest["metadata"] = {}
    try:
        msgspec.convert(meta, _Metadata)
    except msgspec.ValidationError as error:
        raise ApiError(
            400, f"json: cannot unmarshal into Go struct field .metadata of type v1.ObjectMeta: {error}"
        ) from error
    return meta  # pyright: ignore[reportUnknownVariableType]


def begin(served: ServedKind, manifest: Manifest, namespace: str, *, now: datetime) -> None:
    """Fills in what the server decides for a new object."""
    meta = of(manifest)
    if meta.get("resourceVersion"):
        raise ApiError(500, "resourceVersion should not be set on objects to be created")
    settle_namespace(meta, namespace)
    tidy(meta)
    for field in _SERVER_OWNED:
        meta.pop(field, None)
    if not meta.get("name") and meta.get("generateName"):
        suffix = "".join(secrets.choice(_SUFFIX_LETTERS) for _ in range(5))
        meta["name"] = meta["generateName"][:_GENERATED_FROM] + suffix
    meta["uid"] = str(uuid.uuid4())
    meta["creationTimestamp"] = timestamp(now)
    if served.counts_generation:
        meta["generation"] = 1


def carry_over(manifest: Manifest, old: Manifest) -> None:
    """Puts back what an update cannot change."""
    meta, before = of(manifest), old["metadata"]
    for field in _KEPT:
        if field in before:
            meta[field] = before[field]
        else:
            meta.pop(field, None)
    meta.pop("selfLink", None)
    tidy(meta)


def tidy(meta: dict[str, Any]) -> None:
    """Empty lists and maps are not kept."""
    for field in ("finalizers", "ownerReferences", "labels", "annotations"):
        if field in meta and not meta[field]:
            del meta[field]


def settle_namespace(meta: dict[str, Any], namespace: str) -> None:
    if namespace and meta.get("namespace") not in (None, "", namespace):
        message = "the namespace of the provided object does not match the namespace sent on the request"
        raise ApiError(400, message)
    if namespace:
        meta["namespace"] = namespace
    else:
        meta.pop("namespace", None)


def faults(served: ServedKind, manifest: Manifest) -> Iterator[Cause]:
    """What is wrong with an object's metadata."""
    meta = manifest["metadata"]
    if too_long := _too_long(meta.get("generateName") or "", 253):
        yield _wrong(meta["generateName"], too_long, "metadata.generateName")
    yield from _name_faults(served, meta.get("name") or "")
    yield from _label_faults(meta.get("labels") or {})
    annotations: dict[str, str] = meta.get("annotations") or {}
    for key in annotations:
        yield from _key_faults(key.lower(), "metadata.annotations")
    yield from _owner_faults(meta.get("ownerReferences") or [])
    for index, finalizer in enumerate(meta.get("finalizers") or ()):
        if not served.kind.group and "/" not in finalizer and finalizer not in _STANDARD_FINALIZERS:
            why = "name is neither a standard finalizer name nor is it fully qualified"
            yield _wrong(finalizer, why, f"metadata.finalizers[{index}]")


def finalizer_faults(manifest: Manifest, old: Manifest) -> Iterator[Cause]:
    """A dying object may lose finalizers, and gain none."""
    if "deletionTimestamp" not in old["metadata"]:
        return
    before = old["metadata"].get("finalizers") or ()
    fresh = [f for f in manifest["metadata"].get("finalizers") or () if f not in before]
    if fresh:
        listed = ", ".join(f'"{name}"' for name in fresh)
        why = "Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers "
        yield Cause("FieldValueForbidden", f"{why}[]string{{{listed}}}", "metadata.finalizers")


def _name_faults(served: ServedKind, name: str) -> Iterator[Cause]:
    field = "metadata.name"
    if not name:
        yield Cause("FieldValueRequired", "Required value: name or generateName is required", field)
    elif served.kind.group == "rbac.authorization.k8s.io":
        if name in (".", "..") or "/" in name or "%" in name:
            yield _wrong(name, "may not contain '/' or '%'", field)
    elif served.resource in _LABEL_NAMED:
        if len(name) > 63 or not _DNS_LABEL.fullmatch(name):
            yield _wrong(name, _too_long(name, 63) or _DNS_LABEL_RULE, field)
    elif len(name) > 253 or not _SUBDOMAIN.fullmatch(name):
        yield _wrong(name, _too_long(name, 253) or _SUBDOMAIN_RULE, field)


def _too_long(name: str, limit: int) -> str:
    return f"must be no more than {limit} bytes" if len(name) > limit else ""


def _label_faults(labels: Mapping[str, str]) -> Iterator[Cause]:
    for key, value in labels.items():
        yield from _key_faults(key, "metadata.labels")
        if len(value) > 63:
            yield _wrong(value, "must be no more than 63 bytes", "metadata.labels")
        elif not _LABEL_VALUE.fullmatch(value):
            yield _wrong(value, _LABEL_VALUE_RULE, "metadata.labels")


def _key_faults(key: str, field: str) -> Iterator[Cause]:
    prefix, slash, name = key.rpartition("/")
    if not _NAME_PART.fullmatch(name) or len(name) > 63:
        yield _wrong(key, _NAME_PART_RULE, field)
    elif slash and not _SUBDOMAIN.fullmatch(prefix):
        yield _wrong(key, f"prefix part {_SUBDOMAIN_RULE}", field)


def _owner_faults(owners: list[dict[str, Any]]) -> Iterator[Cause]:
    for index, owner in enumerate(owners):
        for field in ("apiVersion", "kind", "name", "uid"):
            if not owner.get(field):
                where = f"metadata.ownerReferences[{index}].{field}"
                yield Cause("FieldValueRequired", "Required value: must not be empty", where)
    heads = [owner for owner in owners if owner.get("controller")]
    if len(heads) > 1:
        first, second = (f"{head.get('kind')}/{head.get('name')}" for head in heads[:2])
        why = f'Only one reference can have Controller set to true. Found "true" in references for {first} and {second}'
        text = msgspec.json.encode(owners).decode()
        yield Cause("FieldValueInvalid", f"Invalid value: {text}: {why}", "metadata.ownerReferences")


def _wrong(value: str, why: str, field: str) -> Cause:
    return Cause("FieldValueInvalid", f'Invalid value: "{value}": {why}', field)
