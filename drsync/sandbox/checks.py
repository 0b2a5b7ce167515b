"""What each built-in kind is refused for: the rules that a restore can run into."""

import binascii
import re
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from drsync.model.resource import Manifest
from drsync.sandbox import selectors
from drsync.sandbox.answers import ApiError, Cause
from drsync.sandbox.kinds import ServedKind
from drsync.sandbox.tree import branch, leaves

_CONFIG_KEY = re.compile(r"[-._a-zA-Z0-9]+")
_CONFIG_KEY_RULE = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  "
    "or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)
_CLAIM_RULE = (
    "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"
)
_POD_RULE = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)
_STATEFUL_SET_RULE = (
    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', "
    "'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
)
_STATEFUL_SET_FREE = (
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
)
_SELECTING = ("deployments.apps", "replicasets.apps", "statefulsets.apps", "daemonsets.apps")
_GO_TYPES: tuple[tuple[type, str], ...] = ((bool, "bool"), (int, "number"), (float, "number"), (list, "array"))
_TEXT_MAPS = {"configmaps": ("data",), "secrets": ("data", "stringData")}


def decodable(served: ServedKind, manifest: Manifest) -> None:
    """400 for what the real server cannot decode at all."""
    for field in _TEXT_MAPS.get(served.resource, ()):
        entries: dict[str, Any] = manifest.get(field) or {}
        for value in entries.values():
            if not isinstance(value, str):
                found = next((name for kind, name in _GO_TYPES if isinstance(value, kind)), "object")
                where = f"{served.kind.kind}.{field}"
                raise _undecodable(
                    served, f"json: cannot unmarshal {found} into Go struct field {where} of type string"
                )
    if served.resource == "secrets":
        held: dict[str, str] = manifest.get("data") or {}
        for value in held.values():
            try:
                b64decode(value, validate=True)
            except binascii.Error as error:
                raise _undecodable(served, "illegal base64 data at input byte 0") from error


def _undecodable(served: ServedKind, why: str) -> ApiError:
    kind = served.kind
    return ApiError(400, f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}: {why}')


def faults(served: ServedKind, manifest: Manifest) -> Iterator[Cause]:
    """What is wrong with an object, its metadata apart."""
    check = _NEW.get(served.resource)
    if check is not None:
        yield from check(manifest)
    if served.resource in _SELECTING:
        yield from _selection(manifest["spec"])


def update_faults(served: ServedKind, manifest: Manifest, old: Manifest) -> Iterator[Cause]:
    """What may not change."""
    check = _CHANGED.get(served.resource)
    if check is not None:
        yield from check(manifest, old)
    if served.resource in _SELECTING and manifest["spec"].get("selector") != old["spec"].get("selector"):
        yield _immutable(manifest["spec"].get("selector"), "spec.selector", "field is immutable")


def _config_map(manifest: Manifest) -> Iterator[Cause]:
    for field in ("data", "binaryData"):
        entries: dict[str, str] = manifest.get(field) or {}
        for key in entries:
            if not _CONFIG_KEY.fullmatch(key) or len(key) > 253:
                yield _bad(f'"{key}"', _CONFIG_KEY_RULE, f"{field}[{key}]")


def _service(manifest: Manifest) -> Iterator[Cause]:
    spec = branch(manifest, "spec")
    if not spec.get("ports") and spec.get("clusterIP") != "None" and spec.get("type") != "ExternalName":
        yield _required("spec.ports")
    for index, port in enumerate(leaves(spec, "ports")):
        number = port.get("port")
        if not isinstance(number, int) or not 0 < number < 65536:
            yield _bad(f"{number}", "must be between 1 and 65535, inclusive", f"spec.ports[{index}].port")


def _claim(manifest: Manifest) -> Iterator[Cause]:
    spec = branch(manifest, "spec")
    if not spec.get("accessModes"):
        yield Cause("FieldValueRequired", "Required value: at least 1 access mode is required", "spec.accessModes")
    if not branch(spec, "resources", "requests").get("storage"):
        yield _required("spec.resources[storage]")


def _volume(manifest: Manifest) -> Iterator[Cause]:
    spec = branch(manifest, "spec")
    if not spec.get("accessModes"):
        yield _required("spec.accessModes")
    if not spec.get("capacity"):
        yield _required("spec.capacity")


def _selection(spec: Mapping[str, Any]) -> Iterator[Cause]:
    if not spec.get("selector"):
        yield _required("spec.selector")
    template = {"metadata": branch(spec, "template", "metadata")}
    if not spec.get("selector") or not selectors.label_selector(spec["selector"])(template):
        labels = msgspec.json.encode(template["metadata"].get("labels")).decode()
        yield _bad(labels, "`selector` does not match template `labels`", "spec.template.metadata.labels")


def _pod(manifest: Manifest) -> Iterator[Cause]:
    if not branch(manifest, "spec").get("containers"):
        yield _required("spec.containers")


