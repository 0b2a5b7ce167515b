"""Looks at the source cluster before a capture: which namespaces and volumes there are."""

from dataclasses import dataclass
from typing import Final

from drsync.engine.volume_access import VolumeAccess
from drsync.errors import NothingSelected
from drsync.kube.client import KubeClient
from drsync.kube.discovery import Discovery, discover
from drsync.model.facts import CaptureFacts
from drsync.model.manifest import manifest_of, section, text
from drsync.model.policy import ProtectionPolicy, VolumeMethod, VolumeRule
from drsync.model.recovery_point import Exclusion, Missing, RecoveryPoint
from drsync.model.resource import ResourceKind, ResourceObject
from drsync.model.volume import Claim
from drsync.resources.select import excluded_namespaces, matching_namespaces, unmatched_namespaces

NAMESPACES: Final = ResourceKind(group="", version="v1", resource="namespaces", kind="Namespace", namespaced=False)
CLAIMS: Final = ResourceKind(
    group="", version="v1", resource="persistentvolumeclaims", kind="PersistentVolumeClaim", namespaced=True
)
VOLUMES: Final = ResourceKind(
    group="", version="v1", resource="persistentvolumes", kind="PersistentVolume", namespaced=False
)
_GLOB: Final = frozenset("*?[")


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """The facts, and the discovery that they were gathered with."""

    facts: CaptureFacts
    discovery: Discovery


@dataclass(frozen=True, slots=True)
class _Volumes:
    claims: list[Claim]
    left_out: list[Exclusion]
    missing: list[Missing]


def observe_capture(
    policy: ProtectionPolicy, cluster: KubeClient, access: VolumeAccess, parent: RecoveryPoint | None
) -> Observation:
    """Raises NothingSelected when no namespace matches."""
    discovery = discover(cluster)
    listed = cluster.list(NAMESPACES).objects
    selected = matching_namespaces(policy.select, listed)
    if not selected:
        raise NothingSelected(
            f"Policy {policy.name} selects no namespace of cluster {policy.cluster}.",
            remedy="`kubectl get namespaces` shows what there is; mend select.namespaces",
            impact="Nothing was captured.",
        )
    unmatched = unmatched_namespaces(policy.select, listed)
    volumes = _volumes(policy, cluster, access, selected)
    return Observation(
        facts=CaptureFacts(
            namespaces=selected,
            vanished=tuple(name for name in unmatched if not _GLOB & set(name)),
            claims=tuple(volumes.claims),
            left_out=(*excluded_namespaces(policy.select, listed), *volumes.left_out),
            notices=tuple(f"namespace pattern {name} matches nothing" for name in unmatched if _GLOB & set(name)),
            missing=tuple(volumes.missing),
            parent=parent,
        ),
        discovery=discovery,
    )


def _volumes(
    policy: ProtectionPolicy, cluster: KubeClient, access: VolumeAccess, namespaces: tuple[str, ...]
) -> _Volumes:
    claims = [claim for namespace in namespaces for claim in cluster.list(CLAIMS, namespace=namespace).objects]
    found = _Volumes([], [], [])
    if not claims:
        return found
    volumes = {volume.name: volume for volume in cluster.list(VOLUMES).objects}
    for claim in claims:
        _sort_in(policy, claim, volumes, access, found)
    return found


def _sort_in(
    policy: ProtectionPolicy,
    claim: ResourceObject,
    volumes: dict[str, ResourceObject],
    access: VolumeAccess,
    found: _Volumes,
) -> None:
    manifest = manifest_of(claim)
    bound_to = text(manifest, "spec", "volumeName")
    volume = volumes.get(bound_to)
    what = f"volume {claim.namespace}/{claim.name}"
    rule = _rule_for(policy.volume_rules, claim, text(manifest, "spec", "storageClassName"), volume)
    if rule is None or rule.method is VolumeMethod.FAIL:
        message = rule.message if rule else ""
        found.missing.append(Missing(what=what, reason=message or "no rule of volumes.rules says how to capture it"))
    elif rule.method is VolumeMethod.SKIP:
        found.left_out.append(Exclusion(what=what, reason=rule.message or "a rule of volumes.rules skips it"))
    elif not bound_to:
        found.left_out.append(Exclusion(what=what, reason="the claim is not bound, so it holds no data yet"))
    else:
        reached = access.reach(claim, volume)
        if reached.path:
            found.claims.append(reached)
        else:
            found.missing.append(Missing(what=what, reason=reached.unreachable))


def _rule_for(
    rules: tuple[VolumeRule, ...], claim: ResourceObject, storage_class: str, volume: ResourceObject | None
) -> VolumeRule | None:
    is_csi = volume is not None and "csi" in section(manifest_of(volume), "spec")
    for rule in rules:
        labelled = all(claim.labels.get(key) == value for key, value in rule.labels.items())
        classed = not rule.storage_classes or storage_class in rule.storage_classes
        if labelled and classed and rule.csi in (None, is_csi):
            return rule
    return None
