"""The order in which kinds are written: what others need comes first."""

from dataclasses import dataclass
from typing import Final

from drsync.model.resource import ResourceKind


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stage:
    name: str
    why: str
    kinds: frozenset[str] = frozenset()


def _stage(name: str, why: str, *kinds: str) -> _Stage:
    return _Stage(name=name, why=why, kinds=frozenset(kinds))


_TABLE: Final = (
    _stage("namespaces", "everything namespaced lives in one", "namespaces"),
    _stage(
        "definitions",
        "a custom resource can be written only when its kind is served",
        "customresourcedefinitions.apiextensions.k8s.io",
    ),
    _stage("cluster", "classes and volumes that claims and pods name; the built-in cluster-scoped kinds"),
    _stage("accounts", "pods are refused without their service account", "serviceaccounts"),
    _stage(
        "rbac",
        "an operator that comes up must be allowed to work",
        "clusterroles.rbac.authorization.k8s.io",
        "roles.rbac.authorization.k8s.io",
        "clusterrolebindings.rbac.authorization.k8s.io",
        "rolebindings.rbac.authorization.k8s.io",
    ),
    _stage("configuration", "pods wait for the Secrets and ConfigMaps that they mount", "secrets", "configmaps"),
    _stage("limits", "a pod gets its defaults at birth", "limitranges"),
    _stage("claims", "volumes are filled before anything can write to them", "persistentvolumeclaims"),
    _stage(
        "services",
        "pods get the environment of Services that are there, and network policies hold from the first packet",
        "services",
        "endpoints",
        "endpointslices.discovery.k8s.io",
        "networkpolicies.networking.k8s.io",
    ),
    _stage("custom", "what operators and meshes act on is there before they and their workloads come up"),
    _stage(
        "workloads",
        "now all that pods need is there",
        "pods",
        "replicationcontrollers",
        "daemonsets.apps",
        "deployments.apps",
        "replicasets.apps",
        "statefulsets.apps",
        "jobs.batch",
        "cronjobs.batch",
    ),
    # A quota that was lowered later never took anything away; written first, it would refuse what was over it.
    _stage(
        "bounds",
        "autoscalers, disruption budgets and quotas act on workloads",
        "horizontalpodautoscalers.autoscaling",
        "poddisruptionbudgets.policy",
        "resourcequotas",
    ),
    _stage("entrances", "traffic comes in only when there is something to answer", "ingresses.networking.k8s.io"),
    _stage(
        "admission",
        "until its own pods run, a webhook refuses what is written and an aggregated API does not answer",
        "apiservices.apiregistration.k8s.io",
        "mutatingwebhookconfigurations.admissionregistration.k8s.io",
        "validatingwebhookconfigurations.admissionregistration.k8s.io",
        "mutatingadmissionpolicies.admissionregistration.k8s.io",
        "mutatingadmissionpolicybindings.admissionregistration.k8s.io",
        "validatingadmissionpolicies.admissionregistration.k8s.io",
        "validatingadmissionpolicybindings.admissionregistration.k8s.io",
    ),
)

STAGES: Final = tuple(stage.name for stage in _TABLE)
"""In the order in which they are written. Volumes are filled right after `claims`."""

REASONS: Final = {stage.name: stage.why for stage in _TABLE}

_STAGE_OF: Final = {kind: stage.name for stage in _TABLE for kind in stage.kinds}

_BUILT_IN: Final = frozenset(
    {
        "admissionregistration.k8s.io",
        "apiextensions.k8s.io",
        "apiregistration.k8s.io",
        "authentication.k8s.io",
        "authorization.k8s.io",
        "certificates.k8s.io",
        "coordination.k8s.io",
        "discovery.k8s.io",
        "events.k8s.io",
        "flowcontrol.apiserver.k8s.io",
        "internal.apiserver.k8s.io",
        "networking.k8s.io",
        "node.k8s.io",
        "rbac.authorization.k8s.io",
        "resource.k8s.io",
        "scheduling.k8s.io",
        "storage.k8s.io",
        "storagemigration.k8s.io",
    }
)
"""Beside those without a dot; Gateway API and snapshots end in k8s.io too, and are custom resources."""


def stage_of(kind: ResourceKind) -> str:
    """The name of the stage that objects of this kind are written in."""
    stage = _STAGE_OF.get(kind.group_resource)
    if stage:
        return stage
    if "." in kind.group and kind.group not in _BUILT_IN:
        return "custom"
    # Lesser built-in kinds (claims on devices, pod templates, leases) are named by pods and name none.
    return "configuration" if kind.namespaced else "cluster"
