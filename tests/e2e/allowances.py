"""What may differ between an object and its restored copy, field by field, and why.

Written from what Kubernetes does, not from what drsync does: whatever is not listed here must be equal.
A path is a tuple of keys; `*` stands for any item of a list. The condition, where there is one, sees
both values and must hold for the difference to be allowed.
"""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.e2e.api import Manifest

Path = tuple[str, ...]
Condition = Callable[[Any, Any], bool]

EVERY = "*"


@dataclass(frozen=True, slots=True)
class Allowance:
    kinds: tuple[str, ...]
    """`Kind.group`, or `Kind` in the core group."""
    path: Path
    why: str
    when: Condition | None = None


def _both(before: Any, after: Any) -> bool:
    return bool(before) and bool(after)


def _addresses(before: Any, after: Any) -> bool:
    return all(_is_address(value) for value in (before, after))


def _is_address(value: Any) -> bool:
    try:
        return bool(ipaddress.ip_address(value))
    except ValueError:
        return False


def _uids(before: Any, after: Any) -> bool:
    return all(isinstance(value, str) and re.fullmatch(r"[0-9a-f-]{36}", value) for value in (before, after))


def _ports(before: Any, after: Any) -> bool:
    return all(isinstance(value, int) and 30_000 <= value < 32_768 for value in (before, after))


_JOB_LABELS = ("controller-uid", "batch.kubernetes.io/controller-uid")
_WORKLOADS = ("Deployment.apps", "ReplicaSet.apps")
_BINDING = ("pv.kubernetes.io/bind-completed", "pv.kubernetes.io/bound-by-controller")

ALLOWANCES: tuple[Allowance, ...] = (
    Allowance((EVERY,), ("metadata", "uid"), "the server gives each object its own", _uids),
    Allowance((EVERY,), ("metadata", "resourceVersion"), "counts the writes of one cluster", _both),
    Allowance((EVERY,), ("metadata", "creationTimestamp"), "when this copy was made", _both),
    Allowance((EVERY,), ("metadata", "generation"), "counts the changes of this copy", _both),
    Allowance((EVERY,), ("metadata", "managedFields"), "who wrote which field of this copy, and when"),
    Allowance(
        (EVERY,),
        ("metadata", "generateName"),
        "what the name was made from, once",
        lambda _, after: after is None,
    ),
    Allowance((EVERY,), ("metadata", "ownerReferences", "*", "uid"), "the owner's copy has its own", _uids),
    Allowance((EVERY,), ("status",), "observed by the controllers of each cluster"),
    Allowance(
        _WORKLOADS,
        ("metadata", "annotations", "deployment.kubernetes.io/revision"),
        "the controller counts the rollouts that it sees",
        _both,
    ),
    Allowance(("Service",), ("spec", "clusterIP"), "from each cluster's own range", _addresses),
    Allowance(("Service",), ("spec", "clusterIPs", "*"), "from each cluster's own range", _addresses),
    Allowance(("Service",), ("spec", "ports", "*", "nodePort"), "given out by each cluster", _ports),
    Allowance(("Service",), ("spec", "healthCheckNodePort"), "given out by each cluster", _ports),
    *(
        Allowance(("PersistentVolumeClaim",), ("metadata", "annotations", name), "written when a claim is bound")
        for name in (
            *_BINDING,
            "volume.beta.kubernetes.io/storage-provisioner",
            "volume.kubernetes.io/storage-provisioner",
            "volume.kubernetes.io/selected-node",
        )
    ),
    Allowance(
        ("PersistentVolumeClaim",),
        ("metadata", "annotations", "drsync.io/restored-by"),
        "the run that made the claim, so that it and no other fills the volume",
        lambda before, after: before is None and str(after).startswith("r-"),
    ),
    Allowance(("PersistentVolumeClaim",), ("spec", "volumeName"), "each cluster has its own volume", _both),
    Allowance(("PersistentVolume",), ("spec", "claimRef", "uid"), "the claim's copy has its own", _uids),
    Allowance(("PersistentVolume",), ("spec", "claimRef", "resourceVersion"), "counts the writes of one cluster"),
    Allowance(("PersistentVolume",), ("metadata", "annotations", _BINDING[1]), "written when a volume is bound"),
    *(
        Allowance(("Job.batch",), (*parent, label), "names the job's own uid", _uids)
        for label in _JOB_LABELS
        for parent in (
            ("metadata", "labels"),
            ("spec", "selector", "matchLabels"),
            ("spec", "template", "metadata", "labels"),
        )
    ),
    *(
        Allowance(("Secret",), path, "a token is signed by its own cluster", _both)
        for path in (
            ("data", "token"),
            ("data", "ca.crt"),
            ("metadata", "annotations", "kubernetes.io/service-account.uid"),
        )
    ),
    Allowance(("APIService.apiregistration.k8s.io",), ("spec", "caBundle"), "may be injected by each cluster", _both),
)

