"""The discovery documents: which groups, versions and resources are served now."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from drsync.sandbox.kinds import Kinds, ServedKind

VERSION = {
    "major": "1",
    "minor": "37",
    "gitVersion": "v1.37.2+drsync-sandbox",
    "gitCommit": "0000000000000000000000000000000000000000",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "none",
    "compiler": "none",
    "platform": "linux/amd64",
}


def core_versions(address: str) -> dict[str, Any]:
    return {
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}],
    }


def group_list(kinds: Kinds) -> dict[str, Any]:
    groups = [_group(name, versions) for name, versions in _groups(kinds).items()]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def group(kinds: Kinds, name: str) -> dict[str, Any] | None:
    versions = _groups(kinds).get(name)
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(name, versions)} if versions else None


def resource_list(kinds: Kinds, name: str, version: str) -> dict[str, Any] | None:
    if not kinds.serves_group(name, version):
        return None
    served = sorted(
        (s for s in kinds if s.kind.group == name and s.kind.version == version), key=lambda s: s.kind.resource
    )
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": f"{name}/{version}" if name else version,
        "resources": [entry for one in served for entry in _entries(one)],
    }


def _groups(kinds: Kinds) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = defaultdict(list)
    for served in kinds:
        if served.kind.group and served.kind.version not in groups[served.kind.group]:
            groups[served.kind.group].append(served.kind.version)
    return {name: versions for name, versions in groups.items() if versions}


def _group(name: str, versions: list[str]) -> dict[str, Any]:
    offered = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": offered, "preferredVersion": offered[0]}


def _entries(served: ServedKind) -> Iterator[dict[str, Any]]:
    kind = served.kind
    entry: dict[str, Any] = {
        "name": kind.resource,
        "singularName": served.singular,
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        "verbs": sorted(kind.verbs),
    }
    if served.short_names:
        entry["shortNames"] = list(served.short_names)
    if served.categories:
        entry["categories"] = list(served.categories)
    yield entry
    if served.has_status:
        yield {
            "name": f"{kind.resource}/status",
            "singularName": "",
            "namespaced": kind.namespaced,
            "kind": kind.kind,
            "verbs": ["get", "patch", "update"],
        }
