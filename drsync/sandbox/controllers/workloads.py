"""Deployments, ReplicaSets, ReplicationControllers, DaemonSets and Jobs: the pods that they ask for."""

from typing import Any

from drsync.model.resource import Manifest
from drsync.sandbox.controllers.control import Control, controller_uid, dying, owner_of
from drsync.sandbox.controllers.pods import NODE, is_ready
from drsync.sandbox.controllers.revisions import record_revision, template_hash
from drsync.sandbox.metadata import timestamp
from drsync.sandbox.selectors import label_selector
from drsync.sandbox.tree import branch, leaves

DEPLOYMENTS, REPLICA_SETS, DAEMON_SETS, JOBS = "deployments.apps", "replicasets.apps", "daemonsets.apps", "jobs.batch"
CONTROLLERS = "replicationcontrollers"
_HASH = "pod-template-hash"
_REVISION = "deployment.kubernetes.io/revision"


def reconcile_deployment(control: Control, key: str) -> None:
    deployment = control.get(DEPLOYMENTS, key)
    if deployment is None or dying(deployment):
        return
    sets = _owned(control, REPLICA_SETS, key, deployment)
    template = _bare(deployment["spec"]["template"])
    current = next((name for name, found in sets.items() if _bare(found["spec"]["template"]) == template), None)
    if deployment["spec"].get("paused") and current is None:
        return
    if current is None:
        current = _new_replica_set(control, deployment, number=len(sets) + 1)
        if current is None:
            return
    wanted = deployment["spec"].get("replicas", 1)
    for name in sets.keys() | {current}:
        _scale(control, name, wanted if name == current else 0)
    _note_revision(control, key, current)
    _deployment_status(control, key, current)


def _new_replica_set(control: Control, deployment: Manifest, *, number: int) -> str | None:
    spec, meta = deployment["spec"], deployment["metadata"]
    mark = template_hash(spec["template"])
    labels = {**branch(spec, "template", "metadata", "labels"), _HASH: mark}
    served = control.registry.kinds.builtin(DEPLOYMENTS)
    template = {**spec["template"], "metadata": {**spec["template"]["metadata"], "labels": labels}}
    selector = {**spec["selector"], "matchLabels": {**branch(spec, "selector", "matchLabels"), _HASH: mark}}
    manifest = {
        "metadata": {
            "name": f"{meta['name']}-{mark}",
            "labels": labels,
            "annotations": {_REVISION: str(number)},
            "ownerReferences": [owner_of(served, deployment)],
        },
        "spec": {"replicas": spec.get("replicas", 1), "selector": selector, "template": template},
    }
    made = control.create(REPLICA_SETS, meta["namespace"], manifest)
    return None if made is None else f"{meta['namespace']}/{meta['name']}-{mark}"


def _scale(control: Control, key: str, wanted: int) -> None:
    found = control.get(REPLICA_SETS, key)
    if found is not None and found["spec"].get("replicas") != wanted:
        found["spec"]["replicas"] = wanted
        control.update(REPLICA_SETS, key, found)


def _note_revision(control: Control, key: str, current: str) -> None:
    deployment, replica_set = control.get(DEPLOYMENTS, key), control.get(REPLICA_SETS, current)
    if deployment is None or replica_set is None:
        return
    number = branch(replica_set, "metadata", "annotations").get(_REVISION, "1")
    if branch(deployment, "metadata", "annotations").get(_REVISION) != number:
        deployment["metadata"].setdefault("annotations", {})[_REVISION] = number
        control.update(DEPLOYMENTS, key, deployment)


def _deployment_status(control: Control, key: str, current: str) -> None:
    deployment, replica_set = control.get(DEPLOYMENTS, key), control.get(REPLICA_SETS, current)
    if deployment is None or replica_set is None:
        return
    ready = branch(replica_set, "status").get("readyReplicas", 0)
    total = branch(replica_set, "status").get("replicas", 0)
    wanted = deployment["spec"].get("replicas", 1)
    available = _condition(deployment, "Available", reason="MinimumReplicas", holds=ready >= wanted)
    progressing = _condition(deployment, "Progressing", reason="NewReplicaSetAvailable", holds=True)
    counts = {
        "replicas": total,
        "updatedReplicas": total,
        "readyReplicas": ready,
        "availableReplicas": ready,
        "unavailableReplicas": max(0, wanted - ready),
    }
    status = {
        "observedGeneration": deployment["metadata"].get("generation", 1),
        **{name: count for name, count in counts.items() if count},
        "conditions": [available, progressing],
    }
    control.set_status(DEPLOYMENTS, key, status)


def _condition(manifest: Manifest, kind: str, *, reason: str, holds: bool) -> dict[str, Any]:
    status = "True" if holds else "False"
    known: dict[str, dict[str, Any]] = {one["type"]: one for one in leaves(manifest, "status", "conditions")}
    before = known.get(kind, {})
    if before.get("status") == status:
        return before
    if reason == "MinimumReplicas":
        reason += "Available" if holds else "Unavailable"
    now = timestamp()
    return {"type": kind, "status": status, "lastUpdateTime": now, "lastTransitionTime": now, "reason": reason}


def reconcile_replicas(control: Control, resource: str, key: str) -> None:
    """A ReplicaSet's or a ReplicationController's pods, as many as it says."""
    owner = control.get(resource, key)
    if owner is None or dying(owner):
        return
    pods = _live(_owned(control, "pods", key, owner))
    wanted = owner["spec"].get("replicas", 1)
    for _ in range(wanted - len(pods)):
        _add_pod(control, resource, owner, f"{owner['metadata']['name']}-")
    for name in sorted(pods, key=lambda name: is_ready(pods[name]))[: max(0, len(pods) - wanted)]:
        control.delete("pods", name)
    pods = _live(_owned(control, "pods", key, owner))
    ready = sum(map(is_ready, pods.values()))
    status: dict[str, Any] = {"replicas": len(pods), "observedGeneration": owner["metadata"].get("generation", 1)}
    counts = {"fullyLabeledReplicas": len(pods), "readyReplicas": ready, "availableReplicas": ready}
    control.set_status(resource, key, {**status, **{name: count for name, count in counts.items() if count}})