_TOKEN_SECRET = "kubernetes.io/service-account-token"


def allowed(kind: str, manifest: Manifest, path: Path, before: Any, after: Any) -> bool:
    """Whether this difference is on the list. `path` is of real keys and list positions."""
    return any(
        (EVERY in entry.kinds or kind in entry.kinds)
        and _covers(entry.path, path)
        and (kind != "Secret" or entry.kinds == (EVERY,) or manifest.get("type") == _TOKEN_SECRET)
        and (entry.when is None or entry.when(before, after))
        for entry in ALLOWANCES
    )


def _covers(pattern: Path, path: Path) -> bool:
    """`status` covers all that is below it; a `*` covers a list position."""
    return len(path) >= len(pattern) and all(want in ("*", have) for want, have in zip(pattern, path, strict=False))


@dataclass(frozen=True, slots=True)
class Generated:
    """Objects that each cluster makes by itself, and that are therefore not compared one by one."""

    kinds: tuple[str, ...]
    why: str
    when: Callable[[Manifest], bool] | None = None


def _has_controller(manifest: Manifest) -> bool:
    return any(owner.get("controller") for owner in manifest["metadata"].get("ownerReferences", []))


def _is_an_old_rollout(manifest: Manifest) -> bool:
    return _has_controller(manifest) and manifest["spec"].get("replicas") == 0


def _by_endpoint_controllers(manifest: Manifest) -> bool:
    labels = manifest["metadata"].get("labels", {})
    names = ("endpoints.kubernetes.io/managed-by", "endpointslice.kubernetes.io/managed-by")
    return any(labels.get(name, "").startswith("endpoint") for name in names)


def _provisioned(manifest: Manifest) -> bool:
    return "pv.kubernetes.io/provisioned-by" in manifest["metadata"].get("annotations", {})


def _root_certificate(manifest: Manifest) -> bool:
    return manifest["metadata"]["name"] == "kube-root-ca.crt"


GENERATED: tuple[Generated, ...] = (
    Generated(("Event", "Event.events.k8s.io"), "tells what happened in one cluster"),
    Generated(("Lease.coordination.k8s.io",), "held by a process that runs in one cluster"),
    Generated(("PodMetrics.metrics.k8s.io",), "measured in each cluster"),
    Generated(("ControllerRevision.apps",), "the controller's own record of rollouts"),
    Generated(("ConfigMap",), "the certificate of each cluster's own authority", _root_certificate),
    Generated(("ReplicaSet.apps",), "the controller's own record of an earlier rollout", _is_an_old_rollout),
    Generated(("Pod",), "made by the controller that owns it", _has_controller),
    Generated(
        ("Endpoints", "EndpointSlice.discovery.k8s.io"),
        "written by the controllers from services and pods",
        _by_endpoint_controllers,
    ),
    Generated(
        ("PersistentVolume",), "provided by each cluster's provisioner; its data are compared as files", _provisioned
    ),
)


def made_by_the_cluster(kind: str, manifest: Manifest) -> str:
    """Why each cluster makes an object like this by itself; empty when it has to be restored."""
    reasons = (entry.why for entry in GENERATED if kind in entry.kinds and (entry.when is None or entry.when(manifest)))
    return next(reasons, "")
