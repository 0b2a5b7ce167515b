"""Volumes and claims: binding, provisioning directories, protecting what is in use, reclaiming."""

import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

from drsync.model.resource import Manifest
from drsync.sandbox.controllers.control import Control, dying
from drsync.sandbox.metadata import timestamp
from drsync.sandbox.selectors import label_selector
from drsync.sandbox.tree import branch, leaves

CLAIMS, VOLUMES, CLASSES = "persistentvolumeclaims", "persistentvolumes", "storageclasses.storage.k8s.io"
PROVISIONER = "sandbox.drsync.io/directory"
_CLAIM_FINALIZER, _VOLUME_FINALIZER = "kubernetes.io/pvc-protection", "kubernetes.io/pv-protection"
_BOUND, _BY_CONTROLLER = "pv.kubernetes.io/bind-completed", "pv.kubernetes.io/bound-by-controller"
_PROVISIONED = "pv.kubernetes.io/provisioned-by"
_PROVISIONERS = ("volume.beta.kubernetes.io/storage-provisioner", "volume.kubernetes.io/storage-provisioner")
_UNITS = {"Ki": 1024, "Mi": 1024**2, "Gi": 1024**3, "Ti": 1024**4, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


def reconcile_claim(control: Control, key: str) -> None:
    claim = control.get(CLAIMS, key)
    if claim is None:
        return
    if dying(claim):
        if not _in_use(control, key):
            control.drop_finalizer(CLAIMS, key, _CLAIM_FINALIZER)
    elif branch(claim, "status").get("phase") == "Bound":
        if control.get(VOLUMES, claim["spec"].get("volumeName", "")) is None:
            control.set_status(CLAIMS, key, {**claim["status"], "phase": "Lost"})
    else:
        _bind(control, key, claim)


def reconcile_volume(control: Control, key: str) -> None:
    volume = control.get(VOLUMES, key)
    if volume is None:
        return
    reference = branch(volume, "spec", "claimRef")
    claim = control.get(CLAIMS, _claim_key(reference)) if reference else None
    held = claim is not None and reference.get("uid") in (None, "", claim["metadata"]["uid"])
    if held and reference.get("uid"):
        _set_phase(control, key, "Bound")
    elif reference.get("uid"):
        _release(control, key, volume)
    else:
        _set_phase(control, key, "Available")
    if dying(volume) and not (held and reference.get("uid")):
        control.drop_finalizer(VOLUMES, key, _VOLUME_FINALIZER)


def _release(control: Control, key: str, volume: Manifest) -> None:
    """The claim is gone: the volume's data goes too, or waits for a person."""
    if volume["spec"].get("persistentVolumeReclaimPolicy") != "Delete":
        _set_phase(control, key, "Released")
        return
    made = branch(volume, "metadata", "annotations").get(_PROVISIONED) == PROVISIONER
    path = Path(branch(volume, "spec", "hostPath").get("path") or "/")
    if not made or path.parent != control.volumes:
        _set_phase(control, key, "Failed")
        return
    shutil.rmtree(path, ignore_errors=True)
    control.delete(VOLUMES, key)


def _set_phase(control: Control, key: str, phase: str) -> None:
    volume = control.get(VOLUMES, key)
    status = branch(volume, "status") if volume else {}
    if status.get("phase") != phase:
        control.set_status(VOLUMES, key, {"phase": phase, "lastPhaseTransitionTime": timestamp()})


def _bind(control: Control, key: str, claim: Manifest) -> None:
    named = claim["spec"].get("volumeName", "")
    if named:
        volume = control.get(VOLUMES, named)
        if volume is not None and _may_have(volume, key, claim):
            _join(control, key, claim, volume, chosen=False)
        return
    volume = _matching(control, key, claim) or _provision(control, key, claim)
    if volume is not None:
        _join(control, key, claim, volume, chosen=True)


def _may_have(volume: Manifest, key: str, claim: Manifest) -> bool:
    """Whether a volume is free, or kept for this very claim."""
    reference = branch(volume, "spec", "claimRef")
    if dying(volume):
        return False
    if not reference:
        return True
    return _claim_key(reference) == key and reference.get("uid") in (None, "", claim["metadata"]["uid"])


def _matching(control: Control, key: str, claim: Manifest) -> Manifest | None:
    wanted = claim["spec"]
    size = _bytes(branch(wanted, "resources", "requests").get("storage", "0"))
    found: list[tuple[bool, Decimal, str, Manifest]] = []
    for name, volume in control.all(VOLUMES):
        spec = volume["spec"]
        fits = (
            _may_have(volume, key, claim)
            and spec.get("storageClassName", "") == (wanted.get("storageClassName") or "")
            and set(wanted["accessModes"]) <= set(spec.get("accessModes") or ())
            and spec.get("volumeMode") == wanted.get("volumeMode")
            and _bytes(branch(spec, "capacity").get("storage", "0")) >= size
            and ("selector" not in wanted or label_selector(wanted["selector"])(volume))
        )
        if fits:
            kept = bool(branch(volume, "spec", "claimRef"))
            found.append((not kept, _bytes(spec["capacity"]["storage"]), name, volume))
    return min(found, key=lambda one: one[:3])[3] if found else None


def _provision(control: Control, key: str, claim: Manifest) -> Manifest | None:
    """A directory as a volume, for a class whose provisioner the sandbox is."""
    name = claim["spec"].get("storageClassName")
    storage_class = control.get(CLASSES, name) if name else None
    if storage_class is None or claim["spec"].get("volumeMode") != "Filesystem":
        return None
    if storage_class["provisioner"] != PROVISIONER or "selector" in claim["spec"]:
        return None
    if storage_class.get("volumeBindingMode") == "WaitForFirstConsumer" and not _in_use(control, key):
        return None
    volume = f"pvc-{claim['metadata']['uid']}"
    path = control.volumes / volume
    path.mkdir(parents=True, exist_ok=True, mode=0o755)
    spec = {
        "capacity": {"storage": branch(claim, "spec", "resources", "requests")["storage"]},
        "accessModes": claim["spec"]["accessModes"],
        "hostPath": {"path": str(path), "type": "DirectoryOrCreate"},
        "persistentVolumeReclaimPolicy": storage_class.get("reclaimPolicy", "Delete"),
        "storageClassName": name,
        "volumeMode": "Filesystem",
        "claimRef": _reference(key, claim),
    }
    made = {"metadata": {"name": volume, "annotations": {_PROVISIONED: PROVISIONER}}, "spec": spec}
    return control.create(VOLUMES, "", made) or control.get(VOLUMES, volume)


def _join(control: Control, key: str, claim: Manifest, volume: Manifest, *, chosen: bool) -> None:
    name = volume["metadata"]["name"]
    if branch(volume, "spec", "claimRef").get("uid") != claim["metadata"]["uid"]:
        volume["spec"]["claimRef"] = _reference(key, claim)
        if chosen:
            volume["metadata"].setdefault("annotations", {})[_BY_CONTROLLER] = "yes"
        volume = control.update(VOLUMES, name, volume)
    _set_phase(control, name, "Bound")
    notes = claim["metadata"].setdefault("annotations", {})
    notes[_BOUND] = "yes"
    if chosen:
        notes[_BY_CONTROLLER] = "yes"
    if branch(volume, "metadata", "annotations").get(_PROVISIONED):
        notes.update(dict.fromkeys(_PROVISIONERS, volume["metadata"]["annotations"][_PROVISIONED]))
    claim["spec"]["volumeName"] = name
    control.update(CLAIMS, key, claim)
    status = {
        "phase": "Bound",
        "accessModes": volume["spec"]["accessModes"],
        "capacity": {"storage": volume["spec"]["capacity"]["storage"]},
    }
    control.set_status(CLAIMS, key, status)


def _reference(key: str, claim: Manifest) -> dict[str, Any]:
    namespace, _, name = key.rpartition("/")
    return {
        "kind": "PersistentVolumeClaim",
        "apiVersion": "v1",
        "namespace": namespace,
        "name": name,
        "uid": claim["metadata"]["uid"],
        "resourceVersion": claim["metadata"]["resourceVersion"],
    }


def _claim_key(reference: dict[str, Any]) -> str:
    return f"{reference.get('namespace')}/{reference.get('name')}"


def _in_use(control: Control, key: str) -> bool:
    """Whether a pod that is not finished mounts the claim."""
    namespace, _, name = key.rpartition("/")
    return any(
        name in claims_of(pod)
        for _, pod in control.all("pods", namespace)
        if branch(pod, "status").get("phase") not in ("Succeeded", "Failed")
    )


def claims_of(pod: Manifest) -> set[str]:
    """The names of the claims that a pod mounts."""
    mounted = (branch(volume, "persistentVolumeClaim").get("claimName") for volume in leaves(pod, "spec", "volumes"))
    return {str(name) for name in mounted if name}


def _bytes(quantity: str) -> Decimal:
    text = str(quantity)
    for unit, factor in _UNITS.items():
        if text.endswith(unit):
            return Decimal(text.removesuffix(unit)) * factor
    return Decimal(text)
