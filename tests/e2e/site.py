"""A person's desk: policy files, a key, and the `drsync` command as a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.e2e.api import Manifest
from tests.e2e.cluster import Cluster
from tests.e2e.process import Process

ROOT = Path(__file__).parents[2]
_LIMIT_S = 240
_API_VERSION = "drsync.io/v1alpha1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    def __str__(self) -> str:
        return f"exit {self.code}\n--- stdout\n{self.out[-4000:]}\n--- stderr\n{self.err[-4000:]}"


class Site:
    """One folder with everything that a person has, and nothing from outside of it."""

    def __init__(self, folder: Path, *, store: Mapping[str, Any] | None = None, env: Mapping[str, str] | None = None):
        self.folder = folder
        self.policies = folder / "policies"
        self.policies.mkdir(parents=True, exist_ok=True)
        self.specs: dict[tuple[str, str], Mapping[str, Any]] = {}
        self.key_file = folder / "drsync.key"
        self.store_folder = folder / "store"
        self.store_folder.mkdir(exist_ok=True)
        self.store = dict(store or {"provider": "filesystem", "filesystem": {"path": str(self.store_folder)}})
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "PYTHONPATH": str(ROOT),
            "DRSYNC_CONFIG": str(self.policies),
            "DRSYNC_KEY_FILE": str(self.key_file),
            **(env or {}),
        }
        self.write("BackupStore", "store", self.store)

    @property
    def store_url(self) -> str:
        return self.store_folder.as_uri()

    def write(self, kind: str, name: str, spec: Mapping[str, Any]) -> None:
        """Writes a policy file."""
        self.specs[kind, name] = spec
        document = {"apiVersion": _API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec}
        (self.policies / f"{kind.lower()}-{name}.yaml").write_text(yaml.safe_dump(document))

    def add_cluster(self, name: str, cluster: Cluster, *, local_volumes: bool = True) -> None:
        connect = {"mode": "kubeconfig", "kubeconfig": str(cluster.kubeconfig), "localVolumes": local_volumes}
        self.write("ClusterTarget", name, {"connect": connect, "readsStores": ["store"]})

    def protect(self, name: str, namespaces: Sequence[str], **spec: Any) -> None:
        """Writes a policy for namespaces of the cluster `primary`; `spec` replaces whole fields of it."""
        wanted = {
            "source": {"cluster": "primary"},
            "objectives": {"rpo": "1h", "allowLive": True},
            "select": {"namespaces": {"names": list(namespaces)}},
            "copies": [{"store": "store"}],
            "standbys": [{"cluster": "standby"}],
        }
        self.write("ProtectionPolicy", name, wanted | spec)

    def drsync(self, *args: str, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Result:
        """Runs one command to its end."""
        done = subprocess.run(
            [sys.executable, "-m", "drsync", *args],
            env={**self.env, **(env or {})},
            cwd=cwd or self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_LIMIT_S,
            check=False,
        )
        return Result(code=done.returncode, out=done.stdout.decode(), err=done.stderr.decode())

    def ok(self, *args: str, codes: Sequence[int] = (0,)) -> Any:
        """Runs a command that must end with one of the codes; returns its JSON."""
        result = self.drsync(*args, "-o", "json")
        assert result.code in codes, f"drsync {' '.join(args)}: {result}"
        return result.json

    def start(self, *args: str, env: Mapping[str, str] | None = None, log: str = "drsync.log") -> Process:
        """Starts a command and leaves it running."""
        command = [sys.executable, "-m", "drsync", *args]
        return Process(command, log=self.folder / log, env={**self.env, **(env or {})}, cwd=self.folder)

    def init(self) -> None:
        self.ok("init", "store", "--accept-single-key")

    def points(self) -> list[Manifest]:
        return self.ok("get", "points")["items"]