def _definition(manifest: Manifest) -> Iterator[Cause]:
    spec = branch(manifest, "spec")
    names = branch(spec, "names")
    if manifest["metadata"].get("name") != f"{names.get('plural')}.{spec.get('group')}":
        yield _bad(f'"{manifest["metadata"].get("name")}"', 'must be spec.names.plural+"."+spec.group', "metadata.name")
    versions = leaves(spec, "versions")
    if sum(1 for version in versions if version.get("storage")) != 1:
        yield Cause("FieldValueInvalid", "must have exactly one version marked as storage version", "spec.versions")
    for field in ("plural", "kind"):
        if not isinstance(names.get(field), str):
            yield _required(f"spec.names.{field}")
    for index, version in enumerate(versions):
        if not isinstance(version.get("name"), str):
            yield _required(f"spec.versions[{index}].name")
        if not branch(version, "schema").get("openAPIV3Schema"):
            where = f"spec.versions[{index}].schema.openAPIV3Schema"
            yield Cause("FieldValueRequired", "Required value: schemas are required", where)


def _claim_changed(manifest: Manifest, old: Manifest) -> Iterator[Cause]:
    if _without_requests(manifest, old) != _without_requests(old, old):
        yield Cause("FieldValueForbidden", f"Forbidden: {_CLAIM_RULE}", "spec")


def _without_requests(manifest: Manifest, old: Manifest) -> dict[str, Any]:
    """A claim's spec without what may change: sizes, and the volume where none was named yet."""
    free = {"resources", "volumeAttributesClassName"}
    if not old["spec"].get("volumeName"):
        free.add("volumeName")
    if old["spec"].get("storageClassName") is None:
        free.add("storageClassName")
    return {key: value for key, value in manifest["spec"].items() if key not in free}


def _pod_changed(manifest: Manifest, old: Manifest) -> Iterator[Cause]:
    if _without_images(manifest["spec"]) != _without_images(old["spec"]):
        yield Cause("FieldValueForbidden", f"Forbidden: {_POD_RULE}", "spec")


def _without_images(spec: Mapping[str, Any]) -> dict[str, Any]:
    free = ("activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds", "nodeName")
    kept = {key: value for key, value in spec.items() if key not in free}
    for name in ("containers", "initContainers"):
        kept[name] = [{k: v for k, v in container.items() if k != "image"} for container in spec.get(name) or ()]
    return kept


def _service_changed(manifest: Manifest, old: Manifest) -> Iterator[Cause]:
    new, before = manifest["spec"].get("clusterIP"), old["spec"].get("clusterIP")
    if before and new != before and manifest["spec"].get("type") != "ExternalName":
        yield _immutable([new], "spec.clusterIPs[0]", "may not change once set")


def _stateful_set_changed(manifest: Manifest, old: Manifest) -> Iterator[Cause]:
    fixed = [{k: v for k, v in m["spec"].items() if k not in _STATEFUL_SET_FREE} for m in (manifest, old)]
    if fixed[0] != fixed[1]:
        yield Cause("FieldValueForbidden", f"Forbidden: {_STATEFUL_SET_RULE}", "spec")


def _job_changed(manifest: Manifest, old: Manifest) -> Iterator[Cause]:
    for field in ("selector", "template", "completions"):
        if manifest["spec"].get(field) != old["spec"].get(field):
            yield _immutable(manifest["spec"].get(field), f"spec.{field}", "field is immutable")


def _binding_changed(manifest: Manifest, old: Manifest) -> Iterator[Cause]:
    if manifest.get("roleRef") != old.get("roleRef"):
        yield _immutable(manifest.get("roleRef"), "roleRef", "field is immutable")


def _config_changed(manifest: Manifest, old: Manifest) -> Iterator[Cause]:
    if manifest.get("type") != old.get("type"):
        yield _immutable(manifest.get("type"), "type", "field is immutable")
    if old.get("immutable"):
        for field in ("data", "binaryData"):
            if manifest.get(field) != old.get(field):
                why = "Forbidden: field is immutable when `immutable` is set"
                yield Cause("FieldValueForbidden", why, field)


def _class_changed(manifest: Manifest, old: Manifest) -> Iterator[Cause]:
    for field in ("provisioner", "reclaimPolicy", "volumeBindingMode", "parameters"):
        if manifest.get(field) != old.get(field):
            yield Cause("FieldValueForbidden", f"Forbidden: updates to {field} are forbidden.", field)


def _required(field: str) -> Cause:
    return Cause("FieldValueRequired", "Required value", field)


def _bad(shown: str, why: str, field: str) -> Cause:
    return Cause("FieldValueInvalid", f"Invalid value: {shown}: {why}", field)


def _immutable(value: Any, field: str, why: str) -> Cause:
    return _bad(msgspec.json.encode(value).decode(), why, field)


_NEW: Mapping[str, Callable[[Manifest], Iterator[Cause]]] = {
    "configmaps": _config_map,
    "secrets": _config_map,
    "services": _service,
    "persistentvolumeclaims": _claim,
    "persistentvolumes": _volume,
    "pods": _pod,
    "customresourcedefinitions.apiextensions.k8s.io": _definition,
}
_CHANGED: Mapping[str, Callable[[Manifest, Manifest], Iterator[Cause]]] = {
    "configmaps": _config_changed,
    "secrets": _config_changed,
    "services": _service_changed,
    "persistentvolumeclaims": _claim_changed,
    "pods": _pod_changed,
    "statefulsets.apps": _stateful_set_changed,
    "jobs.batch": _job_changed,
    "rolebindings.rbac.authorization.k8s.io": _binding_changed,
    "clusterrolebindings.rbac.authorization.k8s.io": _binding_changed,
    "storageclasses.storage.k8s.io": _class_changed,
}
