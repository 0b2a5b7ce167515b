"""An application that uses what applications use: the input of the main job."""

import os
import random
from pathlib import Path
from typing import Any

from tests.e2e.api import Api, Manifest
from tests.e2e.oracle import Key, snapshot
from tests.e2e.provisioner import CLASS
from tests.e2e.wait import until

CLUSTER_KINDS = (
    "CustomResourceDefinition.apiextensions.k8s.io",
    "PriorityClass.scheduling.k8s.io",
)
PLURAL, GROUP = "orders", "shop.drsync.test"
_LABELS = {"app": "web"}


def custom_resource() -> Manifest:
    """The definition of the shop's own kind."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"plural": PLURAL, "singular": "order", "kind": "Order"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{PLURAL}.{GROUP}"},
        "spec": {"group": GROUP, "names": names, "scope": "Namespaced", "versions": [version]},
    }


def install(api: Api, namespace: str) -> None:
    """Creates everything and waits until it runs. A stand-in kubelet and provisioner must be at work."""
    api.apply(custom_resource())
    api.apply(_thing("scheduling.k8s.io/v1", "PriorityClass", "shop-high", value=1000, globalDefault=False))
    path = f"/apis/{GROUP}/v1/namespaces/{namespace}/{PLURAL}"
    until(lambda: api.request("GET", path).status == 200, "the served custom resource")
    account = f"/api/v1/namespaces/{namespace}/serviceaccounts/default"
    until(lambda: api.find(account), "the default service account")
    # Before the pods: the admission controller gives them what their account has then.
    api.merge(account, {"imagePullSecrets": [{"name": "login"}]})
    for manifest in manifests(namespace):
        api.create(manifest, namespace=namespace)
    _own_the_orders(api, namespace)
    settled(api, namespace)


def settled(api: Api, namespace: str) -> None:
    """Waits until the workloads are available and the claims bound."""
    apps = f"/apis/apps/v1/namespaces/{namespace}"
    until(lambda: api.get(f"{apps}/deployments/web")["status"].get("availableReplicas") == 2, "the deployment")
    until(lambda: api.get(f"{apps}/statefulsets/db")["status"].get("readyReplicas") == 1, "the stateful set")
    claims = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims"
    until(lambda: all(c["status"].get("phase") == "Bound" for c in api.get(claims)["items"]), "bound claims")
    until(lambda: _quiet(api, namespace), "controllers that have nothing more to do")


def change(api: Api, namespace: str) -> None:
    """What a day of work does to it: something new, something changed, something gone."""
    api.create(_thing("v1", "ConfigMap", "added", data={"day": "2"}), namespace=namespace)
    api.merge(f"/api/v1/namespaces/{namespace}/configmaps/settings", {"data": {"mode": "night"}})
    api.delete(f"/api/v1/namespaces/{namespace}/configmaps/obsolete")


def write_files(root: Path, *, seed: int = 1) -> None:
    """Files of every kind that a volume may hold."""
    rng = random.Random(seed)  # noqa: S311 - repeatable files, no secret
    (root / "deep" / "deeper").mkdir(parents=True)
    for number in range(40):
        (root / "deep" / f"small-{number:03}").write_bytes(rng.randbytes(rng.randrange(0, 9000)))
    (root / "large.bin").write_bytes(rng.randbytes(3 << 20))
    (root / "twin").hardlink_to(root / "large.bin")
    (root / "link").symlink_to("deep/small-001")
    (root / "dangling").symlink_to("/nowhere")
    (root / "empty").touch()
    (root / "empty folder").mkdir(mode=0o700)
    (root / os.fsdecode(b"not-utf8-\xff\n")).write_bytes(b"any bytes")
    (root / "deep" / "private").write_bytes(b"secret")
    (root / "deep" / "private").chmod(0o400)
    os.setxattr(root / "large.bin", "user.checksum", b"\x00\x01")
    with (root / "sparse").open("wb") as file:
        file.seek(64 << 20)
        file.write(b"end")
    if os.geteuid() == 0:
        os.chown(root / "deep" / "small-002", 1001, 1002)
    os.utime(root / "deep" / "small-003", ns=(1, 981_173_106_123_456_789))
    os.utime(root / "link", ns=(2, 981_173_106_000_000_001), follow_symlinks=False)
    os.utime(root / "deep", ns=(3, 981_173_106_000_000_002))


def change_files(root: Path) -> None:
    """Some new, some changed in the middle, some gone, some with other attributes only."""
    (root / "deep" / "small-004").unlink()
    (root / "new").write_bytes(b"new")
    with (root / "large.bin").open("r+b") as file:
        file.seek(1 << 20)
        file.write(b"changed in the middle")
    (root / "deep" / "small-005").chmod(0o640)
    (root / "link").unlink()
    (root / "link").symlink_to("deep/small-006")


def manifests(namespace: str) -> list[Manifest]:
    """The application's objects, in an order in which they can be created."""
    return [
        *_configuration(),
        *_access(namespace),
        _claim("data"),
        *_services(),
        *_workloads(),
        *_policies(),
        _thing(f"{GROUP}/v1", "Order", "first", spec={"items": [1, 2.5, True, None], "nested": {"a": {}}}),
        _thing(f"{GROUP}/v1", "Order", "child", spec={"of": "first"}),
    ]


