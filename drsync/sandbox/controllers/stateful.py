"""StatefulSets: numbered pods, each with claims of its own that outlive it."""

from typing import Any

from drsync.model.resource import Manifest
from drsync.sandbox.controllers.claims import CLAIMS
from drsync.sandbox.controllers.control import Control, dying, owner_of
from drsync.sandbox.controllers.pods import is_ready
from drsync.sandbox.controllers.revisions import record_revision
from drsync.sandbox.tree import branch, leaves

STATEFUL_SETS = "statefulsets.apps"
_MARK = "controller-revision-hash"


def reconcile(control: Control, key: str) -> None:
    owner = control.get(STATEFUL_SETS, key)
    if owner is None or dying(owner):
        return
    mark = f"{owner['metadata']['name']}-" + record_revision(
        control, STATEFUL_SETS, owner, {"spec": {"template": owner["spec"]["template"]}}
    )
    wanted = owner["spec"].get("replicas", 1)
    for number in range(wanted):
        if not _keep_pod(control, owner, number, mark) and owner["spec"].get("podManagementPolicy") != "Parallel":
            break
    for name, pod in _pods(control, owner):
        if int(name.rpartition("-")[2]) >= wanted and not dying(pod):
            control.delete("pods", name)
    _tell(control, key, owner, mark)


def _keep_pod(control: Control, owner: Manifest, number: int, mark: str) -> bool:
    """Makes the pod, or makes it anew after a change; says whether it is ready."""
    namespace, name = owner["metadata"]["namespace"], f"{owner['metadata']['name']}-{number}"
    pod = control.get("pods", f"{namespace}/{name}")
    if pod is None:
        _make_claims(control, owner, number)
        control.create("pods", namespace, _pod(control, owner, name, number, mark))
        return False
    if not dying(pod) and branch(pod, "metadata", "labels").get(_MARK) != mark:
        _replace(control, owner, pod)
        return False
    return is_ready(pod)


def _replace(control: Control, owner: Manifest, pod: Manifest) -> None:
    """Ends a pod of an older template, or one that nobody owns and that stands in the way."""
    key = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
    mine = any(one["uid"] == owner["metadata"]["uid"] for one in leaves(pod, "metadata", "ownerReferences"))
    if mine or not leaves(pod, "metadata", "ownerReferences"):
        control.delete("pods", key)


def _make_claims(control: Control, owner: Manifest, number: int) -> None:
    meta = owner["metadata"]
    labels = branch(owner, "spec", "selector", "matchLabels")
    for template in leaves(owner, "spec", "volumeClaimTemplates"):
        name = f"{template['metadata']['name']}-{meta['name']}-{number}"
        if control.get(CLAIMS, f"{meta['namespace']}/{name}") is None:
            made = {
                **branch(template, "metadata"),
                "name": name,
                "labels": {**branch(template, "metadata", "labels"), **labels},
            }
            control.create(CLAIMS, meta["namespace"], {"metadata": made, "spec": dict(template["spec"])})


def _pod(control: Control, owner: Manifest, name: str, number: int, mark: str) -> Manifest:
    template = owner["spec"]["template"]
    claims = {
        one["metadata"]["name"]: f"{one['metadata']['name']}-{owner['metadata']['name']}-{number}"
        for one in leaves(owner, "spec", "volumeClaimTemplates")
    }
    volumes: list[dict[str, Any]] = [one for one in leaves(template, "spec", "volumes") if one["name"] not in claims]
    volumes += [{"name": short, "persistentVolumeClaim": {"claimName": claim}} for short, claim in claims.items()]
    labels = {
        **branch(template, "metadata", "labels"),
        "apps.kubernetes.io/pod-index": str(number),
        _MARK: mark,
        "statefulset.kubernetes.io/pod-name": name,
    }
    meta: dict[str, Any] = {
        "name": name,
        "generateName": f"{owner['metadata']['name']}-",
        "labels": labels,
        "ownerReferences": [owner_of(control.registry.kinds.builtin(STATEFUL_SETS), owner)],
    }
    spec = {**template["spec"], "hostname": name, "subdomain": owner["spec"].get("serviceName", "")}
    if volumes:
        spec["volumes"] = volumes
    return {"metadata": meta, "spec": spec}


def _pods(control: Control, owner: Manifest) -> list[tuple[str, Manifest]]:
    uid = owner["metadata"]["uid"]
    return [
        (key, pod)
        for key, pod in control.all("pods", owner["metadata"]["namespace"])
        if any(one["uid"] == uid for one in leaves(pod, "metadata", "ownerReferences"))
    ]


def _tell(control: Control, key: str, owner: Manifest, mark: str) -> None:
    pods = [pod for _, pod in _pods(control, owner) if not dying(pod)]
    ready = sum(map(is_ready, pods))
    counts = {"readyReplicas": ready, "currentReplicas": len(pods), "updatedReplicas": len(pods)}
    status = {
        "observedGeneration": owner["metadata"].get("generation", 1),
        "replicas": len(pods),
        **{name: count for name, count in counts.items() if count},
        "currentRevision": mark,
        "updateRevision": mark,
        "collisionCount": 0,
        "availableReplicas": ready,
    }
    control.set_status(STATEFUL_SETS, key, status)