def reconcile_daemon_set(control: Control, key: str) -> None:
    """One pod on the one node."""
    owner = control.get(DAEMON_SETS, key)
    if owner is None or dying(owner):
        return
    mark = record_revision(control, DAEMON_SETS, owner, {"spec": {"template": owner["spec"]["template"]}})
    pods = _live(_owned(control, "pods", key, owner))
    for name, pod in pods.items():
        if branch(pod, "metadata", "labels").get("controller-revision-hash") != mark:
            control.delete("pods", name)
    if not pods:
        labels = {"controller-revision-hash": mark, "pod-template-generation": "1"}
        _add_pod(control, DAEMON_SETS, owner, f"{owner['metadata']['name']}-", labels=labels, node=NODE)
    ready = sum(map(is_ready, pods.values()))
    counts = {"updatedNumberScheduled": len(pods), "numberAvailable": ready, "numberUnavailable": 1 - min(1, ready)}
    status = {
        "currentNumberScheduled": len(pods),
        "numberMisscheduled": 0,
        "desiredNumberScheduled": 1,
        "numberReady": ready,
        "observedGeneration": owner["metadata"].get("generation", 1),
        **{name: count for name, count in counts.items() if count},
    }
    control.set_status(DAEMON_SETS, key, status)


def reconcile_job(control: Control, key: str) -> None:
    """Its pods succeed at once; then it is complete."""
    owner = control.get(JOBS, key)
    if owner is None or dying(owner) or owner["spec"].get("suspend"):
        return
    done = branch(owner, "status").get("completionTime")
    if done:
        return
    pods = _owned(control, "pods", key, owner)
    succeeded = sum(1 for pod in pods.values() if branch(pod, "status").get("phase") == "Succeeded")
    wanted = owner["spec"].get("completions") or 1
    for _ in range(wanted - len(pods)):
        _add_pod(control, JOBS, owner, f"{owner['metadata']['name']}-")
    status: dict[str, Any] = {"startTime": branch(owner, "status").get("startTime") or timestamp()}
    if succeeded >= wanted:
        now = timestamp()
        complete = {"type": "Complete", "status": "True", "lastProbeTime": now, "lastTransitionTime": now}
        status |= {"succeeded": succeeded, "ready": 0, "completionTime": now, "conditions": [complete]}
    else:
        status |= {"active": wanted - succeeded, "ready": 0}
    control.set_status(JOBS, key, status)


def _add_pod(
    control: Control,
    resource: str,
    owner: Manifest,
    prefix: str,
    *,
    labels: dict[str, str] | None = None,
    node: str = "",
) -> None:
    template = owner["spec"]["template"]
    meta = branch(template, "metadata")
    served = control.registry.kinds.builtin(resource)
    spec = {**template["spec"], **({"nodeName": node} if node else {})}
    manifest = {
        "metadata": {
            "generateName": prefix,
            "labels": {**branch(meta, "labels"), **(labels or {})},
            "ownerReferences": [owner_of(served, owner)],
            **({"annotations": meta["annotations"]} if meta.get("annotations") else {}),
        },
        "spec": spec,
    }
    control.create("pods", owner["metadata"]["namespace"], manifest)


def _owned(control: Control, resource: str, key: str, owner: Manifest) -> dict[str, Manifest]:
    """What belongs to an owner: by uid, or orphans that its selector matches, which it adopts."""
    namespace = key.partition("/")[0]
    selector = owner["spec"].get("selector")
    by_labels = selector if "matchLabels" in selector or "matchExpressions" in selector else {"matchLabels": selector}
    matches = label_selector(by_labels)
    found: dict[str, Manifest] = {}
    for name, manifest in control.all(resource, namespace):
        uid = controller_uid(manifest)
        if uid == owner["metadata"]["uid"]:
            found[name] = manifest
        elif not uid and matches(manifest) and not dying(manifest):
            found[name] = _adopt(control, resource, name, manifest, owner)
    return found


def _adopt(control: Control, resource: str, key: str, manifest: Manifest, owner: Manifest) -> Manifest:
    parent = {"pods": (REPLICA_SETS, DAEMON_SETS, JOBS, CONTROLLERS), REPLICA_SETS: (DEPLOYMENTS,)}[resource]
    place = f"{owner['metadata']['namespace']}/{owner['metadata']['name']}"
    for candidate in parent:
        stored = control.get(candidate, place)
        if stored is not None and stored["metadata"]["uid"] == owner["metadata"]["uid"]:
            reference = owner_of(control.registry.kinds.builtin(candidate), owner)
            manifest["metadata"]["ownerReferences"] = [*leaves(manifest, "metadata", "ownerReferences"), reference]
            return control.update(resource, key, manifest)
    return manifest


def _live(pods: dict[str, Manifest]) -> dict[str, Manifest]:
    ended = ("Succeeded", "Failed")
    return {
        name: pod for name, pod in pods.items() if not dying(pod) and branch(pod, "status").get("phase") not in ended
    }


def _bare(template: dict[str, Any]) -> dict[str, Any]:
    """A template without the mark that its ReplicaSet carries."""
    labels = {name: value for name, value in branch(template, "metadata", "labels").items() if name != _HASH}
    return {**template, "metadata": {**branch(template, "metadata"), "labels": labels}}
