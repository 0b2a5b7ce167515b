"""A client for a scripted server, with a clock whose sleeps take no time."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from drsync.clock import Cancellation
from drsync.kube.client import KubeClient
from drsync.kube.connect import connect
from drsync.kube.wire import Timeouts
from drsync.model.policy import ClusterTarget
from drsync.model.resource import ResourceKind

CONFIG_MAPS = ResourceKind(group="", version="v1", resource="configmaps", kind="ConfigMap", namespaced=True)
SECRETS = ResourceKind(group="", version="v1", resource="secrets", kind="Secret", namespaced=True)
WIDGETS = ResourceKind(group="example.com", version="v1", resource="widgets", kind="Widget", namespaced=True)


@dataclass
class QuickClock:
    """Sleeps move it on and are noted."""

    slept: list[float] = field(default_factory=list)
    at_s: float = 1000.0

    def now(self) -> datetime:
        return datetime(2026, 8, 21, tzinfo=UTC) + timedelta(seconds=self.at_s)

    def boot_s(self) -> float:
        return self.at_s

    def sleep(self, seconds: float, cancel: Cancellation) -> None:
        cancel.check()
        self.slept.append(seconds)
        self.at_s += seconds


@pytest.fixture
def clock() -> QuickClock:
    return QuickClock()


@pytest.fixture
def write_kubeconfig(tmp_path: Path) -> Callable[..., Path]:
    """Writes a kubeconfig with one context for a server; `user` and `cluster` add to its entries."""

    def write(server: str, *, user: dict | None = None, cluster: dict | None = None, name: str = "kubeconfig") -> Path:
        path = tmp_path / name
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "here",
            "clusters": [{"name": "c", "cluster": {"server": server, **(cluster or {})}}],
            "users": [{"name": "u", "user": {"token": "t0k3n"} if user is None else user}],
            "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
        }
        path.write_text(yaml.safe_dump(document))
        return path

    return write


@pytest.fixture
def open_client(write_kubeconfig: Callable[..., Path], clock: QuickClock) -> Callable[..., KubeClient]:
    """A client for a server's URL."""

    def open_(url: str, *, cancel: Cancellation | None = None, connections: int = 8, **entries: dict) -> KubeClient:
        target = ClusterTarget(name="here", kubeconfig=str(write_kubeconfig(url, **entries)))
        timeouts = Timeouts(connect_s=2, read_s=2)
        return connect(target, clock=clock, cancel=cancel, timeouts=timeouts, connections=connections)

    return open_
