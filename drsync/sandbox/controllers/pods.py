"""The one node's scheduler and kubelet: pods run as soon as their volumes are there, and end when asked."""

from hashlib import blake2b
from typing import Any

from drsync.model.resource import Manifest
from drsync.sandbox.controllers.claims import CLAIMS, claims_of
from drsync.sandbox.controllers.control import Control, dying
from drsync.sandbox.metadata import timestamp
from drsync.sandbox.tree import branch, leaves

NODE = "sandbox"
NODE_ADDRESS = "10.88.0.2"
_STEPS = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")


def reconcile(control: Control, key: str) -> None:
    pod = control.get("pods", key)
    if pod is None:
        return
    if dying(pod):
        if not leaves(pod, "metadata", "finalizers"):
            control.registry.finish_delete(control.place("pods", key))
        return
    phase = branch(pod, "status").get("phase")
    if phase not in (None, "Pending") or not _volumes_ready(control, key, pod):
        return
    if not pod["spec"].get("nodeName"):
        pod["spec"]["nodeName"] = NODE
        pod = control.update("pods", key, pod)
    if pod["spec"]["nodeName"] == NODE:
        control.set_status("pods", key, _running(pod))


def is_ready(pod: Manifest) -> bool:
    return not dying(pod) and any(
        one["type"] == "Ready" and one["status"] == "True" for one in leaves(pod, "status", "conditions")
    )


def _volumes_ready(control: Control, key: str, pod: Manifest) -> bool:
    namespace = key.partition("/")[0]
    found = (control.get(CLAIMS, f"{namespace}/{name}") for name in claims_of(pod))
    return all(claim is not None and branch(claim, "status").get("phase") == "Bound" for claim in found)


def _running(pod: Manifest) -> dict[str, Any]:
    """The status of a pod that runs; of a job's pod, that is done already."""
    now = timestamp()
    done = any(one["kind"] == "Job" for one in leaves(pod, "metadata", "ownerReferences"))
    ended = {"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": now, "finishedAt": now}}
    state = ended if done else {"running": {"startedAt": now}}
    containers = [_container(one, state, ready=not done) for one in leaves(pod, "spec", "containers")]
    conditions = [
        {
            "type": step,
            "status": "False" if done and step in ("Ready", "ContainersReady") else "True",
            "lastProbeTime": None,
            "lastTransitionTime": now,
        }
        for step in _STEPS
    ]
    address = _address(pod["metadata"]["uid"])
    return {
        **branch(pod, "status"),
        "phase": "Succeeded" if done else "Running",
        "observedGeneration": pod["metadata"].get("generation", 1),
        "conditions": conditions,
        "hostIP": NODE_ADDRESS,
        "hostIPs": [{"ip": NODE_ADDRESS}],
        "podIP": address,
        "podIPs": [{"ip": address}],
        "startTime": now,
        "containerStatuses": containers,
    }


def _container(container: dict[str, Any], state: dict[str, Any], *, ready: bool) -> dict[str, Any]:
    digest = blake2b(str(container.get("image")).encode(), digest_size=32).hexdigest()
    return {
        "name": container["name"],
        "image": container.get("image", ""),
        "imageID": f"{str(container.get('image')).partition(':')[0]}@sha256:{digest}",
        "containerID": f"sandbox://{digest}",
        "ready": ready,
        "started": ready,
        "restartCount": 0,
        "state": state,
        "lastState": {},
    }


def _address(uid: str) -> str:
    first, second = blake2b(uid.encode(), digest_size=2).digest()
    return f"10.88.{first}.{max(3, second)}"
