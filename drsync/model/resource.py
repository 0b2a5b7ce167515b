"""Kubernetes objects as drsync carries them: a name, a few facts, and the server's own bytes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Manifest = dict[str, Any]
"""A decoded object; nobody changes one in place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceKind:
    """One kind that an API server serves, in the version that it prefers."""

    group: str
    version: str
    resource: str
    """Plural and lower case, as in URLs: `deployments`."""
    kind: str
    namespaced: bool
    verbs: frozenset[str] = frozenset()

    @property
    def group_resource(self) -> str:
        """`deployments.apps`, `configmaps`: how policies and points name a kind."""
        return f"{self.resource}.{self.group}" if self.group else self.resource

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class ResourceId:
    """Which object, independent of version; `namespace` is empty for cluster-scoped ones."""

    group_resource: str
    namespace: str
    name: str

    def __str__(self) -> str:
        place = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.group_resource} {place}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """One entry of `metadata.ownerReferences`."""

    api_version: str
    kind: str
    name: str
    uid: str
    controller: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceObject:
    """An object as the server gave it. `raw` is its JSON, to the byte."""

    kind: ResourceKind
    namespace: str
    name: str
    uid: str
    resource_version: str
    labels: Mapping[str, str]
    owners: tuple[Owner, ...]
    terminating: bool
    raw: bytes

    @property
    def id(self) -> ResourceId:
        return ResourceId(group_resource=self.kind.group_resource, namespace=self.namespace, name=self.name)
