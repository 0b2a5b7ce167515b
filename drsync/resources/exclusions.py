"""Kinds that are left out unless a policy names them, and kinds that are never taken; each with its reason."""

from fnmatch import fnmatchcase
from typing import Final

from drsync.model.resource import ResourceKind

NEVER: Final = {
    "events": "events tell of what happened, and are gone after an hour",
    "events.events.k8s.io": "events tell of what happened, and are gone after an hour",
    "nodes": "nodes are machines of their own cluster",
    "componentstatuses": "a view of the control plane's health, not stored",
    "csinodes.storage.k8s.io": "a node's drivers tell of themselves here",
    "csistoragecapacities.storage.k8s.io": "storage drivers tell of free space here",
    "volumeattachments.storage.k8s.io": "which node has which disk attached now",
    "storageversions.internal.apiserver.k8s.io": "an API server's note on its own storage",
    "certificatesigningrequests.certificates.k8s.io": "requests to the signer of their own cluster",
    "ipaddresses.networking.k8s.io": "an allocation of the cluster's own address range",
    "servicecidrs.networking.k8s.io": "the cluster's own address range",
    "resourceslices.resource.k8s.io": "a node's drivers tell of its devices here",
    "leasecandidates.coordination.k8s.io": "who stands for election now",
    "*.metrics.k8s.io": "measurements of this moment, not stored",
    "ciliumendpoints.cilium.io": "network state, made anew by the network plugin",
    "ciliumendpointslices.cilium.io": "network state, made anew by the network plugin",
    "ciliumidentities.cilium.io": "network state, made anew by the network plugin",
    "ciliumnodes.cilium.io": "network state, made anew by the network plugin",
    "ipamblocks.crd.projectcalico.org": "network state, made anew by the network plugin",
    "ipamhandles.crd.projectcalico.org": "network state, made anew by the network plugin",
    "ipamconfigs.crd.projectcalico.org": "network state, made anew by the network plugin",
    "blockaffinities.crd.projectcalico.org": "network state, made anew by the network plugin",
}
"""`group_resource` or glob → reason. Not taken, and not written back from a point that holds them."""

BY_DEFAULT: Final = {
    # A restored lease makes the new cluster's candidates wait for a holder that is not there, and
    # leases are renewed every few seconds, so that no two points would be alike.
    "leases.coordination.k8s.io": "leases say who leads at this moment; the next leader makes its own",
    "volumesnapshots.snapshot.storage.k8s.io": "names a snapshot in the source's storage; the data are in the point",
    "volumesnapshotcontents.snapshot.storage.k8s.io": "names a snapshot in the source's storage",
    "volumegroupsnapshots.groupsnapshot.storage.k8s.io": "names a snapshot in the source's storage",
    "volumegroupsnapshotcontents.groupsnapshot.storage.k8s.io": "names a snapshot in the source's storage",
    "*.velero.io": "another backup tool's records; restoring them would make it act",
}
"""As NEVER, but taken when a policy names the kind in full."""

RBAC: Final = frozenset(
    {
        "roles.rbac.authorization.k8s.io",
        "rolebindings.rbac.authorization.k8s.io",
        "clusterroles.rbac.authorization.k8s.io",
        "clusterrolebindings.rbac.authorization.k8s.io",
    }
)

_SUCCESSORS: Final = {
    ("extensions", "deployments"): "apps",
    ("extensions", "daemonsets"): "apps",
    ("extensions", "replicasets"): "apps",
    ("extensions", "ingresses"): "networking.k8s.io",
    ("extensions", "networkpolicies"): "networking.k8s.io",
    ("extensions", "podsecuritypolicies"): "policy",
}
"""Old servers show one stored object under two groups; the newer group is the one to take."""


def never(kind: ResourceKind) -> str | None:
    """Why objects of this kind are not written into any cluster."""
    return _reason(NEVER, kind.group_resource)


def by_default(kind: ResourceKind) -> str | None:
    """Why the kind is left out unless a policy names it."""
    return _reason(BY_DEFAULT, kind.group_resource)


def successor(kind: ResourceKind) -> str | None:
    """The group that shows the same objects in their newer form."""
    return _SUCCESSORS.get((kind.group, kind.resource))


def _reason(table: dict[str, str], group_resource: str) -> str | None:
    exact = table.get(group_resource)
    if exact:
        return exact
    return next((why for glob, why in table.items() if "*" in glob and fnmatchcase(group_resource, glob)), None)
