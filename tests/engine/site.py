"""Two sandbox clusters, a store and a policy: what the engine's tests act on."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from drsync.clock import Cancellation, SystemClock
from drsync.engine.backup import BackupOrder, BackupReport, backup
from drsync.engine.restore import RestoreOrder, RestoreReport, restore
from drsync.engine.volume_access import LocalVolumes
from drsync.engine.world import World
from drsync.kube.connect import connect
from drsync.model.ids import run_id
from drsync.model.plan import RunKind
from drsync.model.policy import (
    ClusterTarget,
    Copy,
    ProtectionPolicy,
    Schedule,
    Selection,
    VolumeMethod,
    VolumeRule,
)
from drsync.model.recovery_point import SealedPoint
from drsync.model.request import RestoreRequest
from drsync.repository.keyfile import new_key_file, read_key_file
from drsync.repository.keyring import Keyring, create_repository, open_keyring
from drsync.repository.repository import Repository
from drsync.sandbox.serving import Served, serve_in_thread
from drsync.state.catalog import resolve
from drsync.state.holder import Holder, this_holder
from drsync.stores.object_store import ObjectStore

LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"


@dataclass
class Site:
    """`store` may be swapped for a wrapper of the same bytes; runs get ids that count up."""

    primary: Served
    standby: Served
    kubeconfigs: dict[str, str]
    store: ObjectStore
    keyring: Keyring
    key_file: str
    policy: ProtectionPolicy
    access: LocalVolumes = field(default_factory=lambda: LocalVolumes(enabled=True))
    runs: int = 0

    @contextmanager
    def world(self, cluster: str, store: ObjectStore | None = None) -> Generator[World]:
        clock = SystemClock()
        cancel = Cancellation()
        chosen = store or self.store
        target = ClusterTarget(name=cluster, kubeconfig=self.kubeconfigs[cluster], local_volumes=True)
        with connect(target, clock=clock, cancel=cancel) as client:
            yield World(
                clock=clock,
                cancel=cancel,
                store=chosen,
                keyring=self.keyring,
                key_files=(self.key_file,),
                repository=Repository(chosen, self.keyring, clock=clock),
                cluster=client,
            )

    def next_suffix(self) -> str:
        self.runs += 1
        return f"aa{LETTERS[self.runs // 32 % 32]}{LETTERS[self.runs % 32]}"

    def backup(self, *, store: ObjectStore | None = None, dead_after: bool = False) -> BackupReport:
        """`dead_after`: the run's holder is a process that is gone already, as it is once this call was killed."""
        now = datetime.now(UTC)
        run = run_id(RunKind.BACKUP, now=now, suffix=self.next_suffix())
        order = BackupOrder(
            policy=self.policy,
            document="policy: shop\n",
            run=run,
            point_suffix=self.next_suffix(),
            holder=dead_holder(run) if dead_after else this_holder(run, "here"),
            tool_version="0",
        )
        with self.world("primary", store) as world:
            return backup(order, world, self.access)

    def restore(
        self,
        *,
        sealed: SealedPoint | None = None,
        store: ObjectStore | None = None,
        dead_after: bool = False,
        **request: Any,
    ) -> RestoreReport:
        """Of the newest complete point, when none is given."""
        key = self.keyring.derive("log")
        sealed = sealed or resolve(self.store, "shop@latest", key=key, now=datetime.now(UTC) + timedelta(seconds=5))
        run = run_id(RunKind.RESTORE, now=datetime.now(UTC), suffix=self.next_suffix())
        order = RestoreOrder(
            request=RestoreRequest(point=sealed.point.id, policy="shop", cluster="standby", **request),
            sealed=sealed,
            run=run,
            holder=dead_holder(run) if dead_after else this_holder(run, "here"),
            tool_version="0",
        )
        with self.world("standby", store) as world:
            return restore(order, world, self.access)


def dead_holder(run: str) -> Holder:
    """A holder on this host whose process has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return replace(this_holder(run, "here"), pid=process.pid, pid_started=1)


def api(served: Served, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    request = urllib.request.Request(
        served.url + path,
        data=None if body is None else json.dumps(body).encode(),
        method=method,
        headers={"Authorization": f"Bearer {served.token}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def shop_policy() -> ProtectionPolicy:
    return ProtectionPolicy(
        name="shop",
        cluster="primary",
        rpo=timedelta(hours=1),
        allow_live=True,
        select=Selection(namespaces=("shop",)),
        schedule=Schedule(every=timedelta(minutes=30)),
        volume_rules=(VolumeRule(method=VolumeMethod.FILESYSTEM),),
        copies=(Copy(store="dr"),),
        standbys=("standby",),
    )


@contextmanager
def opened_site(tmp_path: Path, store: ObjectStore) -> Generator[Site]:
    key_file = tmp_path / "drsync.key"
    recipient = new_key_file(str(key_file))
    create_repository(store, recipients=[recipient], single_key_accepted=True, now=datetime.now(UTC))
    keyring = open_keyring(store, [read_key_file(str(key_file))])
    with serve_in_thread(tmp_path / "primary") as primary, serve_in_thread(tmp_path / "standby") as standby:
        yield Site(
            primary=primary,
            standby=standby,
            kubeconfigs={
                "primary": write_kubeconfig(tmp_path / "primary.kubeconfig", primary),
                "standby": write_kubeconfig(tmp_path / "standby.kubeconfig", standby),
            },
            store=store,
            keyring=keyring,
            key_file=str(key_file),
            policy=shop_policy(),
        )


def write_kubeconfig(path: Path, served: Served) -> str:
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "clusters": [{"name": "here", "cluster": {"server": served.url}}],
        "users": [{"name": "here", "user": {"token": served.token}}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "here"}}],
    }
    path.write_text(json.dumps(document))
    path.chmod(0o600)
    return str(path)


def make_shop(served: Served, *, config_maps: int = 3) -> None:
    """A namespace with plain objects, an owner and what it owns, and a custom resource."""
    api(served, "POST", "/api/v1/namespaces", {"metadata": {"name": "shop", "labels": {"team": "shop"}}})
    for at in range(config_maps):
        body = {"metadata": {"name": f"settings-{at}"}, "data": {"value": str(at)}}
        api(served, "POST", "/api/v1/namespaces/shop/configmaps", body)
    api(served, "POST", "/api/v1/namespaces/shop/secrets", {"metadata": {"name": "login"}, "data": {"a": "aGVsbG8="}})
    owner = api(served, "POST", "/api/v1/namespaces/shop/configmaps", {"metadata": {"name": "owner"}})
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]}
    owned = {"metadata": {"name": "aa-owned", "ownerReferences": [reference]}, "data": {"x": "y"}}
    api(served, "POST", "/api/v1/namespaces/shop/configmaps", owned)


def names(served: Served, path: str) -> list[str]:
    return sorted(item["metadata"]["name"] for item in api(served, "GET", path)["items"])
