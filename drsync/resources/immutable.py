"""Fields that an API server lets nobody change once an object is there."""

from dataclasses import dataclass
from typing import Final

from drsync.fields import Path, group_and_kind, mapping, spell
from drsync.model.resource import Manifest
from drsync.resources.compare import differences


@dataclass(frozen=True, slots=True)
class _Fixed:
    """Paths that are fixed with all below them, but for those that are free."""

    paths: tuple[tuple[str, ...], ...]
    free: tuple[tuple[str, ...], ...] = ()

    def covers(self, path: Path) -> bool:
        if any(path[: len(free)] == free for free in self.free):
            return False
        return any(path[: len(fixed)] == fixed for fixed in self.paths)


def _spec(*names: str) -> tuple[tuple[str, ...], ...]:
    return tuple(("spec", name) for name in names)


_SPEC: Final = (("spec",),)
_SELECTOR: Final = _Fixed(_spec("selector"))
_ROLE: Final = _Fixed((("roleRef",),))

_FIXED: Final = {
    ("", "PersistentVolume"): _Fixed(
        _SPEC,
        _spec(
            "accessModes",
            "capacity",
            "claimRef",
            "mountOptions",
            "nodeAffinity",
            "persistentVolumeReclaimPolicy",
            "storageClassName",
            "volumeAttributesClassName",
        ),
    ),
    ("", "PersistentVolumeClaim"): _Fixed(_SPEC, _spec("resources", "volumeAttributesClassName")),
    ("", "Pod"): _Fixed(_SPEC, _spec("activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds")),
    ("", "Secret"): _Fixed((("type",),)),
    ("", "Service"): _Fixed((("spec", "clusterIP"), ("spec", "clusterIPs"))),
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _Fixed(_spec("group", "scope")),
    ("apps", "DaemonSet"): _SELECTOR,
    ("apps", "Deployment"): _SELECTOR,
    ("apps", "ReplicaSet"): _SELECTOR,
    ("apps", "StatefulSet"): _Fixed(
        _SPEC,
        _spec(
            "minReadySeconds",
            "ordinals",
            "persistentVolumeClaimRetentionPolicy",
            "replicas",
            "revisionHistoryLimit",
            "template",
            "updateStrategy",
        ),
    ),
    ("batch", "Job"): _Fixed(_spec("completionMode", "podFailurePolicy", "selector", "successPolicy", "template")),
    ("networking.k8s.io", "IngressClass"): _Fixed(_spec("controller")),
    ("node.k8s.io", "RuntimeClass"): _Fixed((("handler",),)),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): _ROLE,
    ("rbac.authorization.k8s.io", "RoleBinding"): _ROLE,
    ("scheduling.k8s.io", "PriorityClass"): _Fixed((("value",), ("preemptionPolicy",))),
    ("storage.k8s.io", "StorageClass"): _Fixed(
        (("parameters",), ("provisioner",), ("reclaimPolicy",), ("volumeBindingMode",))
    ),
}

_SEALED: Final = {("", "ConfigMap"), ("", "Secret")}
"""Kinds that a person can make immutable as a whole."""


def cannot_change(desired: Manifest, live: Manifest) -> str | None:
    """Why no PUT can make `live` into `desired`: one sentence that names the field; None when one may.

    Custom resources may have rules of their own; those the server alone knows.
    """
    kind = group_and_kind(desired)
    found = [path for path, _, _ in differences(desired, live)]
    if kind in _SEALED and live.get("immutable") is True:
        extra = any(set(mapping(live.get(name))) - set(mapping(desired.get(name))) for name in ("data", "binaryData"))
        if extra or any(path[:1] in (("data",), ("binaryData",), ("immutable",)) for path in found):
            return f"The {kind[1]} in the cluster is marked immutable; delete it there to restore this one."
    fixed = _FIXED.get(kind)
    for path in found:
        if fixed and fixed.covers(path) and not (kind == ("", "Pod") and path[-1:] == ("image",)):
            return f"{spell(path)} of a {kind[1]} cannot be changed; delete it in the cluster to restore this one."
    return None
