"""One sandbox cluster: what it remembers, what it serves, and what moves in it by itself."""

from pathlib import Path

from drsync.sandbox.kinds import built_in
from drsync.sandbox.registry import Place, Registry, WriteOptions
from drsync.sandbox.storage import Storage

_FIRST_NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")


class Cluster:
    """Opens the state under a directory; a new directory gets a new cluster."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.kinds = built_in()
        self.storage = Storage(directory / "state.jsonl")
        self.registry = Registry(self.kinds, self.storage)
        self._furnish()

    def close(self) -> None:
        self.storage.close()

    def _furnish(self) -> None:
        """What every cluster has from the start."""
        served = self.kinds.builtin("namespaces")
        for name in _FIRST_NAMESPACES:
            if self.storage.get("namespaces", name) is None:
                self.registry.create(Place(served=served), {"metadata": {"name": name}}, WriteOptions())
