"""Judges whether one cluster holds what another held, without any of drsync's own rules.

Take a `Snapshot` of each and `compare` them: every object must be there, with every field equal but
those in `allowances.py`; owner references must lead to the owner's own copy; nothing may be there that
was not in the original.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.e2e.allowances import Path, allowed, made_by_the_cluster
from tests.e2e.api import Api, Kind, Manifest

_ABSENT = "(absent)"
_TOKEN_VOLUME = re.compile(r"^kube-api-access-[a-z0-9]{5}$")
"""The admission controller names this volume of a pod at random."""


@dataclass(frozen=True, slots=True)
class Key:
    kind: str
    """`Kind.group`, or `Kind` in the core group."""
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}".replace(" /", " ")


@dataclass(frozen=True, slots=True)
class Difference:
    key: Key
    path: str
    before: Any
    after: Any

    def __str__(self) -> str:
        return f"{self.key}: {self.path}: {self.before!r} → {self.after!r}"[:400]


Snapshot = Mapping[Key, Manifest]


@dataclass(frozen=True, slots=True, kw_only=True)
class Translation:
    """What a restore was told to rename."""

    namespaces: Mapping[str, str] = field(default_factory=dict)
    storage_classes: Mapping[str, str] = field(default_factory=dict)

    def namespace(self, name: str) -> str:
        return self.namespaces.get(name, name)


def snapshot(api: Api, namespaces: Sequence[str], *, cluster_scoped: Sequence[str] = ()) -> Snapshot:
    """All objects of the namespaces, the namespaces themselves, and cluster-scoped kinds by `Kind.group`."""
    found: dict[Key, Manifest] = {}
    for kind in api.kinds():
        name = kind_name(kind)
        if kind.namespaced:
            objects = [item for namespace in namespaces for item in api.list(kind, namespace)]
        elif name == "Namespace":
            objects = [item for item in api.list(kind) if item["metadata"]["name"] in namespaces]
        elif name in cluster_scoped:
            objects = api.list(kind)
        else:
            continue
        found |= {key_of(item): item for item in objects}
    return found


def kind_name(kind: Kind) -> str:
    return _kind_name(kind.group_version, kind.kind)


def key_of(manifest: Manifest) -> Key:
    metadata = manifest["metadata"]
    kind = _kind_name(manifest["apiVersion"], manifest["kind"])
    return Key(kind, metadata.get("namespace", ""), metadata["name"])


def compare(before: Snapshot, after: Snapshot, translation: Translation | None = None) -> list[Difference]:
    """Every difference that is not allowed; an empty list is the proof."""
    translation = translation or Translation()
    wanted = {
        _translated_key(key, translation): manifest
        for key, manifest in before.items()
        if not made_by_the_cluster(key.kind, manifest)
    }
    found = {key: manifest for key, manifest in after.items() if not made_by_the_cluster(key.kind, manifest)}
    differences = [Difference(key, "", "there", _ABSENT) for key in sorted(wanted.keys() - found.keys(), key=str)]
    differences += [Difference(key, "", _ABSENT, "there") for key in sorted(found.keys() - wanted.keys(), key=str)]
    for key in sorted(wanted.keys() & found.keys(), key=str):
        expected = _translated(key.kind, wanted[key], translation)
        differences += compare_objects(key, expected, found[key])
        differences += _dangling(key, found[key], after)
    return differences


def assert_equal(differences: Sequence[Difference]) -> None:
    """Fails with every difference on a line of its own."""
    assert not differences, "\n".join(["the clusters differ:", *map(str, differences)])


def compare_objects(key: Key, before: Manifest, after: Manifest) -> list[Difference]:
    """The differences of one object that are not allowed."""
    before, after = _without_random_names(before), _without_random_names(after)
    return [
        Difference(key, "/".join(path), old, new)
        for path, old, new in leaves_that_differ(before, after)
        if not allowed(key.kind, before, path, old, new)
    ]


def leaves_that_differ(before: Manifest, after: Manifest) -> Iterator[tuple[Path, Any, Any]]:
    """Each leaf that is not the same on both sides; empty maps and lists are leaves too."""
    old, new = dict(leaves(before)), dict(leaves(after))
    for path in sorted(old.keys() | new.keys()):
        was, now = old.get(path, _ABSENT), new.get(path, _ABSENT)
        # True and 1 are equal to Python, and not to an API server.
        if type(was) is not type(now) or was != now:
            yield path, None if was == _ABSENT else was, None if now == _ABSENT else now


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every leaf of a manifest, with where it is."""
    if isinstance(value, dict) and value:
        for name, below in value.items():
            yield from leaves(below, (*path, name))
    elif isinstance(value, list) and value:
        for index, below in enumerate(value):
            yield from leaves(below, (*path, str(index)))
    else:
        yield path, value


