"""A desk: policy files, a key, a folder as the store, two sandbox clusters; commands are called as typed."""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path

import pytest

from drsync.cli.main import main
from drsync.sandbox.serving import Served, serve_in_thread
from tests.engine.site import make_shop, write_kubeconfig

POLICY = """\
apiVersion: drsync.io/v1alpha1
kind: ProtectionPolicy
metadata: {name: shop}
spec:
  source: {cluster: primary}
  objectives: {rpo: 1h, allowLive: true}
  select: {namespaces: {names: [shop]}}
  copies: [{store: dr}]
  standbys: [{cluster: standby}]
---
apiVersion: drsync.io/v1alpha1
kind: BackupStore
metadata: {name: dr}
spec: {provider: filesystem, filesystem: {path: ../store}, encryption: {keyRef: {file: ../drsync.key}}}
---
apiVersion: drsync.io/v1alpha1
kind: ClusterTarget
metadata: {name: primary}
spec: {connect: {mode: kubeconfig, kubeconfig: ../primary.kubeconfig, localVolumes: true}}
---
apiVersion: drsync.io/v1alpha1
kind: ClusterTarget
metadata: {name: standby}
spec: {connect: {mode: kubeconfig, kubeconfig: ../standby.kubeconfig, localVolumes: true}, readsStores: [dr]}
"""


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Desk:
    place: Path
    primary: Served
    standby: Served
    run: Callable[..., Answer]

    def policy(self, text: str) -> None:
        (self.place / "policies" / "shop.yaml").write_text(text)


@pytest.fixture
def run(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Answer]:
    """Calls a command in the desk's folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("DRSYNC_CONFIG", "DRSYNC_KEY_FILE", "DRSYNC_SECRETS", "DRSYNC_SITE", "KUBECONFIG"):
        monkeypatch.delenv(name, raising=False)

    def call(*words: str) -> Answer:
        capfd.readouterr()
        code = main(words)
        out, err = capfd.readouterr()
        return Answer(code, out, err)

    return call


@pytest.fixture
def desk(tmp_path: Path, run: Callable[..., Answer]) -> Generator[Desk]:
    """Everything is there, and the store is ready."""
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "shop.yaml").write_text(POLICY)
    (tmp_path / "store").mkdir()
    with serve_in_thread(tmp_path / "one") as primary, serve_in_thread(tmp_path / "two") as standby:
        write_kubeconfig(tmp_path / "primary.kubeconfig", primary)
        write_kubeconfig(tmp_path / "standby.kubeconfig", standby)
        make_shop(primary)
        assert run("init", "dr", "--accept-single-key").code == 0
        yield Desk(tmp_path, primary, standby, run)
