"""The Endpoints and EndpointSlice of each Service that selects pods."""

from typing import Any

from drsync.model.resource import Manifest
from drsync.sandbox.controllers.control import Control, dying, owner_of
from drsync.sandbox.controllers.pods import NODE, is_ready
from drsync.sandbox.selectors import label_selector
from drsync.sandbox.tree import branch, leaves

SERVICES, ENDPOINTS, SLICES = "services", "endpoints", "endpointslices.discovery.k8s.io"


def reconcile(control: Control, key: str) -> None:
    service = control.get(SERVICES, key)
    if service is None:
        control.delete(ENDPOINTS, key)
        return
    if dying(service) or not branch(service, "spec", "selector"):
        return
    namespace, _, name = key.rpartition("/")
    matches = label_selector({"matchLabels": service["spec"]["selector"]})
    pods = [pod for _, pod in control.all("pods", namespace) if matches(pod) and is_ready(pod)]
    ports = [_port(port) for port in leaves(service, "spec", "ports")]
    labels = branch(service, "metadata", "labels")
    _put(control, ENDPOINTS, namespace, name, {"subsets": _subsets(pods, ports)}, {"labels": labels} if labels else {})
    made = {
        "labels": {
            **labels,
            "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
            "kubernetes.io/service-name": name,
        },
        "ownerReferences": [owner_of(control.registry.kinds.builtin(SERVICES), service)],
    }
    body = {"addressType": "IPv4", "endpoints": [_endpoint(pod) for pod in pods], "ports": ports}
    _put(control, SLICES, namespace, f"{name}-sandb", body, made)


def _put(
    control: Control, resource: str, namespace: str, name: str, body: dict[str, Any], meta: dict[str, Any]
) -> None:
    found = control.get(resource, f"{namespace}/{name}")
    if found is None:
        control.create(resource, namespace, {"metadata": {"name": name, **meta}, **body})
    elif any(found.get(field) != value for field, value in body.items()):
        control.update(resource, f"{namespace}/{name}", {**found, **body})


def _port(port: dict[str, Any]) -> dict[str, Any]:
    target = port.get("targetPort", port["port"])
    number = target if isinstance(target, int) else port["port"]
    return {"name": port.get("name", ""), "port": number, "protocol": port.get("protocol", "TCP")}


def _subsets(pods: list[Manifest], ports: list[dict[str, Any]]) -> list[dict[str, Any]]:
    addresses = [{"ip": pod["status"]["podIP"], "nodeName": NODE, "targetRef": _target(pod)} for pod in pods]
    return [{"addresses": addresses, "ports": ports}] if addresses else []


def _endpoint(pod: Manifest) -> dict[str, Any]:
    return {
        "addresses": [pod["status"]["podIP"]],
        "conditions": {"ready": True, "serving": True, "terminating": False},
        "nodeName": NODE,
        "targetRef": _target(pod),
    }


def _target(pod: Manifest) -> dict[str, Any]:
    meta = pod["metadata"]
    return {"kind": "Pod", "namespace": meta["namespace"], "name": meta["name"], "uid": meta["uid"]}