def _configuration() -> list[Manifest]:
    return [
        _thing("v1", "ConfigMap", "settings", data={"mode": "day", "empty": ""}, binaryData={"raw": "AP8="}),
        _thing("v1", "ConfigMap", "obsolete", data={"old": "yes"}),
        _thing("v1", "ConfigMap", "fixed", data={"a": "b"}, immutable=True),
        _thing("v1", "Secret", "login", type="Opaque", data={"token": "czNjcmV0", "ca.crt": "eA=="}),
        _thing("v1", "ResourceQuota", "most", spec={"hard": {"configmaps": "100"}}),
        _thing("v1", "LimitRange", "least", spec={"limits": [{"type": "Container", "default": {"cpu": "1"}}]}),
    ]


def _access(namespace: str) -> list[Manifest]:
    rbac = "rbac.authorization.k8s.io/v1"
    rule = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}
    subject = {"kind": "ServiceAccount", "name": "web", "namespace": namespace}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"}
    return [
        _thing("v1", "ServiceAccount", "web", imagePullSecrets=[{"name": "login"}]),
        _thing(rbac, "Role", "reader", rules=[rule]),
        _thing(rbac, "RoleBinding", "reader", roleRef=role, subjects=[subject]),
    ]


def _services() -> list[Manifest]:
    port = {"name": "http", "port": 80, "targetPort": 8080}
    return [
        _thing("v1", "Service", "web", spec={"type": "NodePort", "selector": _LABELS, "ports": [port]}),
        _thing("v1", "Service", "db", spec={"clusterIP": "None", "selector": {"app": "db"}, "ports": [port]}),
        _thing("v1", "Service", "outside", spec={"ports": [port]}),
        _thing("v1", "Endpoints", "outside", subsets=[{"addresses": [{"ip": "192.0.2.7"}], "ports": [{"port": 8080}]}]),
        _thing("v1", "Service", "alias", spec={"type": "ExternalName", "externalName": "example.invalid"}),
    ]


def _workloads() -> list[Manifest]:
    # Two entries of one name are what create accepts and server-side apply does not.
    env = [{"name": "MODE", "value": "a"}, {"name": "MODE", "value": "b"}]
    container = {"name": "main", "image": "example.invalid/web:1", "env": env}
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    web = {"containers": [container], "serviceAccountName": "web", "priorityClassName": "shop-high", "volumes": volumes}
    plain = {"containers": [{"name": "main", "image": "example.invalid/db:1"}]}
    job = {"template": {"spec": {**plain, "restartPolicy": "Never"}}, "suspend": True}
    return [
        _thing("apps/v1", "Deployment", "web", spec={"replicas": 2, **_template("web", web)}),
        _thing("apps/v1", "StatefulSet", "db", spec={
            "replicas": 1, "serviceName": "db", "volumeClaimTemplates": [_claim("disk")], **_template("db", plain),
        }),
        _thing("batch/v1", "CronJob", "nightly", spec={"schedule": "0 3 * * *", "jobTemplate": {"spec": job}}),
        _thing("batch/v1", "Job", "once", spec=job),
        _thing("v1", "Pod", "lonely", spec=plain),
    ]  # fmt: skip


def _policies() -> list[Manifest]:
    path = {"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "web", "port": {"number": 80}}}}
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    return [
        _thing("networking.k8s.io/v1", "Ingress", "web", spec={"rules": [{"host": "a.b", "http": {"paths": [path]}}]}),
        _thing("networking.k8s.io/v1", "NetworkPolicy", "closed", spec={"podSelector": {}, "policyTypes": ["Ingress"]}),
        _thing("policy/v1", "PodDisruptionBudget", "web", spec={
            "minAvailable": 1, "selector": {"matchLabels": _LABELS},
        }),
        _thing("autoscaling/v2", "HorizontalPodAutoscaler", "web", spec={
            "minReplicas": 2, "maxReplicas": 4, "scaleTargetRef": target,
        }),
    ]  # fmt: skip


def _own_the_orders(api: Api, namespace: str) -> None:
    """One custom resource owns another: a restore that keeps the old uid loses the second."""
    path = f"/apis/{GROUP}/v1/namespaces/{namespace}/{PLURAL}"
    owner = {"apiVersion": f"{GROUP}/v1", "kind": "Order", "name": "first"}
    owner["uid"] = api.get(f"{path}/first")["metadata"]["uid"]
    api.merge(f"{path}/child", {"metadata": {"ownerReferences": [owner]}})


def _thing(api_version: str, kind: str, name: str, **fields: Any) -> Manifest:
    labels = {"app.kubernetes.io/part-of": "shop"}
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "labels": labels}, **fields}


def _template(name: str, spec: Manifest) -> Manifest:
    labels = {"app": name}
    return {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": spec}}


def _claim(name: str) -> Manifest:
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
        "storageClassName": CLASS,
    }
    return _thing("v1", "PersistentVolumeClaim", name, spec=spec)


_last_seen: dict[str, dict[Key, str]] = {}


def _quiet(api: Api, namespace: str) -> bool:
    """Whether nothing was written to the namespace since the last time this was asked."""
    key = f"{api.server}/{namespace}"
    now = {key: item["metadata"]["resourceVersion"] for key, item in snapshot(api, [namespace]).items()}
    before, _last_seen[key] = _last_seen.get(key), now
    return before == now