def _dangling(key: Key, manifest: Manifest, snapshot_after: Snapshot) -> list[Difference]:
    """Owner references that lead nowhere: the collector deletes such objects within a second."""
    lost: list[Difference] = []
    for index, owner in enumerate(manifest["metadata"].get("ownerReferences", [])):
        kind = _kind_name(owner.get("apiVersion", ""), owner.get("kind", ""))
        places = [Key(kind, scope, owner.get("name", "")) for scope in (key.namespace, "")]
        live = next((snapshot_after[place] for place in places if place in snapshot_after), None)
        if not live or live["metadata"].get("uid") != owner.get("uid"):
            lost.append(Difference(key, f"metadata/ownerReferences/{index}/uid", "the owner's", owner.get("uid")))
    return lost


def _kind_name(group_version: str, kind: str) -> str:
    group = group_version.rpartition("/")[0]
    return f"{kind}.{group}" if group else kind


def _translated_key(key: Key, translation: Translation) -> Key:
    if key.kind == "Namespace":
        return Key(key.kind, "", translation.namespace(key.name))
    return Key(key.kind, translation.namespace(key.namespace) if key.namespace else "", key.name)


def _translated(kind: str, manifest: Manifest, translation: Translation) -> Manifest:
    """The original as it should look where it was restored to."""
    metadata = dict(manifest["metadata"])
    renamed = {**manifest, "metadata": metadata}
    if kind == "Namespace":
        metadata["name"] = translation.namespace(metadata["name"])
        metadata["labels"] = {**metadata.get("labels", {}), "kubernetes.io/metadata.name": metadata["name"]}
    elif metadata.get("namespace"):
        metadata["namespace"] = translation.namespace(metadata["namespace"])
    if kind.endswith("RoleBinding.rbac.authorization.k8s.io") and "subjects" in manifest:
        renamed["subjects"] = [
            {**subject, "namespace": translation.namespace(subject["namespace"])} if "namespace" in subject else subject
            for subject in manifest["subjects"]
        ]
    if kind == "PersistentVolumeClaim" and "storageClassName" in manifest["spec"]:
        old = manifest["spec"]["storageClassName"]
        renamed["spec"] = {**manifest["spec"], "storageClassName": translation.storage_classes.get(old, old)}
    return renamed


def _without_random_names(manifest: Manifest) -> Manifest:
    """Pods with the random part of their token volume's name taken out, on both sides alike."""
    if manifest.get("kind") != "Pod" or "spec" not in manifest:
        return manifest
    spec = dict(manifest["spec"])
    for part in ("containers", "initContainers", "volumes"):
        if part in spec:
            spec[part] = [_plain(entry) for entry in spec[part]]
    # Where a pod runs is the scheduler's choice; a restored pod is scheduled anew.
    spec.pop("nodeName", None)
    return {**manifest, "spec": spec}


def _plain(entry: Manifest) -> Manifest:
    plain = dict(entry)
    if _TOKEN_VOLUME.match(plain.get("name", "")):
        plain["name"] = "kube-api-access"
    if "volumeMounts" in plain:
        plain["volumeMounts"] = [_plain(mount) for mount in plain["volumeMounts"]]
    return plain
