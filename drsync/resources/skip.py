"""Which objects of a point are not written back, each with a sentence."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from drsync.fields import decode, mapping, mappings, metadata, text
from drsync.model.resource import Manifest, Owner, ResourceId, ResourceObject
from drsync.resources import exclusions
from drsync.resources.rules import TOKEN_SECRET, made_for


@dataclass(frozen=True, slots=True, kw_only=True)
class PointIndex:
    """What a rule may know of the other objects that a restore writes."""

    uids: Mapping[str, ResourceId] = field(default_factory=dict[str, ResourceId])
    """Who has which uid in the point."""
    services: frozenset[tuple[str, str]] = frozenset()
    """(namespace, name) of Services that select pods: their endpoints are made for them."""
    claims: frozenset[tuple[str, str]] = frozenset()
    """(namespace, name) of the claims: they get new volumes."""


def index_point(objects: Iterable[ResourceObject]) -> PointIndex:
    """Index what a restore has chosen, before any of it is skipped."""
    uids: dict[str, ResourceId] = {}
    services: set[tuple[str, str]] = set()
    claims: set[tuple[str, str]] = set()
    for item in objects:
        uids[item.uid] = item.id
        if item.kind.group_resource == "services" and mapping(decode(item.raw).get("spec")).get("selector"):
            services.add((item.namespace, item.name))
        elif item.kind.group_resource == "persistentvolumeclaims":
            claims.add((item.namespace, item.name))
    return PointIndex(uids=uids, services=frozenset(services), claims=frozenset(claims))


def skip_reason(item: ResourceObject, manifest: Manifest, index: PointIndex) -> str | None:
    """Why this object is not written back: one sentence; None when it is. `manifest` is as captured."""
    reason = exclusions.never(item.kind)
    if reason:
        return f"It is not restored: {reason}."
    # A claim can be told to go while a pod still uses it; its data are as good as any.
    if item.terminating and item.kind.group_resource != "persistentvolumeclaims":
        return "It was being deleted when the point was taken."
    maker = _maker(item, index)
    if maker:
        return f"{maker} makes it anew."
    rule = _RULES.get(item.kind.group_resource)
    return rule(item, manifest, index) if rule else None


_MAKERS: Final = {
    ("replicasets.apps", "Deployment"): "apps",
    ("pods", "ReplicaSet"): "apps",
    ("pods", "StatefulSet"): "apps",
    ("pods", "DaemonSet"): "apps",
    ("pods", "ReplicationController"): "",
    ("pods", "Job"): "batch",
    ("jobs.batch", "CronJob"): "batch",
    ("persistentvolumeclaims", "Pod"): "",
    ("controllerrevisions.apps", "StatefulSet"): "apps",
    ("controllerrevisions.apps", "DaemonSet"): "apps",
    ("endpointslices.discovery.k8s.io", "Service"): "",
}
"""(what, kind of its owner) → the owner's group, where the owner makes it anew by itself.

