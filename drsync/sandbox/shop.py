"""The demo's shop: an application with two volumes of real files, and customers who keep ordering."""

import http.client
import json
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from drsync.errors import ClusterUnreachable, RequestRejected
from drsync.model.resource import Manifest
from drsync.sandbox import shop_files
from drsync.sandbox.process import SandboxCluster, token
from drsync.sandbox.tree import branch, is_map, leaves

NAMESPACE = "shop"
DATABASE, UPLOADS = "data-db-0", "uploads"
"""The claims of its two volumes."""
_READY_S = 30
_POLL_S = 0.05
_PLURALS = {"Ingress": "ingresses"}
_CLUSTER_WIDE = ("Namespace", "CustomResourceDefinition")
_READY_PATHS = (
    f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/web",
    f"/apis/apps/v1/namespaces/{NAMESPACE}/statefulsets/db",
)
_ORDERS = f"/apis/shop.example.com/v1/namespaces/{NAMESPACE}/orders"
_CUSTOMERS = ("Ada", "Grace", "Edsger", "Barbara", "Alan", "Radia")


@dataclass(frozen=True, slots=True)
class Placed:
    """Orders that were placed just now."""

    orders: tuple[str, ...]
    written_bytes: int


def manifests() -> tuple[Manifest, ...]:
    """The shop's objects in the order in which to create them."""
    text = files("drsync.sandbox").joinpath("shop.yaml").read_text()
    return tuple(yaml.safe_load_all(text))


def install(cluster: SandboxCluster, *, now: datetime) -> None:
    """Creates the shop, waits until it is ready, and fills its volumes. What is there already stays."""
    for manifest in manifests():
        if manifest["kind"] == "Secret":
            manifest["stringData"]["password"] = secrets.token_urlsafe(24)
        for owner in leaves(manifest, "metadata", "ownerReferences"):
            owner["uid"] = _request(cluster, "GET", f"{_ORDERS}/{owner['name']}")["metadata"]["uid"]
        _await(cluster, f"POST of {manifest['kind']}", _create, manifest)
    for path in _READY_PATHS:
        _await(cluster, path, _is_ready, path)
    volumes = volume_paths(cluster)
    shop_files.fill_database(volumes[DATABASE], now=now)
    shop_files.fill_uploads(volumes[UPLOADS], now=now)


def volume_paths(cluster: SandboxCluster) -> dict[str, Path]:
    """Where the data of each of the shop's bound claims lie on this host."""
    found: dict[str, Path] = {}
    claims = _request(cluster, "GET", f"/api/v1/namespaces/{NAMESPACE}/persistentvolumeclaims")
    for claim in claims["items"]:
        volume = claim["spec"].get("volumeName")
        if volume and branch(claim, "status").get("phase") == "Bound":
            spec = _request(cluster, "GET", f"/api/v1/persistentvolumes/{volume}")["spec"]
            found[claim["metadata"]["name"]] = Path(spec["hostPath"]["path"])
    return found


def place_orders(cluster: SandboxCluster, count: int, *, now: datetime) -> Placed:
    """Customers order: a custom resource, lines in the database's files, and an upload for each."""
    volumes = volume_paths(cluster)
    first = shop_files.last_order(volumes[DATABASE]) + 1
    placed: list[str] = []
    written = 0
    for number in range(first, first + count):
        customer = _CUSTOMERS[number % len(_CUSTOMERS)]
        name = f"order-{number}"
        order = {
            "apiVersion": "shop.example.com/v1",
            "kind": "Order",
            "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": {"customer": customer, "items": 1 + number % 5},
        }
        _create(cluster, order)
        written += shop_files.record_order(volumes[DATABASE], volumes[UPLOADS], number, customer, now=now)
        placed.append(name)
    return Placed(tuple(placed), written)


def orders(cluster: SandboxCluster) -> tuple[str, ...]:
    """The orders that the cluster knows, by name."""
    return tuple(one["metadata"]["name"] for one in _request(cluster, "GET", _ORDERS)["items"])


def _create(cluster: SandboxCluster, manifest: Manifest) -> bool:
    """Creates one object; says whether it is there now, or its kind has yet to be served."""
    kind = manifest["kind"]
    group = manifest["apiVersion"] if "/" in manifest["apiVersion"] else ""
    scope = "" if kind in _CLUSTER_WIDE else f"namespaces/{NAMESPACE}/"
    plural = _PLURALS.get(kind, f"{kind.lower()}s")
    path = f"/apis/{group}/{scope}{plural}" if group else f"/api/v1/{scope}{plural}"
    status, answer = _send(cluster, "POST", path, manifest)
    if status in (201, 409):
        return True
    if status == 404:
        return False
    raise _rejected(path, status, answer)


def _is_ready(cluster: SandboxCluster, path: str) -> bool:
    found = _request(cluster, "GET", path)
    return branch(found, "status").get("readyReplicas", 0) >= found["spec"]["replicas"]


def _await(cluster: SandboxCluster, what: str, holds: Any, argument: Any) -> None:
    deadline = time.monotonic() + _READY_S
    while not holds(cluster, argument):
        if time.monotonic() > deadline:
            raise ClusterUnreachable(
                f"The sandbox {cluster.name} did not get the shop ready in {_READY_S} s ({what}).",
                remedy="read server.log in the sandbox's directory, then end the sandbox and start again",
            )
        time.sleep(_POLL_S)


def _request(cluster: SandboxCluster, method: str, path: str) -> Any:
    status, answer = _send(cluster, method, path, None)
    if status != 200:
        raise _rejected(path, status, answer)
    return answer


def _rejected(path: str, status: int, answer: Any) -> RequestRejected:
    said = answer.get("message", "") if is_map(answer) else ""
    return RequestRejected(
        f"The sandbox answered {status} to {path}: {said}",
        remedy="end the sandbox, remove its directory, and start again",
        status=status,
    )


def _send(cluster: SandboxCluster, method: str, path: str, body: Manifest | None) -> tuple[int, Any]:
    at = urlsplit(cluster.url)
    connection = http.client.HTTPConnection(at.hostname or "", at.port, timeout=10)
    headers = {
        "Authorization": f"Bearer {token(cluster.kubeconfig.parent)}",
        "Content-Type": "application/json",
        "User-Agent": "shop-setup/1",
    }
    try:
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        answer = connection.getresponse()
        text = answer.read()
    except OSError as error:
        raise ClusterUnreachable(
            f"The sandbox {cluster.name} does not answer at {cluster.url}.", remedy="start it with `drsync sandbox up`"
        ) from error
    finally:
        connection.close()
    return answer.status, json.loads(text) if "json" in answer.headers.get("Content-Type", "") else text.decode()


def database_lines(volume: Path) -> Iterator[str]:
    """The order lines in the database's volume, oldest first."""
    return shop_files.order_lines(volume)
