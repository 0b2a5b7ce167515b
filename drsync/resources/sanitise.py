"""Takes from a captured object what only its own cluster could have given it."""

from typing import Any, Final

from drsync.fields import changed, group_and_kind, items, mapping, without
from drsync.model.resource import Manifest
from drsync.resources.rules import RULES

_SHED_METADATA: Final = frozenset(
    {
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "selfLink",
        "managedFields",
        # With it, a server answers a taken name as if it had made up the name itself.
        "generateName",
    }
)

SHED_ANNOTATIONS: Final = frozenset(
    {
        # Notes of controllers to themselves; the target's controllers write their own.
        "autoscaling.alpha.kubernetes.io/conditions",
        "autoscaling.alpha.kubernetes.io/current-metrics",
        "batch.kubernetes.io/job-tracking",
        "control-plane.alpha.kubernetes.io/leader",
        "deployment.kubernetes.io/desired-replicas",
        "deployment.kubernetes.io/max-replicas",
        "deployment.kubernetes.io/revision",
        "deployment.kubernetes.io/revision-history",
        "deprecated.daemonset.template.generation",
        "endpoints.kubernetes.io/last-change-trigger-time",
        # How a claim came to its volume, and on which node.
        "pv.kubernetes.io/bind-completed",
        "pv.kubernetes.io/bound-by-controller",
        "velero.io/data-upload-name",
        "velero.io/volume-snapshot-name",
        "volume.beta.kubernetes.io/storage-provisioner",
        "volume.kubernetes.io/selected-node",
        "volume.kubernetes.io/storage-provisioner",
        "volume.kubernetes.io/storage-resizer",
        # Addresses that the source's network gave a pod.
        "cni.projectcalico.org/containerID",
        "cni.projectcalico.org/podIP",
        "cni.projectcalico.org/podIPs",
        "k8s.v1.cni.cncf.io/network-status",
        "k8s.v1.cni.cncf.io/networks-status",
        "kubernetes.io/service-account.uid",
    }
)

SHED_FINALIZERS: Final = frozenset(
    {
        # The control plane adds these to what needs them. Where their controller is not there, as a
        # cloud's on another cloud, the object could never be deleted again.
        "foregroundDeletion",
        "kubernetes",
        "kubernetes.io/pv-protection",
        "kubernetes.io/pvc-protection",
        "orphan",
        "service.kubernetes.io/load-balancer-cleanup",
        "snapshot.storage.kubernetes.io/pvc-as-source-protection",
    }
)
_ATTACHER = "external-attacher/"


def sanitise(manifest: Manifest) -> Manifest:
    """A new manifest that another API server accepts; `manifest` itself is never changed.

    Owner references keep their old uids: owners.relink turns them. Fields that no rule names stay.
    """
    result = {name: value for name, value in manifest.items() if name != "status"}
    rule = RULES.get(group_and_kind(manifest))
    if rule:
        result = rule(result)
    if isinstance(result.get("metadata"), dict):
        result["metadata"] = _metadata(mapping(result["metadata"]))
    return result


def _metadata(fields: dict[str, Any]) -> dict[str, Any]:
    fields = without(fields, _SHED_METADATA)
    annotations = mapping(fields.get("annotations"))
    if annotations and not SHED_ANNOTATIONS.isdisjoint(annotations):
        fields = changed(fields, "annotations", without(mapping(annotations), SHED_ANNOTATIONS))
    if fields.get("finalizers"):
        fields = _finalizers(fields)
    return fields


def _finalizers(fields: dict[str, Any]) -> dict[str, Any]:
    before = items(fields["finalizers"])
    after = [name for name in before if name not in SHED_FINALIZERS and not str(name).startswith(_ATTACHER)]
    return changed(fields, "finalizers", before if len(after) == len(before) else after)