Only what Kubernetes itself promises: an operator may have put a password into a Secret that it owns
and would make another one.
"""


def _maker(item: ResourceObject, index: PointIndex) -> str | None:
    for owner in item.owners:
        group = _MAKERS.get((item.kind.group_resource, owner.kind))
        if group is not None and _group(owner) == group and owner.uid in index.uids:
            # A Service without a selector makes nothing, and a slice may still name it as its owner.
            if owner.kind == "Service" and (item.namespace, owner.name) not in index.services:
                continue
            return f"{owner.kind} {owner.name}"
    return None


def _group(owner: Owner) -> str:
    return owner.api_version.rpartition("/")[0]


def _pod(_item: ResourceObject, manifest: Manifest, _index: PointIndex) -> str | None:
    if "kubernetes.io/config.mirror" in mapping(metadata(manifest).get("annotations")):
        return "A kubelet makes it from a file on its node."
    phase = mapping(manifest.get("status")).get("phase")
    return f"It has ended ({phase})." if phase in ("Succeeded", "Failed") else None


def _job(_item: ResourceObject, manifest: Manifest, _index: PointIndex) -> str | None:
    status = mapping(manifest.get("status"))
    ended = any(
        condition.get("type") in ("Complete", "Failed") and condition.get("status") == "True"
        for condition in mappings(status.get("conditions"))
    )
    return "It has ended, and would run again." if ended or status.get("completionTime") else None


def _config_map(item: ResourceObject, _manifest: Manifest, _index: PointIndex) -> str | None:
    if item.name in ("kube-root-ca.crt", "openshift-service-ca.crt", "istio-ca-root-cert"):
        return "Every cluster publishes its own certificate authority here."
    if item.namespace == "kube-system" and item.name == "extension-apiserver-authentication":
        return "The API server publishes its own authentication here."
    return None


def _secret(item: ResourceObject, manifest: Manifest, _index: PointIndex) -> str | None:
    if manifest.get("type") != TOKEN_SECRET:
        return None
    account = text(mapping(metadata(manifest).get("annotations")).get("kubernetes.io/service-account.name"))
    return "The control plane made this token for its own use." if made_for(item.name, account) else None


def _endpoints(item: ResourceObject, manifest: Manifest, index: PointIndex) -> str | None:
    if (item.namespace, item.name) in index.services:
        return f"Service {item.name} makes it anew."
    return _own_api(item, manifest, index)


def _slice(item: ResourceObject, manifest: Manifest, index: PointIndex) -> str | None:
    by = item.labels.get("endpointslice.kubernetes.io/managed-by", "")
    service = item.labels.get("kubernetes.io/service-name", "")
    if by == "endpointslice-controller.k8s.io" and (item.namespace, service) in index.services:
        return f"Service {service} makes it anew."
    if by == "endpointslicemirroring-controller.k8s.io":
        return f"It is made anew from the Endpoints {service}."
    return _own_api(item, manifest, index)


def _own_api(item: ResourceObject, _manifest: Manifest, _index: PointIndex) -> str | None:
    if (item.namespace, item.name) == ("default", "kubernetes"):
        return "It is the cluster's own API server."
    return None


_SOURCES: Final = ("nfs",)
"""Volume sources that mean the same wherever they are mounted."""


def _volume(_item: ResourceObject, manifest: Manifest, index: PointIndex) -> str | None:
    spec = mapping(manifest.get("spec"))
    claim = mapping(spec.get("claimRef"))
    name = (text(claim.get("namespace")), text(claim.get("name")))
    if name in index.claims:
        return f"The claim {name[0]}/{name[1]} gets a new volume, and its data from the point."
    if not any(source in spec for source in _SOURCES):
        return "It names storage of the source cluster, which is not there or is still in use there."
    return None


def _api_service(_item: ResourceObject, manifest: Manifest, _index: PointIndex) -> str | None:
    if "kube-aggregator.kubernetes.io/automanaged" in mapping(metadata(manifest).get("labels")):
        return "The API server registers it by itself."
    return None if mapping(manifest.get("spec")).get("service") else "It is built into the API server."


def _rbac(item: ResourceObject, _manifest: Manifest, _index: PointIndex) -> str | None:
    if item.labels.get("kubernetes.io/bootstrapping") == "rbac-defaults":
        return "Every cluster has its own."
    return None


def _priority_class(item: ResourceObject, _manifest: Manifest, _index: PointIndex) -> str | None:
    return "Every cluster has its own." if item.name.startswith("system-") else None


def _flow_control(_item: ResourceObject, manifest: Manifest, _index: PointIndex) -> str | None:
    annotations = mapping(metadata(manifest).get("annotations"))
    if annotations.get("apf.kubernetes.io/autoupdate-spec") == "true":
        return "The API server keeps it up to date by itself."
    return None


def _snapshot(_item: ResourceObject, _manifest: Manifest, _index: PointIndex) -> str | None:
    return "It names a snapshot in the source's storage."


_Rule = Callable[[ResourceObject, Manifest, PointIndex], str | None]

_RULES: Final[dict[str, _Rule]] = {
    "apiservices.apiregistration.k8s.io": _api_service,
    "clusterrolebindings.rbac.authorization.k8s.io": _rbac,
    "clusterroles.rbac.authorization.k8s.io": _rbac,
    "configmaps": _config_map,
    "endpoints": _endpoints,
    "endpointslices.discovery.k8s.io": _slice,
    "flowschemas.flowcontrol.apiserver.k8s.io": _flow_control,
    "jobs.batch": _job,
    "persistentvolumes": _volume,
    "pods": _pod,
    "priorityclasses.scheduling.k8s.io": _priority_class,
    "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io": _flow_control,
    "rolebindings.rbac.authorization.k8s.io": _rbac,
    "roles.rbac.authorization.k8s.io": _rbac,
    "secrets": _secret,
    "services": _own_api,
    "volumesnapshotcontents.snapshot.storage.k8s.io": _snapshot,
    "volumesnapshots.snapshot.storage.k8s.io": _snapshot,
}
