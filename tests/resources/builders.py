"""Objects of every kind for tests, made from manifests as a server would give them."""

from collections.abc import Mapping
from typing import Any

import msgspec

from drsync.model.resource import Owner, ResourceKind, ResourceObject

VERBS = frozenset({"create", "delete", "get", "list", "patch", "update", "watch"})

_CLUSTER_SCOPED = {
    "APIService",
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "GatewayClass",
    "IngressClass",
    "MutatingWebhookConfiguration",
    "Namespace",
    "Node",
    "PersistentVolume",
    "PriorityClass",
    "RuntimeClass",
    "StorageClass",
    "ValidatingWebhookConfiguration",
}


def plural(kind: str) -> str:
    """As Kubernetes names its own kinds: endpoints, ingresses, networkpolicies."""
    lower = kind.lower()
    if lower == "endpoints":
        return lower
    if lower.endswith("s"):
        return lower + "es"
    return lower[:-1] + "ies" if lower.endswith("y") and not lower.endswith("ay") else lower + "s"


def kind(api_version: str, name: str, *, verbs: frozenset[str] = VERBS) -> ResourceKind:
    """`kind("apps/v1", "Deployment")`."""
    group, _, version = api_version.rpartition("/")
    return ResourceKind(
        group=group,
        version=version,
        resource=plural(name),
        kind=name,
        namespaced=name not in _CLUSTER_SCOPED,
        verbs=verbs,
    )


def manifest(api_version: str, name: str, /, **parts: Any) -> dict[str, Any]:
    """A manifest named `x` in the namespace `shop`; `metadata` is added to that."""
    namespaced = name not in _CLUSTER_SCOPED
    fields: dict[str, Any] = {"name": "x", **({"namespace": "shop"} if namespaced else {}), **parts.pop("metadata", {})}
    return {"apiVersion": api_version, "kind": name, "metadata": fields, **parts}


def observed(body: Mapping[str, Any]) -> ResourceObject:
    """The object that a server would have given for the manifest."""
    fields = body["metadata"]
    return ResourceObject(
        kind=kind(body["apiVersion"], body["kind"]),
        namespace=fields.get("namespace", ""),
        name=fields["name"],
        uid=fields.get("uid", ""),
        resource_version=fields.get("resourceVersion", ""),
        labels=fields.get("labels") or {},
        owners=tuple(
            Owner(
                api_version=reference["apiVersion"],
                kind=reference["kind"],
                name=reference["name"],
                uid=reference["uid"],
                controller=reference.get("controller", False),
            )
            for reference in fields.get("ownerReferences") or ()
        ),
        terminating="deletionTimestamp" in fields,
        raw=msgspec.json.encode(body),
    )


def owned_by(api_version: str, name: str, owner: str, uid: str) -> dict[str, Any]:
    """One entry of `ownerReferences`."""
    return {"apiVersion": api_version, "kind": name, "name": owner, "uid": uid, "controller": True}


def served(body: Mapping[str, Any], *, uid: str = "11111111-0000-4000-8000-000000000001") -> dict[str, Any]:
    """The manifest with what every server adds to it."""
    added = {
        "uid": uid,
        "resourceVersion": "812",
        "generation": 3,
        "creationTimestamp": "2026-08-21T03:08:04Z",
        "managedFields": [
            {"manager": "kubectl", "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": {}}
        ],
    }
    return {**body, "metadata": {**body["metadata"], **added}}
