"""A stored object's facts, read from its own JSON again."""

import msgspec

from drsync.model.resource import Owner, ResourceKind, ResourceObject
from drsync.repository.seal import damaged


class _Owner(msgspec.Struct, rename="camel"):
    api_version: str = ""
    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool | None = None


class _Metadata(msgspec.Struct, rename="camel"):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    labels: dict[str, str] | None = None
    owner_references: tuple[_Owner, ...] | None = None
    deletion_timestamp: str | None = None


class _Object(msgspec.Struct):
    metadata: _Metadata


_decoder = msgspec.json.Decoder(_Object)


def read_object(kind: ResourceKind, namespace: str, name: str, raw: bytes) -> ResourceObject:
    """Raises IntegrityError when the JSON is not of the object that it is stored as."""
    what = f"Object {kind.group_resource} {namespace}/{name}" if namespace else f"Object {kind.group_resource} {name}"
    try:
        metadata = _decoder.decode(raw).metadata
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise damaged(what, "it is not an object's JSON") from error
    if (metadata.namespace, metadata.name) != (namespace, name):
        raise damaged(what, "it holds another object")
    owners = metadata.owner_references or ()
    return ResourceObject(
        kind=kind,
        namespace=namespace,
        name=name,
        uid=metadata.uid,
        resource_version=metadata.resource_version,
        labels=metadata.labels or {},
        owners=tuple(
            Owner(api_version=o.api_version, kind=o.kind, name=o.name, uid=o.uid, controller=bool(o.controller))
            for o in owners
        ),
        terminating=metadata.deletion_timestamp is not None,
        raw=raw,
    )
