"""`drsync demo`: the main job on this machine, as a person would do it by hand."""

import os
import shlex
import shutil
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from drsync.cli import main as cli
from drsync.cli.output import tell
from drsync.errors import DrsyncError, UserError
from drsync.repository.keyfile import new_key_file
from drsync.sandbox import process, proof, shop
from drsync.sandbox.process import SandboxCluster

_RPO_S: Final = 20
_NEW_ORDERS: Final = 3
_MARK: Final = ".drsync-demo"
"""Marks a folder as the demo's own, so that nothing else is ever emptied."""

_POLICIES: Final = """\
# What `drsync demo` protects. RPO and interval are short, so that a breach can be watched.
apiVersion: drsync.io/v1alpha1
kind: ProtectionPolicy
metadata: {{name: shop}}
spec:
  source: {{cluster: primary}}
  objectives: {{rpo: {rpo}s, allowLive: true}} # the shop's files are read while it runs, and count all the same
  schedule: {{every: {every}s}}
  select: {{namespaces: {{names: [shop]}}}}
  copies: [{{store: dr}}]
  standbys: [{{cluster: standby}}]
---
apiVersion: drsync.io/v1alpha1
kind: BackupStore
metadata: {{name: dr}}
spec:
  provider: filesystem
  filesystem: {{path: ../store}}
  encryption: {{keyRef: {{file: ../drsync.key}}}}
---
apiVersion: drsync.io/v1alpha1
kind: ClusterTarget
metadata: {{name: primary}}
spec: {{connect: {{mode: kubeconfig, kubeconfig: ../sandbox/primary/kubeconfig, localVolumes: true}}}}
---
apiVersion: drsync.io/v1alpha1
kind: ClusterTarget
metadata: {{name: standby}}
spec:
  connect: {{mode: kubeconfig, kubeconfig: ../sandbox/standby/kubeconfig, localVolumes: true}}
  readsStores: [dr]
"""


@click.command("demo")
@click.option("--dir", "directory", default="demo", show_default=True, metavar="DIR", help="Where everything goes.")
def command(directory: str) -> int:
    """The main job on this machine, without a cloud and without a cluster: about a minute.

    Two small API servers, a folder as the object store, a shop with two volumes of real files.
    Protects it, captures it, changes data, captures again, restores into the standby, proves that
    the data are equal, then stops the primary and lets the exposure grow past the objective.
    """
    place = Path(directory)
    _clear(place)
    config = ("--config", str(place / "policies"))
    primary, standby = _clusters(place)
    _protect(place, primary, config)
    _title("Restore the newest point into the standby")
    _call("restore", "shop@latest", "--to", "standby", *config)
    if not _prove(primary, standby):
        return 9
    _breach(place, config)
    _print_next(place)
    return 0


def _clusters(place: Path) -> tuple[SandboxCluster, SandboxCluster]:
    _title("Two small clusters: primary and standby")
    _call("sandbox", "up", "--dir", str(place / "sandbox"))
    clusters = {c.name: c for c in process.running(place / "sandbox")}
    return clusters["primary"], clusters["standby"]


def _protect(place: Path, primary: SandboxCluster, config: tuple[str, str]) -> None:
    """A shop, a policy, a store, and two captures with a change between them."""
    _title("A shop runs in the primary: a website, a database, two volumes of files")
    shop.install(primary, now=datetime.now(UTC))
    tell(f"  {len(shop.orders(primary))} orders so far, two volumes of files under {primary.data_dir}")

    _title("A policy says what to protect; a store keeps it, encrypted with a key that only you have")
    _write_policies(place)
    tell("  a second key, to be kept elsewhere, in case the first is lost: recovery.key")
    _call("init", "dr", *config, "--recipient", new_key_file(str(place / "recovery.key")))

    _title("First capture")
    _call("backup", "shop", *config)

    _title("The shop goes on: new orders, longer files, another capture")
    placed = shop.place_orders(primary, _NEW_ORDERS, now=datetime.now(UTC))
    tell(f"  {_NEW_ORDERS} new orders: {', '.join(placed.orders)}")
    _call("backup", "shop", *config)


