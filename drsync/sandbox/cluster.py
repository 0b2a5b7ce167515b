"""One sandbox cluster: what it remembers, what it serves, and what moves in it by itself."""

from pathlib import Path
from typing import Any

from drsync.sandbox.addresses import Addresses
from drsync.sandbox.answers import ApiError
from drsync.sandbox.controllers import claims, definitions, pods
from drsync.sandbox.controllers.control import Control
from drsync.sandbox.controllers.loop import Controllers
from drsync.sandbox.kinds import built_in
from drsync.sandbox.registry import Place, Registry, WriteOptions
from drsync.sandbox.storage import Change, ChangeType, Storage
from drsync.sandbox.watching import Waker

_BOOTSTRAPPED = {"kubernetes.io/bootstrapping": "rbac-defaults"}
_NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")
_ROLES = ("admin", "cluster-admin", "edit", "view")
_FURNITURE: tuple[tuple[str, str, dict[str, Any]], ...] = (
    *(
        ("namespaces", "", {"metadata": {"name": n}})
        for n in ("default", "kube-system", "kube-public", "kube-node-lease")
    ),
    (
        claims.CLASSES,
        "",
        {
            "metadata": {
                "name": "standard",
                "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
            },
            "provisioner": claims.PROVISIONER,
        },
    ),
    (
        "priorityclasses.scheduling.k8s.io",
        "",
        {"metadata": {"name": "system-cluster-critical"}, "value": 2000000000},
    ),
    (
        "priorityclasses.scheduling.k8s.io",
        "",
        {"metadata": {"name": "system-node-critical"}, "value": 2000001000},
    ),
    *(
        ("clusterroles.rbac.authorization.k8s.io", "", {"metadata": {"name": n, "labels": _BOOTSTRAPPED}, "rules": []})
        for n in _ROLES
    ),
    (
        "services",
        "default",
        {
            "metadata": {"name": "kubernetes", "labels": {"component": "apiserver", "provider": "kubernetes"}},
            "spec": {"clusterIP": "10.96.0.1", "ports": [{"name": "https", "port": 443, "targetPort": 6443}]},
        },
    ),
    (
        "nodes",
        "",
        {
            "metadata": {
                "name": pods.NODE,
                "labels": {"kubernetes.io/hostname": pods.NODE, "kubernetes.io/os": "linux"},
            },
            "spec": {},
            "status": {
                "addresses": [
                    {"type": "InternalIP", "address": pods.NODE_ADDRESS},
                    {"type": "Hostname", "address": pods.NODE},
                ],
                "allocatable": {"cpu": "4", "memory": "8Gi", "pods": "110"},
                "capacity": {"cpu": "4", "memory": "8Gi", "pods": "110"},
                "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
                "nodeInfo": {"kubeletVersion": "v1.37.2+drsync-sandbox", "operatingSystem": "linux"},
            },
        },
    ),
)


class Cluster:
    """Opens the state under a directory; a new directory gets a new cluster. Needs a running event loop."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.kinds = built_in()
        self.storage = Storage(directory / "state.jsonl")
        self.addresses = Addresses()
        self.waker = Waker()
        self.registry = Registry(self.kinds, self.storage, self.addresses)
        self.controllers = Controllers(Control(self.registry, directory.absolute() / "volumes"))
        self._serve_definitions()
        followers = (self.addresses.follow, self.controllers.follow, self.waker.follow)
        for resource, key, stored in self.storage.live():
            for follow in followers:
                follow(Change(stored.revision, resource, key, ChangeType.ADDED, stored, None))
        for follow in followers:
            self.storage.listen(follow)
        self._furnish()

    def close(self) -> None:
        self.storage.close()

    def _serve_definitions(self) -> None:
        """Custom kinds that were served before are served again at once."""
        for stored in self.storage.current(definitions.RESOURCE).values():
            manifest = stored.manifest()
            if manifest["status"].get("conditions"):
                definitions.serve(self.kinds, manifest)

    def _furnish(self) -> None:
        """What every new cluster has; taken away later, it stays away."""
        if self.storage.revision:
            return
        for resource, namespace, manifest in _FURNITURE:
            place = Place(served=self.kinds.builtin(resource), namespace=namespace)
            body = {**manifest, "metadata": dict(manifest["metadata"])}
            try:
                self.registry.create(place, body, WriteOptions())
            except ApiError as error:
                raise RuntimeError(f"cannot furnish the sandbox with {resource}: {error}") from error
