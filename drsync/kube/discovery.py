"""Which kinds an API server serves, asked anew on each run: nothing is cached, for CRDs come and go."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import msgspec

from drsync.errors import ClusterUnreachable, PermissionDenied, RequestRejected
from drsync.kube.answers import Answer, Call, garbage
from drsync.kube.client import KubeClient
from drsync.model.resource import ResourceKind

_T = TypeVar("_T")

# Since 1.30 one document tells of all groups; older servers answer with what the second type names.
_ACCEPT = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupFailure:
    """A group version that is registered and does not answer."""

    group_version: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """Every resource once, in the version that its group prefers among those that serve it; no subresources."""

    kinds: tuple[ResourceKind, ...]
    failures: tuple[GroupFailure, ...] = ()

    def find(self, group_resource: str) -> ResourceKind | None:
        """By `deployments.apps`."""
        return next((kind for kind in self.kinds if kind.group_resource == group_resource), None)


@dataclass(frozen=True, slots=True)
class _GroupVersion:
    """One version of a group and its kinds; `failure` says why they are not known."""

    group: str
    version: str
    kinds: Sequence[ResourceKind] = ()
    failure: str = ""

    @property
    def name(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version


@dataclass(slots=True)
class _Found:
    kinds: dict[str, ResourceKind] = field(default_factory=dict[str, ResourceKind])
    failures: list[GroupFailure] = field(default_factory=list[GroupFailure])


def discover(client: KubeClient) -> Discovery:
    """Raises ClusterUnreachable or PermissionDenied when the server itself does not answer."""
    versions = [*_root(client, "/api", legacy=_core_versions), *_root(client, "/apis", legacy=_group_versions)]
    found = _Found()
    for version in versions:
        if version.failure:
            found.failures.append(GroupFailure(group_version=version.name, reason=version.failure))
        for kind in version.kinds:
            # versions come in the order of preference, so the first to serve a resource is the one to use
            found.kinds.setdefault(kind.group_resource, kind)
    return Discovery(kinds=tuple(found.kinds.values()), failures=tuple(found.failures))


# --- one document for all groups


class _Shape(msgspec.Struct):
    kind: str = ""


class _ResponseKind(msgspec.Struct):
    kind: str = ""


class _Resource(msgspec.Struct, rename="camel"):
    resource: str
    scope: str = "Cluster"
    verbs: list[str] = []
    response_kind: _ResponseKind | None = None


class _Version(msgspec.Struct):
    version: str
    resources: list[_Resource] | None = None
    freshness: str = "Current"


class _Meta(msgspec.Struct):
    name: str = ""


class _Group(msgspec.Struct):
    metadata: _Meta
    versions: list[_Version] = []


class _Groups(msgspec.Struct):
    items: list[_Group] | None = None


def _root(
    client: KubeClient, path: str, *, legacy: Callable[[Answer, Call], list[_GroupVersion]]
) -> list[_GroupVersion]:
    answer = client.read(path, what=f"the kinds at {path}", accept=_ACCEPT)
    call = Call(verb="discover", what=f"the kinds at {path}", server=client.server)
    if _decode(answer, _Shape, call).kind != "APIGroupDiscoveryList":
        return _read_each(client, legacy(answer, call))
    groups = _decode(answer, _Groups, call).items or []
    return [_from_document(group.metadata.name, version) for group in groups for version in group.versions]


def _from_document(group: str, version: _Version) -> _GroupVersion:
    kinds = [
        ResourceKind(
            group=group,
            version=version.version,
            resource=found.resource,
            kind=found.response_kind.kind if found.response_kind else "",
            namespaced=found.scope == "Namespaced",
            verbs=frozenset(found.verbs),
        )
        for found in version.resources or ()
    ]
    # what an aggregated API served when it last answered; whether it answers now is seen when it is listed
    failure = "" if version.freshness == "Current" else "the aggregated API behind it does not answer"
    return _GroupVersion(group, version.version, kinds, failure)


# --- one document for each group version


class _LegacyVersion(msgspec.Struct, rename="camel"):
    version: str


class _LegacyGroup(msgspec.Struct, rename="camel"):
    name: str
    versions: list[_LegacyVersion] = []
    preferred_version: _LegacyVersion | None = None


class _LegacyGroups(msgspec.Struct):
    groups: list[_LegacyGroup] = []


class _CoreVersions(msgspec.Struct):
    versions: list[str] = []


class _LegacyResource(msgspec.Struct):
    name: str
    kind: str
    namespaced: bool = False
    verbs: list[str] = []


class _LegacyResources(msgspec.Struct):
    resources: list[_LegacyResource] | None = None


def _core_versions(answer: Answer, call: Call) -> list[_GroupVersion]:
    return [_GroupVersion("", version) for version in _decode(answer, _CoreVersions, call).versions]


def _group_versions(answer: Answer, call: Call) -> list[_GroupVersion]:
    return [
        _GroupVersion(group.name, version)
        for group in _decode(answer, _LegacyGroups, call).groups
        for version in _preferred_first(group)
    ]


def _preferred_first(group: _LegacyGroup) -> Iterable[str]:
    preferred = [group.preferred_version.version] if group.preferred_version else []
    return dict.fromkeys(preferred + [each.version for each in group.versions])


def _read_each(client: KubeClient, versions: Sequence[_GroupVersion]) -> list[_GroupVersion]:
    with ThreadPoolExecutor(client.connections, thread_name_prefix="discover") as pool:
        return list(pool.map(partial(_read_one, client), versions))


def _read_one(client: KubeClient, version: _GroupVersion) -> _GroupVersion:
    path = f"/apis/{version.name}" if version.group else f"/api/{version.name}"
    call = Call(verb="discover", what=version.name, server=client.server)
    try:
        found = _decode(client.read(path, what=f"the kinds of {version.name}"), _LegacyResources, call)
    except (ClusterUnreachable, PermissionDenied, RequestRejected) as error:
        return _GroupVersion(version.group, version.version, failure=error.problem)
    kinds = [
        ResourceKind(
            group=version.group,
            version=version.version,
            resource=each.name,
            kind=each.kind,
            namespaced=each.namespaced,
            verbs=frozenset(each.verbs),
        )
        for each in found.resources or ()
        if "/" not in each.name
    ]
    return _GroupVersion(version.group, version.version, kinds)


def _decode(answer: Answer, type_: type[_T], call: Call) -> _T:
    try:
        return msgspec.json.decode(answer.body, type=type_)
    except (ValueError, RecursionError) as error:
        raise garbage(call, "it is no discovery document") from error
