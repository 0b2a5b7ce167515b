"""The fields that the server fills in where a body leaves them out."""

from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any

from drsync.model.resource import Manifest
from drsync.sandbox.tree import branch, is_list, is_map, leaves

_POD: Mapping[str, Any] = {
    "restartPolicy": "Always",
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "ClusterFirst",
    "securityContext": {},
    "schedulerName": "default-scheduler",
}
_CONTAINER: Mapping[str, Any] = {
    "resources": {},
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
}
_CLAIM_SPEC: Mapping[str, Any] = {"volumeMode": "Filesystem"}

_PLAIN: Mapping[str, Mapping[str, Any]] = {
    "deployments.apps": {
        "spec": {"replicas": 1, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600},
        "status": {},
    },
    "replicasets.apps": {"spec": {"replicas": 1}, "status": {"replicas": 0}},
    "replicationcontrollers": {"spec": {"replicas": 1}, "status": {"replicas": 0}},
    "statefulsets.apps": {
        "spec": {
            "replicas": 1,
            "podManagementPolicy": "OrderedReady",
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0, "maxUnavailable": 1}},
            "revisionHistoryLimit": 10,
            "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
        },
        "status": {"replicas": 0, "availableReplicas": 0},
    },
    "daemonsets.apps": {
        "spec": {
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}},
            "revisionHistoryLimit": 10,
        },
        "status": {"currentNumberScheduled": 0, "numberMisscheduled": 0, "desiredNumberScheduled": 0, "numberReady": 0},
    },
    "jobs.batch": {
        "spec": {
            "parallelism": 1,
            "completions": 1,
            "backoffLimit": 6,
            "manualSelector": False,
            "completionMode": "NonIndexed",
            "suspend": False,
            "podReplacementPolicy": "TerminatingOrFailed",
        },
        "status": {},
    },
    "cronjobs.batch": {
        "spec": {
            "concurrencyPolicy": "Allow",
            "suspend": False,
            "successfulJobsHistoryLimit": 3,
            "failedJobsHistoryLimit": 1,
        },
        "status": {},
    },
    "persistentvolumeclaims": {"spec": _CLAIM_SPEC, "status": {"phase": "Pending"}},
    "persistentvolumes": {
        "spec": {"persistentVolumeReclaimPolicy": "Retain", "volumeMode": "Filesystem"},
        "status": {"phase": "Pending"},
    },
    "storageclasses.storage.k8s.io": {"reclaimPolicy": "Delete", "volumeBindingMode": "Immediate"},
    "csidrivers.storage.k8s.io": {
        "spec": {
            "attachRequired": True,
            "podInfoOnMount": False,
            "volumeLifecycleModes": ["Persistent"],
            "storageCapacity": False,
            "fsGroupPolicy": "ReadWriteOnceWithFSType",
            "requiresRepublish": False,
            "seLinuxMount": False,
        }
    },
    "secrets": {"type": "Opaque"},
    "ingresses.networking.k8s.io": {"status": {"loadBalancer": {}}},
    "horizontalpodautoscalers.autoscaling": {
        "spec": {"minReplicas": 1},
        "status": {"desiredReplicas": 0, "currentMetrics": None},
    },
    "poddisruptionbudgets.policy": {
        "status": {"disruptionsAllowed": 0, "currentHealthy": 0, "desiredHealthy": 0, "expectedPods": 0}
    },
    "priorityclasses.scheduling.k8s.io": {"preemptionPolicy": "PreemptLowerPriority"},
    "resourcequotas": {"status": {}},
    "validatingadmissionpolicies.admissionregistration.k8s.io": {"spec": {"failurePolicy": "Fail"}, "status": {}},
    "customresourcedefinitions.apiextensions.k8s.io": {
        "spec": {"conversion": {"strategy": "None"}},
        "status": {"conditions": None, "acceptedNames": {"plural": "", "kind": ""}},
    },
    "pods": {"spec": {"enableServiceLinks": True}, "status": {"phase": "Pending"}},
}


