"""Real control planes on loopback: etcd, kube-apiserver and kube-controller-manager as plain processes.

Any number run side by side; each has its own folder, keys and ports. No root, no containers:

    with Cluster("primary", root=folder) as cluster:
        cluster.api.get("/api/v1/namespaces")
"""

import base64
import json
import os
import secrets
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import urllib3

from tests.e2e.api import Api, Refused
from tests.e2e.binaries import binaries
from tests.e2e.pki import Authority, write_signing_pair
from tests.e2e.process import Process

_READY_WITHIN_S = 90
_ADMIN, _MANAGER = "admin", "kube-controller-manager"
_USERS = {_ADMIN: (_ADMIN, "system:masters"), _MANAGER: ("system:kube-controller-manager", "")}
"""The name of a kubeconfig, and the user and group that its token stands for."""


class Cluster:
    """One control plane.

    `etcd_overrides` names resources as `GROUP/PLURAL` (the core group is empty: `/events`) that live in
    a second etcd, whose revisions have nothing to do with those of the first.
    """

    def __init__(
        self,
        name: str,
        *,
        root: Path,
        apiserver_args: Sequence[str] = (),
        etcd_overrides: Sequence[str] = (),
        controller_manager: bool = True,
        users: dict[str, tuple[str, str]] | None = None,
    ) -> None:
        self.name = name
        self.root = root
        self.users = _USERS | (users or {})
        self._tokens = {user: secrets.token_hex(16) for user in self.users}
        self._apiserver_args = tuple(apiserver_args)
        self._etcd_overrides = tuple(etcd_overrides)
        self._controller_manager = controller_manager
        self._processes: dict[str, Process] = {}
        self._binaries = binaries()
        root.mkdir(parents=True, exist_ok=True)
        self._pki = root / "pki"
        _make_keys(self._pki, name)
        self._write_tokens()
        self._ports = free_ports(5)
        self.server = f"https://127.0.0.1:{self._ports[0]}"
        self.kubeconfig = self.write_kubeconfig(_ADMIN)
        self.api = Api(self.server, ca=self._pki / "ca.crt", token=self._tokens[_ADMIN])

    def __enter__(self) -> Self:
        start(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def token(self) -> str:
        """The administrator's bearer token."""
        return self._tokens[_ADMIN]

    @property
    def authority(self) -> Path:
        """The certificate that the API server's own was issued by."""
        return self._pki / "ca.crt"

    def launch(self) -> None:
        """Starts etcd and the API server, and waits for nothing."""
        self._start_etcd("etcd", self._ports[1], self._ports[2])
        if self._etcd_overrides:
            self._start_etcd("etcd-second", self._ports[3], self._ports[4])
        self.start_api_server(wait=False)

    def settle(self) -> None:
        """Waits for the API server, and starts what needs it."""
        self._await("/readyz")
        if self._controller_manager:
            self._start_manager()
            # Pods need the default service account, and the controller manager makes it.
            self._await("/api/v1/namespaces/default/serviceaccounts/default")

    def stop(self) -> None:
        """Ends every process. Killing the API server loses nothing: its state is in etcd."""
        for name in (_MANAGER, "kube-apiserver", "etcd-second", "etcd"):
            if process := self._processes.pop(name, None):
                process.stop()

    def stop_api_server(self) -> None:
        """As a crash does it: connections break, nothing is said."""
        self._processes.pop("kube-apiserver").stop(grace_s=0)

    def start_api_server(self, *, wait: bool = True) -> None:
        """On the same port and with the same state as before."""
        main, second = (f"http://127.0.0.1:{port}" for port in (self._ports[1], self._ports[3]))
        overrides = ",".join(f"{resource}#{second}" for resource in self._etcd_overrides)
        self._spawn(
            "kube-apiserver",
            f"--etcd-servers={main}",
            *([f"--etcd-servers-overrides={overrides}"] if overrides else []),
            "--bind-address=127.0.0.1",
            f"--secure-port={self._ports[0]}",
            "--advertise-address=127.0.0.1",
            "--endpoint-reconciler-type=none",
            f"--tls-cert-file={self._pki / 'apiserver.crt'}",
            f"--tls-private-key-file={self._pki / 'apiserver.key'}",
            f"--client-ca-file={self._pki / 'ca.crt'}",
            f"--token-auth-file={self.root / 'tokens.csv'}",
            "--authorization-mode=Node,RBAC",
            "--anonymous-auth=false",
            "--allow-privileged=true",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={self._pki / 'sa.pub'}",
            f"--service-account-signing-key-file={self._pki / 'sa.key'}",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--profiling=false",
            *self._apiserver_args,
        )
        if wait:
            self._await("/readyz")

    def restart_api_server(self) -> None:
        self.stop_api_server()
        self.start_api_server()

    def write_kubeconfig(self, user: str) -> Path:
        """A kubeconfig of one of the users, readable by the owner alone."""
        path = self.root / f"{user}.kubeconfig"
        authority = base64.b64encode((self._pki / "ca.crt").read_bytes()).decode()
        cluster = {"server": self.server, "certificate-authority-data": authority}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": self.name,
            "clusters": [{"name": self.name, "cluster": cluster}],
            "users": [{"name": user, "user": {"token": self._tokens[user]}}],
            "contexts": [{"name": self.name, "context": {"cluster": self.name, "user": user}}],
        }
        path.touch(mode=0o600)
        path.write_text(json.dumps(config, indent=1))
        return path

    def create_namespace(self, prefix: str = "t", **labels: str) -> str:
        """A namespace of its own for a test. Leave it: deleting one takes seconds."""
        name = f"{prefix}-{secrets.token_hex(3)}"
        self.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
        return name

    def log(self, process: str = "kube-apiserver") -> str:
        """The end of a process's log."""
        return self._processes[process].tail()

    def _start_etcd(self, name: str, port: int, peer_port: int) -> None:
        client, peer = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peer_port}"
        self._spawn(
            name,
            f"--data-dir={self.root / name}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--log-level=warn",
            # The processes are killed, the machine is not: what is written survives without it.
            "--unsafe-no-fsync",
            "--quota-backend-bytes=4294967296",
            binary="etcd",
        )

    def _start_manager(self) -> None:
        self._spawn(
            _MANAGER,
            f"--kubeconfig={self.write_kubeconfig(_MANAGER)}",
            "--leader-elect=false",
            "--secure-port=0",
            "--use-service-account-credentials=true",
            f"--service-account-private-key-file={self._pki / 'sa.key'}",
            f"--root-ca-file={self._pki / 'ca.crt'}",
            f"--cluster-signing-cert-file={self._pki / 'ca.crt'}",
            f"--cluster-signing-key-file={self._pki / 'ca.key'}",
            # With its defaults it takes five seconds more until the first service account is there.
            "--kube-api-qps=500",
            "--kube-api-burst=1000",
        )

    def _spawn(self, name: str, *args: str, binary: str = "") -> None:
        program = self._binaries / (binary or name)
        # Behind a proxy the parts of a cluster must still reach each other directly.
        env = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
        self._processes[name] = Process([program, *args], log=self.root / f"{name}.log", env=env)

    def _await(self, path: str) -> None:
        deadline = time.monotonic() + _READY_WITHIN_S
        last: Exception | None = None
        while time.monotonic() < deadline:
            for process in self._processes.values():
                process.check()
            try:
                answer = self.api.request("GET", path, timeout_s=2)
                if answer.status == 200:
                    return
                last = Refused(answer.status, answer.body.decode(errors="replace"), path)
            except urllib3.exceptions.HTTPError as error:
                last = error
            time.sleep(0.05)
        raise TimeoutError(f"{self.name}: no {path} within {_READY_WITHIN_S} s: {last}\n{self.log()}")

    def _write_tokens(self) -> None:
        path = self.root / "tokens.csv"
        path.touch(mode=0o600)
        lines = [f'{self._tokens[key]},{user},{key},"{group}"' for key, (user, group) in self.users.items()]
        path.write_text("\n".join(lines) + "\n")


def start(*clusters: Cluster) -> None:
    """Starts clusters side by side; none is left running when one of them fails."""
    try:
        for cluster in clusters:
            cluster.launch()
        for cluster in clusters:
            cluster.settle()
    except BaseException:
        for cluster in clusters:
            with suppress(OSError):
                cluster.stop()
        raise


def _make_keys(folder: Path, name: str) -> None:
    authority = Authority.create(folder, f"ca-{name}")
    authority.issue("apiserver", addresses=("127.0.0.1", "10.96.0.1"))
    write_signing_pair(folder, "sa")


def free_ports(count: int) -> tuple[int, ...]:
    """Ports that were free a moment ago, all different."""
    held = [socket.socket() for _ in range(count)]
    try:
        for listener in held:
            listener.bind(("127.0.0.1", 0))
        return tuple(listener.getsockname()[1] for listener in held)
    finally:
        for listener in held:
            listener.close()
