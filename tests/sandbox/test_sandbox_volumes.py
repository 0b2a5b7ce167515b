"""Claims and volumes: provisioned as directories, bound by name, kept or reclaimed."""

from pathlib import Path

import pytest

from tests.sandbox.conftest import MERGE

CLAIMS = "/api/v1/namespaces/app/persistentvolumeclaims"
VOLUMES = "/api/v1/persistentvolumes"


def claim(name: str = "data", **spec):
    wanted = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, **spec}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": wanted}


def volume(name: str = "pv", **spec):
    wanted = {
        "capacity": {"storage": "2Gi"},
        "accessModes": ["ReadWriteOnce"],
        "hostPath": {"path": "/nowhere"},
        **spec,
    }
    return {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": wanted}


def bound(call, name: str = "data"):
    return call.until(f"{CLAIMS}/{name}", lambda answer: answer.body["status"]["phase"] == "Bound").body


def phase(call, name: str, wanted: str):
    return call.until(f"{VOLUMES}/{name}", lambda answer: answer.body["status"]["phase"] == wanted).body


def test_a_claim_gets_a_directory_of_its_own(served, call, configmaps) -> None:
    made = call.create(CLAIMS, claim())

    found = bound(call)
    given = call.get(f"{VOLUMES}/{found['spec']['volumeName']}")

    assert made["spec"]["storageClassName"] == "standard"
    assert given["metadata"]["name"] == f"pvc-{made['metadata']['uid']}"
    assert given["spec"]["claimRef"]["uid"] == made["metadata"]["uid"]
    assert given["spec"]["persistentVolumeReclaimPolicy"] == "Delete"
    path = Path(given["spec"]["hostPath"]["path"])
    assert path.is_dir()
    assert path.parent == served.cluster.directory / "volumes"


def test_a_deleted_claim_takes_its_directory_along(call, configmaps) -> None:
    call.create(CLAIMS, claim())
    name = bound(call)["spec"]["volumeName"]
    path = Path(call.get(f"{VOLUMES}/{name}")["spec"]["hostPath"]["path"])
    (path / "file").write_text("x")

    call("DELETE", f"{CLAIMS}/data")
    call.until_gone(f"{VOLUMES}/{name}")

    assert not path.exists()


def test_a_volume_to_be_retained_is_released_with_its_data(call, configmaps) -> None:
    call.create(CLAIMS, claim())
    name = bound(call)["spec"]["volumeName"]
    kept = {"spec": {"persistentVolumeReclaimPolicy": "Retain"}}
    path = Path(call("PATCH", f"{VOLUMES}/{name}", kept, type=MERGE).body["spec"]["hostPath"]["path"])

    call("DELETE", f"{CLAIMS}/data")
    phase(call, name, "Released")

    assert path.is_dir()


def test_a_volume_that_the_sandbox_did_not_make_is_never_deleted(call, configmaps, tmp_path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    spec = {"hostPath": {"path": str(precious)}, "persistentVolumeReclaimPolicy": "Delete", "storageClassName": ""}
    call.create(VOLUMES, volume(**spec))
    call.create(CLAIMS, claim(storageClassName="", volumeName="pv"))
    bound(call)

    call("DELETE", f"{CLAIMS}/data")
    phase(call, "pv", "Failed")

    assert precious.is_dir()


def test_a_claim_binds_to_the_volume_that_it_names(call, configmaps) -> None:
    phase_before = call.create(VOLUMES, volume(storageClassName="static"))["status"]["phase"]
    phase(call, "pv", "Available")
    call.create(CLAIMS, claim(storageClassName="static", volumeName="pv"))

    bound(call)

    assert phase_before == "Pending"
    assert phase(call, "pv", "Bound")["spec"]["claimRef"]["name"] == "data"


def test_a_volume_kept_for_a_claim_goes_to_that_claim(call, configmaps) -> None:
    kept = {"namespace": "app", "name": "chosen"}
    call.create(VOLUMES, volume(storageClassName="static", claimRef=kept))
    call.create(CLAIMS, claim("other", storageClassName="static"))
    call.create(CLAIMS, claim("chosen", storageClassName="static"))

    found = bound(call, "chosen")

    assert found["spec"]["volumeName"] == "pv"
    assert call.get(f"{CLAIMS}/other")["status"]["phase"] == "Pending"


def test_a_volume_kept_for_the_uid_of_another_claim_stays_out_of_reach(call, configmaps) -> None:
    kept = {"namespace": "app", "name": "data", "uid": "00000000-0000-0000-0000-000000000000"}
    call.create(VOLUMES, volume(storageClassName="static", claimRef=kept))
    call.create(CLAIMS, claim(storageClassName="static", volumeName="pv"))

    phase(call, "pv", "Released")

    assert call.get(f"{CLAIMS}/data")["status"]["phase"] == "Pending"


@pytest.mark.parametrize(
    "spec",
    [
        {"capacity": {"storage": "512Mi"}},
        {"accessModes": ["ReadOnlyMany"]},
        {"storageClassName": "other"},
        {"volumeMode": "Block"},
    ],
)
def test_a_volume_that_does_not_fit_is_not_taken(call, configmaps, spec) -> None:
    call.create(VOLUMES, volume(**{"storageClassName": "static", **spec}))
    call.create(VOLUMES, volume("fits", storageClassName="static", capacity={"storage": "5Gi"}))
    call.create(CLAIMS, claim(storageClassName="static"))

    assert bound(call)["spec"]["volumeName"] == "fits"


def test_a_claim_of_an_unknown_class_waits_for_it(call, configmaps) -> None:
    call.create(CLAIMS, claim(storageClassName="late"))
    made = {"metadata": {"name": "late"}, "provisioner": "sandbox.drsync.io/directory"}
    before = call.get(f"{CLAIMS}/data")["status"]["phase"]
    call.create("/apis/storage.k8s.io/v1/storageclasses", made)

    bound(call)

    assert before == "Pending"


def test_a_claim_in_use_waits_for_its_pod(call, configmaps) -> None:
    call.until("/api/v1/namespaces/app/serviceaccounts/default", lambda answer: answer.status == 200)
    call.create(CLAIMS, claim())
    mounted = [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]
    pod = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}], "volumes": mounted}}
    call.create("/api/v1/namespaces/app/pods", pod)
    call.until("/api/v1/namespaces/app/pods/p", lambda answer: answer.body["status"]["phase"] == "Running")

    held = call("DELETE", f"{CLAIMS}/data").body
    call("DELETE", "/api/v1/namespaces/app/pods/p")
    call.until_gone(f"{CLAIMS}/data")

    assert held["metadata"]["finalizers"] == ["kubernetes.io/pvc-protection"]