def fill(manifest: dict[str, Any], defaults: Mapping[str, Any]) -> None:
    """Puts in what is missing, at any depth; what is there stays."""
    for key, value in defaults.items():
        if is_map(value):
            inner: Any = manifest.setdefault(key, {})
            if is_map(inner):
                fill(inner, value)
        elif manifest.get(key) is None:
            manifest[key] = [*value] if is_list(value) else value


def apply(resource: str, manifest: Manifest) -> None:
    """Completes a new or replaced object of a built-in kind, as decoding it does."""
    fill(manifest, _PLAIN.get(resource, {}))
    special = _SPECIAL.get(resource)
    if special is not None:
        special(manifest)


def template(holder: dict[str, Any]) -> None:
    """Completes the pod template in a spec."""
    pod = holder.setdefault("template", {})
    pod.setdefault("metadata", {})
    pod_spec(pod.setdefault("spec", {}))


def pod_spec(spec: dict[str, Any]) -> None:
    fill(spec, _POD)
    if spec.get("serviceAccountName"):
        spec.setdefault("serviceAccount", spec["serviceAccountName"])
    for container in (*leaves(spec, "containers"), *leaves(spec, "initContainers")):
        _container(container)
    for volume in leaves(spec, "volumes"):
        for source in ("configMap", "secret", "projected"):
            branch(volume, source).setdefault("defaultMode", 420)
        branch(volume, "hostPath").setdefault("type", "")


def _container(container: dict[str, Any]) -> None:
    fill(container, _CONTAINER)
    container.setdefault("imagePullPolicy", _pull_policy(str(container.get("image") or "")))
    for port in leaves(container, "ports"):
        port.setdefault("protocol", "TCP")
    for kind in ("livenessProbe", "readinessProbe", "startupProbe"):
        if kind in container:
            _probe(container[kind])


def _pull_policy(image: str) -> str:
    _, _, tag = image.rpartition("/")[2].partition(":")
    return "Always" if tag in ("", "latest") and "@" not in image else "IfNotPresent"


def _probe(probe: dict[str, Any]) -> None:
    fill(probe, {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3})
    if is_map(probe.get("httpGet")):
        fill(probe["httpGet"], {"path": "/", "scheme": "HTTP"})


def _workload(manifest: Manifest) -> None:
    template(manifest["spec"])


def _deployment(manifest: Manifest) -> None:
    strategy = manifest["spec"].setdefault("strategy", {})
    strategy.setdefault("type", "RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        fill(strategy, {"rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}})
    template(manifest["spec"])


def _stateful_set(manifest: Manifest) -> None:
    template(manifest["spec"])
    for claim in leaves(manifest, "spec", "volumeClaimTemplates"):
        fill(claim, {"kind": "PersistentVolumeClaim", "apiVersion": "v1", "spec": _CLAIM_SPEC})
        claim["status"] = {"phase": "Pending"}


def _daemon_set(manifest: Manifest) -> None:
    template(manifest["spec"])
    manifest["metadata"].setdefault("annotations", {}).setdefault("deprecated.daemonset.template.generation", "1")


def _replication_controller(manifest: Manifest) -> None:
    template(manifest["spec"])
    labels = manifest["spec"]["template"]["metadata"].get("labels")
    if labels:
        manifest["metadata"].setdefault("labels", dict(labels))
        manifest["spec"].setdefault("selector", dict(labels))


def job_labels(manifest: Manifest) -> None:
    """A job finds its pods by its own uid, unless it brings a selector."""
    spec, uid, name = manifest["spec"], manifest["metadata"]["uid"], manifest["metadata"].get("name", "")
    if spec.get("manualSelector") or spec.get("selector"):
        return
    labels = {
        "batch.kubernetes.io/controller-uid": uid,
        "batch.kubernetes.io/job-name": name,
        "controller-uid": uid,
        "job-name": name,
    }
    spec["selector"] = {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}
    meta = spec["template"]["metadata"]
    meta["labels"] = {**(meta.get("labels") or {}), **labels}
    manifest["metadata"].setdefault("labels", dict(meta["labels"]))


