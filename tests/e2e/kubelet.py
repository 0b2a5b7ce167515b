"""A stand-in kubelet: pods become Running and Ready, and go when they are deleted, without containers.

It binds every pod to its one node, waits until the pod's claims are bound, and reports the pod as a
kubelet does. Pods of Jobs succeed at once. A pod with the label `drsync.test/writer: NAME` gets a real
process, made by the writer of that name from the directories of the pod's volumes; the process runs as
long as the pod is there.
"""

import subprocess
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.e2e.api import Api, Manifest, Refused
from tests.e2e.loop import Loop

NODE = "stand-in"
WRITER_LABEL = "drsync.test/writer"
Writer = Callable[[Mapping[str, Path]], Sequence[str]]
"""From the volumes' directories, by the names that the pod gives them, to a command."""

_HEARTBEAT_S = 10


class Kubelet:
    """The only node of a cluster; `log_folder` takes what the writers print."""

    def __init__(self, api: Api, *, log_folder: Path, writers: Mapping[str, Writer] | None = None) -> None:
        self._api = api
        self._writers = dict(writers or {})
        self._log_folder = log_folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._reported: set[str] = set()
        self._beat_at = datetime.min.replace(tzinfo=UTC)
        self._loop: Loop | None = None

    def __enter__(self) -> Self:
        self._log_folder.mkdir(parents=True, exist_ok=True)
        self._register()
        self._loop = Loop(self._work, name="kubelet")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._loop:
                self._loop.stop()
        finally:
            for uid in list(self._running):
                self._end(uid)

    def _work(self) -> None:
        self._beat()
        pods = self._api.get("/api/v1/pods?resourceVersion=0")["items"]
        for gone in set(self._running) - {pod["metadata"]["uid"] for pod in pods}:
            self._end(gone)
        for pod in pods:
            try:
                self._serve(pod)
            except Refused as refusal:
                # Gone or changed since it was listed: the next round sees it as it is.
                if refusal.status not in {404, 409}:
                    raise

    def _serve(self, pod: Manifest) -> None:
        path = f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"
        uid = pod["metadata"]["uid"]
        if "deletionTimestamp" in pod["metadata"]:
            self._end(uid)
            self._api.call("DELETE", path, {"gracePeriodSeconds": 0, "preconditions": {"uid": uid}})
        elif not pod["spec"].get("nodeName"):
            self._api.call("POST", f"{path}/binding", _binding(pod))
        elif pod["status"].get("phase") == "Pending" and uid not in self._reported:
            volumes = self._volumes(pod)
            if volumes is not None:
                self._start(pod, volumes)
                self._api.merge(f"{path}/status", {"metadata": {"uid": uid}, "status": _status(pod)})
                self._reported.add(uid)

    def _volumes(self, pod: Manifest) -> dict[str, Path] | None:
        """The directories of the pod's claims, by volume name; None while one of them is not bound."""
        found: dict[str, Path] = {}
        for volume in pod["spec"].get("volumes", []):
            if "persistentVolumeClaim" not in volume:
                continue
            namespace, name = pod["metadata"]["namespace"], volume["persistentVolumeClaim"]["claimName"]
            claim = self._api.find(f"/api/v1/namespaces/{namespace}/persistentvolumeclaims/{name}")
            if not claim or claim["status"].get("phase") != "Bound":
                return None
            spec = self._api.get(f"/api/v1/persistentvolumes/{claim['spec']['volumeName']}")["spec"]
            source = spec.get("hostPath") or spec.get("local")
            if source:
                found[volume["name"]] = Path(source["path"])
        return found

    def _start(self, pod: Manifest, volumes: Mapping[str, Path]) -> None:
        writer = self._writers.get(pod["metadata"].get("labels", {}).get(WRITER_LABEL, ""))
        uid = pod["metadata"]["uid"]
        if not writer or uid in self._running:
            return
        with (self._log_folder / f"{pod['metadata']['name']}.log").open("ab") as sink:
            # The kernel ends it with this thread, so no writer outlives its kubelet.
            command = ["setpriv", "--pdeathsig", "KILL", "--", *writer(volumes)]
            self._running[uid] = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, start_new_session=True
            )

    def _end(self, uid: str) -> None:
        if process := self._running.pop(uid, None):
            process.kill()
            process.wait()

    def _register(self) -> None:
        labels = {"kubernetes.io/hostname": NODE, "kubernetes.io/os": "linux"}
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE, "labels": labels}}
        self._api.apply(node, manager=NODE)
        self._beat()

    def _beat(self) -> None:
        """Without a heartbeat the node is lost after a minute, and its pods are evicted."""
        now = datetime.now(UTC)
        if (now - self._beat_at).total_seconds() < _HEARTBEAT_S:
            return
        ready = {
            "type": "Ready",
            "status": "True",
            "reason": "KubeletReady",
            "lastHeartbeatTime": _seconds(now),
            "lastTransitionTime": _seconds(now),
        }
        room = {"cpu": "64", "memory": "256Gi", "pods": "1000"}
        status = {"conditions": [ready], "capacity": room, "allocatable": room}
        self._api.merge(f"/api/v1/nodes/{NODE}/status", {"status": status})
        self._beat_at = now


def _binding(pod: Manifest) -> Manifest:
    metadata = {"name": pod["metadata"]["name"], "namespace": pod["metadata"]["namespace"]}
    target = {"apiVersion": "v1", "kind": "Node", "name": NODE}
    return {"apiVersion": "v1", "kind": "Binding", "metadata": metadata, "target": target}


def _status(pod: Manifest) -> dict[str, Any]:
    now = _seconds(datetime.now(UTC))
    is_job = any(owner["kind"] == "Job" for owner in pod["metadata"].get("ownerReferences", []))
    ready = "False" if is_job else "True"
    conditions = [
        {
            "type": kind,
            "status": "True" if kind in {"PodScheduled", "Initialized"} else ready,
            "lastTransitionTime": now,
        }
        for kind in ("PodScheduled", "Initialized", "ContainersReady", "Ready")
    ]
    return {
        "phase": "Succeeded" if is_job else "Running",
        "conditions": conditions,
        "startTime": now,
        "podIP": "127.0.0.1",
        "podIPs": [{"ip": "127.0.0.1"}],
        "hostIP": "127.0.0.1",
        "containerStatuses": [_container_status(entry, now, done=is_job) for entry in pod["spec"]["containers"]],
    }


def _container_status(container: Manifest, now: str, *, done: bool) -> dict[str, Any]:
    running = {"running": {"startedAt": now}}
    ended = {"terminated": {"exitCode": 0, "startedAt": now, "finishedAt": now}}
    return {
        "name": container["name"],
        "image": container["image"],
        "imageID": container["image"],
        "ready": not done,
        "started": not done,
        "restartCount": 0,
        "state": ended if done else running,
    }


def _seconds(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
