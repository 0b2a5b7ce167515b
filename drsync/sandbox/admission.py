"""What an object gets and is refused on its way in, and how it dies."""

import secrets
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from drsync.model.resource import Manifest
from drsync.sandbox import addresses, answers, checks, defaults, metadata, schemas
from drsync.sandbox.answers import Cause
from drsync.sandbox.kinds import ServedKind
from drsync.sandbox.storage import Storage
from drsync.sandbox.tree import branch, is_map, leaves

_ETERNAL = {"default", "kube-system", "kube-public"}
_TOKEN_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105
_NAMESPACE_FIELD = {"apiVersion": "v1", "fieldPath": "metadata.namespace"}
_TOKEN_SOURCES: list[dict[str, Any]] = [
    {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
    {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
    {
        "downwardAPI": {
            "items": [{"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]
        }
    },
]
_TOP_FIELDS = {
    *("metadata", "spec", "status", "data", "binaryData", "stringData", "immutable", "type", "template", "revision"),
    *("rules", "aggregationRule", "roleRef", "subjects", "secrets", "imagePullSecrets", "automountServiceAccountToken"),
    *("provisioner", "parameters", "reclaimPolicy", "volumeBindingMode", "allowVolumeExpansion", "mountOptions"),
    *("allowedTopologies", "value", "globalDefault", "description", "preemptionPolicy", "handler", "overhead"),
    *("scheduling", "webhooks", "subsets", "addressType", "endpoints", "ports", "involvedObject", "reason", "message"),
    *("source", "firstTimestamp", "lastTimestamp", "count", "eventTime", "series", "action", "related"),
    *("reportingComponent", "reportingInstance"),
}
"""Every top-level field that a built-in kind has; others are dropped, as by the real server."""
_EVICTING = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
DEFINITIONS = "customresourcedefinitions.apiextensions.k8s.io"
CUSTOM_CLEANUP = "customresourcecleanup.apiextensions.k8s.io"
"""Holds a definition until its objects are gone."""
ORPHANING = {"jobs.batch", "replicationcontrollers"}
"""Deleting one of these leaves its dependents, unless the request says otherwise."""


def complete(served: ServedKind, manifest: Manifest) -> None:
    """What decoding a new or replaced object does: unknown fields go, defaults come."""
    if served.custom:
        schemas.prune(manifest, served.schema or {}, top=True)
        return
    for name in manifest.keys() - _TOP_FIELDS:
        del manifest[name]
    checks.decodable(served, manifest)
    if served.has_status and not is_map(manifest.get("spec")):
        manifest["spec"] = {}
    defaults.apply(served.resource, manifest)
    if served.resource == "services":
        addresses.complete(manifest)
    elif served.resource == "namespaces":
        meta = manifest["metadata"]
        meta["labels"] = {**(meta.get("labels") or {}), "kubernetes.io/metadata.name": meta.get("name") or ""}


def begin(served: ServedKind, manifest: Manifest) -> None:
    """A new object has no status of its own; its kind's defaults come."""
    if served.has_status and served.resource != "nodes":
        manifest.pop("status", None)
    complete(served, manifest)


def admit_new(served: ServedKind, manifest: Manifest, storage: Storage) -> None:
    """What the server adds to a new object of its own accord."""
    match served.resource:
        case "namespaces":
            manifest["spec"] = {"finalizers": ["kubernetes"]}
            manifest["status"] = {"phase": "Active"}
        case "services":
            manifest["status"] = {"loadBalancer": {}}
        case "persistentvolumeclaims":
            defaults.protect(manifest, "kubernetes.io/pvc-protection")
            _name_default_class(manifest, storage)
        case "persistentvolumes":
            defaults.protect(manifest, "kubernetes.io/pv-protection")
            manifest["status"]["lastPhaseTransitionTime"] = manifest["metadata"]["creationTimestamp"]
        case "jobs.batch":
            defaults.job_labels(manifest)
        case "pods":
            _admit_pod(served, manifest, storage)
        case _:
            pass


def admit_update(served: ServedKind, manifest: Manifest, old: Manifest, *, subresource: str) -> Manifest:
    """What of an update counts: the status alone, or everything but it."""
    if subresource == "status":
        meta = {**old["metadata"]}
        if "managedFields" in manifest["metadata"]:
            meta["managedFields"] = manifest["metadata"]["managedFields"]
        kept = {key: value for key, value in old.items() if key != "status"}
        status = {"status": manifest["status"]} if manifest.get("status") is not None else {}
        return {**kept, **status, "metadata": meta}
    if served.has_status:
        manifest.pop("status", None)
        if "status" in old:
            manifest["status"] = old["status"]
    complete(served, manifest)
    if served.resource == "namespaces":
        manifest["spec"] = old["spec"]
    return manifest


def faults(served: ServedKind, manifest: Manifest) -> Iterator[Cause]:
    if served.custom:
        yield from schemas.faults(manifest, served.schema or {})
    else:
        yield from checks.faults(served, manifest)


def refuse_over_quota(served: ServedKind, namespace: str, name: str, storage: Storage) -> None:
    """403 when a ResourceQuota allows no more objects of the kind."""
    for key in storage.keys("resourcequotas"):
        if key.partition("/")[0] != namespace:
            continue
        quota = (storage.current("resourcequotas")[key]).manifest()
        hard: dict[str, str] = quota["spec"].get("hard") or {}
        for counted in (served.kind.resource if not served.kind.group else "", f"count/{served.resource}"):
            used = sum(1 for one in storage.current(served.resource) if one.startswith(f"{namespace}/"))
            if counted in hard and used >= int(hard[counted]):
                why = f"requested: {counted}=1, used: {counted}={used}, limited: {counted}={hard[counted]}"
                raise answers.forbidden(served, name, f"exceeded quota: {quota['metadata']['name']}, {why}")


def refuse_delete(served: ServedKind, name: str) -> None:
    if served.resource == "namespaces" and name in _ETERNAL:
        raise answers.forbidden(served, name, "this namespace may not be deleted")


def dies_slowly(served: ServedKind, manifest: Manifest) -> bool:
    """Whether someone else has work to do before the object may go."""
    if served.resource == "namespaces":
        return bool(manifest["spec"].get("finalizers"))
    return served.resource == "pods" and bool(manifest["spec"].get("nodeName"))


def finalizers_of_death(served: ServedKind, manifest: Manifest) -> list[str]:
    """What the server itself puts on an object that is to die."""
    if served.resource == DEFINITIONS and CUSTOM_CLEANUP not in leaves(manifest, "metadata", "finalizers"):
        return [CUSTOM_CLEANUP]
    return []


def mark_dying(served: ServedKind, manifest: Manifest, *, now: datetime) -> None:
    meta = manifest["metadata"]
    if "deletionTimestamp" in meta:
        return
    meta["deletionTimestamp"] = metadata.timestamp(now)
    if served.resource == "namespaces":
        manifest["status"] = {**manifest.get("status", {}), "phase": "Terminating"}
    elif served.resource == "pods":
        meta["deletionGracePeriodSeconds"] = manifest["spec"].get("terminationGracePeriodSeconds", 30)
    else:
        meta["deletionGracePeriodSeconds"] = 0
    if meta.get("generation"):
        meta["generation"] += 1


def spec_changed(manifest: Manifest, old: Manifest) -> bool:
    ignored = {"metadata", "status"}
    new, before = ({k: v for k, v in m.items() if k not in ignored} for m in (manifest, old))
    return new != before


def _name_default_class(manifest: Manifest, storage: Storage) -> None:
    """A claim that names no class gets the default one, when there is one."""
    spec = manifest["spec"]
    if spec.get("storageClassName") is not None or spec.get("volumeName"):
        return
    for name in storage.keys("storageclasses.storage.k8s.io"):
        found = storage.current("storageclasses.storage.k8s.io")[name].manifest()["metadata"]
        if branch(found, "annotations").get("storageclass.kubernetes.io/is-default-class") == "true":
            spec["storageClassName"] = name


def _admit_pod(served: ServedKind, manifest: Manifest, storage: Storage) -> None:
    spec, meta = manifest["spec"], manifest["metadata"]
    defaults.fill(spec, {"serviceAccountName": "default", "priority": 0, "preemptionPolicy": "PreemptLowerPriority"})
    manifest["status"]["qosClass"] = "BestEffort"
    name, account = meta.get("name", ""), spec["serviceAccountName"]
    spec.setdefault("serviceAccount", account)
    stored = storage.get("serviceaccounts", f"{meta.get('namespace')}/{account}")
    if stored is None:
        where = f"{meta.get('namespace')}/{account}"
        why = f'error looking up service account {where}: serviceaccount "{account}" not found'
        raise answers.forbidden(served, name, why)
    _set_priority(served, name, spec, storage)
    if spec.get("automountServiceAccountToken") is not False:
        _mount_token(spec)
    tolerations: list[dict[str, Any]] = spec.setdefault("tolerations", [])
    for key in _EVICTING:
        if not any(one.get("key") == key for one in tolerations):
            tolerations.append({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300})


def _set_priority(served: ServedKind, name: str, spec: dict[str, Any], storage: Storage) -> None:
    wanted = spec.get("priorityClassName")
    computed = 0
    if wanted and not wanted.startswith("system-"):
        stored = storage.get("priorityclasses.scheduling.k8s.io", wanted)
        if stored is None:
            raise answers.forbidden(served, name, f"no PriorityClass with name {wanted} was found")
        computed = stored.manifest().get("value", 0)
    if spec["priority"] not in (0, computed):
        why = (
            f"the integer value of priority ({spec['priority']}) must not be provided in pod spec; "
            f"priority admission controller computed {computed} from the given PriorityClass name"
        )
        raise answers.forbidden(served, name, why)
    spec["priority"] = computed


def _mount_token(spec: dict[str, Any]) -> None:
    containers = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    bare = [c for c in containers if not any(m.get("mountPath") == _TOKEN_PATH for m in c.get("volumeMounts") or ())]
    if not bare:
        return
    name = "kube-api-access-" + "".join(secrets.choice("bcdfghjklmnpqrstvwxz2456789") for _ in range(5))
    projected = {"sources": _TOKEN_SOURCES, "defaultMode": 420}
    spec["volumes"] = [*(spec.get("volumes") or ()), {"name": name, "projected": projected}]
    for container in bare:
        mount = {"name": name, "readOnly": True, "mountPath": _TOKEN_PATH}
        container["volumeMounts"] = [*(container.get("volumeMounts") or ()), mount]
