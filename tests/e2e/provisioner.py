"""A stand-in provisioner: claims of class `standard` get a directory of this host.

It does what an external provisioner does: it makes a PersistentVolume for a pending claim, and
removes it and its directory when the claim is gone and the volume says Delete. Binding is left to the
real controller manager. A claim of mode Block gets an image file.
"""

import shutil
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.e2e.api import Api, Manifest, Refused
from tests.e2e.kubelet import NODE
from tests.e2e.loop import Loop

CLASS = "standard"
_NAME = "directories.drsync.test"


class Provisioner:
    """Serves one cluster until it is stopped; its directories are under `root`."""

    def __init__(self, api: Api, *, root: Path) -> None:
        self._api = api
        self.root = root
        self._loop: Loop | None = None

    def __enter__(self) -> Self:
        self._api.apply(_storage_class())
        self._loop = Loop(self._work, name="provisioner")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._loop:
            self._loop.stop()

    def path_of(self, namespace: str, claim: str) -> Path:
        """The directory (or the image file) behind a bound claim."""
        volume = self._api.get(f"/api/v1/namespaces/{namespace}/persistentvolumeclaims/{claim}")["spec"]["volumeName"]
        return volume_path(self._api.get(f"/api/v1/persistentvolumes/{volume}"))

    def _work(self) -> None:
        for claim in self._api.get("/api/v1/persistentvolumeclaims?resourceVersion=0")["items"]:
            if _is_ours(claim):
                self._provide(claim)
        for volume in self._api.get("/api/v1/persistentvolumes?resourceVersion=0")["items"]:
            if _is_finished(volume):
                self._remove(volume)

    def _provide(self, claim: Manifest) -> None:
        name = f"pvc-{claim['metadata']['uid']}"
        path = self.root / name
        block = claim["spec"].get("volumeMode") == "Block"
        try:
            self._api.create(_volume(name, claim, _local(path) if block else _host_path(path)))
        except Refused as refusal:
            if refusal.status == 409:
                return
            raise
        if block:
            self.root.mkdir(parents=True, exist_ok=True)
            path.touch()
        else:
            path.mkdir(parents=True, exist_ok=True)

    def _remove(self, volume: Manifest) -> None:
        path = volume_path(volume)
        self._api.delete(f"/api/v1/persistentvolumes/{volume['metadata']['name']}")
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def volume_path(volume: Manifest) -> Path:
    """Where a volume's data are on this host."""
    source = volume["spec"].get("hostPath") or volume["spec"]["local"]
    return Path(source["path"])


def _is_ours(claim: Manifest) -> bool:
    spec = claim["spec"]
    pending = claim["status"].get("phase") == "Pending" and not spec.get("volumeName")
    return pending and spec.get("storageClassName") == CLASS and "deletionTimestamp" not in claim["metadata"]


def _is_finished(volume: Manifest) -> bool:
    ours = volume["metadata"].get("annotations", {}).get("pv.kubernetes.io/provisioned-by") == _NAME
    released = volume["status"].get("phase") == "Released"
    return ours and released and volume["spec"]["persistentVolumeReclaimPolicy"] == "Delete"


def _storage_class() -> Manifest:
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": CLASS, "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
        "provisioner": _NAME,
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "Immediate",
    }


def _volume(name: str, claim: Manifest, source: dict[str, Any]) -> Manifest:
    metadata, spec = claim["metadata"], claim["spec"]
    owner = {"kind": "PersistentVolumeClaim", "apiVersion": "v1"}
    owner |= {key: metadata[key] for key in ("namespace", "name", "uid")}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name, "annotations": {"pv.kubernetes.io/provisioned-by": _NAME}},
        "spec": {
            "capacity": spec["resources"]["requests"],
            "accessModes": spec["accessModes"],
            "volumeMode": spec.get("volumeMode", "Filesystem"),
            "storageClassName": CLASS,
            "persistentVolumeReclaimPolicy": "Delete",
            "claimRef": owner,
            **source,
        },
    }


def _host_path(path: Path) -> dict[str, Any]:
    return {"hostPath": {"path": str(path)}}


def _local(path: Path) -> dict[str, Any]:
    here = {"key": "kubernetes.io/hostname", "operator": "In", "values": [NODE]}
    return {
        "local": {"path": str(path)},
        "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}},
    }
