"""Kinds and bodies that the conformance tests use."""

import json
import secrets
from typing import Any

from drsync.model.resource import ResourceKind


def kind(group: str, version: str, resource: str, kind: str, *, namespaced: bool = True) -> ResourceKind:
    return ResourceKind(group=group, version=version, resource=resource, kind=kind, namespaced=namespaced)


CONFIG_MAPS = kind("", "v1", "configmaps", "ConfigMap")
SECRETS = kind("", "v1", "secrets", "Secret")
SERVICE_ACCOUNTS = kind("", "v1", "serviceaccounts", "ServiceAccount")
PODS = kind("", "v1", "pods", "Pod")
NAMESPACES = kind("", "v1", "namespaces", "Namespace", namespaced=False)
DEPLOYMENTS = kind("apps", "v1", "deployments", "Deployment")
ROLES = kind("rbac.authorization.k8s.io", "v1", "roles", "Role")
LEASES = kind("coordination.k8s.io", "v1", "leases", "Lease")
CRDS = kind("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False)


def body(of: ResourceKind, name: str, **fields: Any) -> dict[str, Any]:
    """A manifest; `labels`, `finalizers` and other metadata go in as `metadata={…}`."""
    metadata = {"name": name, **fields.pop("metadata", {})}
    return {"apiVersion": of.api_version, "kind": of.kind, "metadata": metadata, **fields}


def encode(manifest: dict[str, Any]) -> bytes:
    return json.dumps(manifest).encode()


def unique(prefix: str) -> str:
    return f"{prefix}-{secrets.token_hex(4)}"


def widget_definition(group: str) -> dict[str, Any]:
    """A CRD of namespaced Widgets with a status and a checked `spec.size`."""
    schema = {
        "type": "object",
        "properties": {
            "spec": {"type": "object", "properties": {"size": {"type": "integer"}}},
            "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        },
    }
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}},
    }
    spec = {
        "group": group,
        "scope": "Namespaced",
        "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"},
        "versions": [version],
    }
    return body(CRDS, f"widgets.{group}", spec=spec)


def deployment(name: str, *, env: list[dict[str, str]] | None = None) -> dict[str, Any]:
    container = {"name": "main", "image": "example.com/app:1", "env": env or []}
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}}
    spec = {"replicas": 0, "selector": {"matchLabels": {"app": name}}, "template": template}
    return body(DEPLOYMENTS, name, spec=spec)