def _prove(primary: SandboxCluster, standby: SandboxCluster) -> bool:
    _title("Is it the same?")
    compared = proof.compare(primary, standby)
    for line in compared.lines:
        tell(f"  {line}")
    if not compared.equal:
        tell("NOT EQUAL: this is a fault of drsync; please report it")
    return compared.equal


def _breach(place: Path, config: tuple[str, str]) -> None:
    """Nothing hides that the exposure grows."""
    _title("What would be lost now?")
    _call("status", *config)
    _title(f"The primary dies. Nothing is captured any more; the objective is {_RPO_S} s")
    _call("sandbox", "down", "primary", "--dir", str(place / "sandbox"))
    time.sleep(_RPO_S / 4)
    _call("status", *config)
    tell(f"  … {_RPO_S} seconds later")
    time.sleep(_RPO_S)
    breached = _call("check", *config, may_fail=True)
    if breached != 5:
        raise DrsyncError(
            f"The objective should be breached by now, and `check` ended with {breached}.",
            remedy="report this; the demo proves that exposure is never hidden",
        )
    tell(f"  `check` ended with {breached}: the objective is breached, and cron or a monitor would know")


def _print_next(place: Path) -> None:
    """Every line here is run by a test as it is printed."""
    program = _program()
    config = f"--config {shlex.quote(str(place / 'policies'))}"
    store = (place / "store").resolve().as_uri()
    key = shlex.quote(str(place / "drsync.key"))
    tell("")
    tell("The standby is running with all of it. Go on by hand:")
    for line in (
        f"{program} status -o wide {config}",
        f"{program} get points {config}",
        f"{program} describe point shop@latest {config}",
        f"{program} ls shop@latest shop/uploads {config}",
        f"{program} verify shop@latest {config}",
        f"{program} explain shop {config}",
        f"{program} restore shop@latest --to standby --map-namespace shop=shop-copy {config}",
        f"{program} status --from-store {store} --key-file {key}",
    ):
        tell(f"  {line}")
    tell("Keep the store and the key, lose everything else, and it still comes back:")
    tell(f"  {program} sandbox up third --dir {shlex.quote(str(place / 'third'))}")
    tell(
        f"  KUBECONFIG={shlex.quote(str(place / 'third' / 'third' / 'kubeconfig'))} "
        f"{program} restore shop@latest --to context/third --local-volumes --from-store {store} --key-file {key}"
    )
    tell("End it:")
    tell(f"  {program} sandbox down --dir {shlex.quote(str(place / 'sandbox'))}")
    tell(f"  {program} sandbox down --dir {shlex.quote(str(place / 'third'))}")


def _call(*words: str, may_fail: bool = False) -> int:
    """Runs a command of ours as if it had been typed, and shows it."""
    tell(f"$ {_program()} {shlex.join(words)}")
    code = cli.main(words)
    if code and not may_fail:
        raise DrsyncError(
            f"`drsync {words[0]}` ended with {code}.",
            remedy="the lines above say why; `make demo` begins anew",
        )
    return code


def _program() -> str:
    """How this program was called, so that the printed lines work as they are."""
    called = Path(sys.argv[0])
    if called.name != "drsync":
        return f"{shlex.quote(sys.executable)} -m drsync"
    try:
        return shlex.quote(os.path.relpath(called)) if called.is_absolute() else shlex.quote(str(called))
    except ValueError:
        return shlex.quote(str(called))


def _title(text: str) -> None:
    tell(f"\n=== {text}")


def _clear(place: Path) -> None:
    """A fresh folder; one of an earlier demo is ended and emptied, any other is refused."""
    if place.exists() and any(place.iterdir()):
        if not (place / _MARK).exists():
            raise UserError(f"The folder {place} is not empty.", remedy="name another one with --dir DIR")
        for part in ("sandbox", "third"):
            if (place / part).exists():
                process.down(place / part)
        shutil.rmtree(place)
    place.mkdir(parents=True, exist_ok=True)
    (place / _MARK).touch()


def _write_policies(place: Path) -> None:
    (place / "policies").mkdir()
    text = _POLICIES.format(rpo=_RPO_S, every=_RPO_S // 2)
    (place / "policies" / "shop.yaml").write_text(text, encoding="utf-8")