def _cron_job(manifest: Manifest) -> None:
    job = manifest["spec"].setdefault("jobTemplate", {})
    job.setdefault("metadata", {})
    template(job.setdefault("spec", {}))


def _pod(manifest: Manifest) -> None:
    pod_spec(manifest["spec"])


def _persistent_volume(manifest: Manifest) -> None:
    branch(manifest, "spec", "hostPath").setdefault("type", "")
    claim = branch(manifest, "spec", "claimRef")
    if claim:
        fill(claim, {"kind": "PersistentVolumeClaim", "apiVersion": "v1"})


def _claim(manifest: Manifest) -> None:
    for name in ("dataSource", "dataSourceRef"):
        other = "dataSourceRef" if name == "dataSource" else "dataSource"
        if manifest["spec"].get(other):
            manifest["spec"].setdefault(name, manifest["spec"][other])


def protect(manifest: Manifest, finalizer: str) -> None:
    """A new volume or claim cannot go while it is in use."""
    present = leaves(manifest, "metadata", "finalizers")
    if finalizer not in present:
        manifest["metadata"]["finalizers"] = [*present, finalizer]


def _secret(manifest: Manifest) -> None:
    plain: dict[str, str] = manifest.pop("stringData", None) or {}
    if plain:
        encoded = {key: b64encode(value.encode()).decode() for key, value in plain.items()}
        manifest["data"] = {**(manifest.get("data") or {}), **encoded}


def _network_policy(manifest: Manifest) -> None:
    spec = manifest.setdefault("spec", {})
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", *(["Egress"] if spec.get("egress") else [])]


def _autoscaler(manifest: Manifest) -> None:
    usage = {"type": "Utilization", "averageUtilization": 80}
    manifest["spec"].setdefault("metrics", [{"type": "Resource", "resource": {"name": "cpu", "target": usage}}])


def _binding(manifest: Manifest) -> None:
    manifest["roleRef"].setdefault("apiGroup", "rbac.authorization.k8s.io")
    for subject in leaves(manifest, "subjects"):
        if subject.get("kind") in ("User", "Group"):
            subject.setdefault("apiGroup", "rbac.authorization.k8s.io")


def _role(manifest: Manifest) -> None:
    manifest["rules"] = manifest.get("rules") or None


def _webhooks(manifest: Manifest) -> None:
    for hook in leaves(manifest, "webhooks"):
        fill(
            hook,
            {
                "failurePolicy": "Fail",
                "matchPolicy": "Equivalent",
                "namespaceSelector": {},
                "objectSelector": {},
                "timeoutSeconds": 10,
            },
        )


def _definition(manifest: Manifest) -> None:
    names = branch(manifest, "spec", "names")
    kind = str(names.get("kind") or "")
    fill(names, {"singular": kind.lower(), "listKind": f"{kind}List"})
    stored = [version["name"] for version in leaves(manifest, "spec", "versions") if version.get("storage")]
    manifest["status"].setdefault("storedVersions", stored)


_SPECIAL: Mapping[str, Callable[[Manifest], None]] = {
    "deployments.apps": _deployment,
    "replicasets.apps": _workload,
    "replicationcontrollers": _replication_controller,
    "statefulsets.apps": _stateful_set,
    "daemonsets.apps": _daemon_set,
    "jobs.batch": _workload,
    "cronjobs.batch": _cron_job,
    "pods": _pod,
    "podtemplates": template,
    "persistentvolumes": _persistent_volume,
    "persistentvolumeclaims": _claim,
    "secrets": _secret,
    "networkpolicies.networking.k8s.io": _network_policy,
    "horizontalpodautoscalers.autoscaling": _autoscaler,
    "rolebindings.rbac.authorization.k8s.io": _binding,
    "clusterrolebindings.rbac.authorization.k8s.io": _binding,
    "roles.rbac.authorization.k8s.io": _role,
    "mutatingwebhookconfigurations.admissionregistration.k8s.io": _webhooks,
    "validatingwebhookconfigurations.admissionregistration.k8s.io": _webhooks,
    "customresourcedefinitions.apiextensions.k8s.io": _definition,
}
