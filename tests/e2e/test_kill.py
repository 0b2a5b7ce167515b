"""A backup of a gibibyte that is killed, at every tenth call to the store and at moments drawn from a seed.

Whatever the moment: nothing unsealed is ever offered, the next run begins at once and completes, and
what had been acknowledged is not sent again.
"""

import random
import shutil
import signal
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.cluster import Cluster
from tests.e2e.provisioner import CLASS, Provisioner
from tests.e2e.site import ROOT, Result, Site
from tests.e2e.wait import until

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(1800)]

FILES, FILE_BYTES = 8, 128 << 20
STEP = 10
MOMENTS = 20
AT_ONCE_S = 10
"""A run that had to wait for a lease to lapse would begin after a minute."""
SENT_AGAIN = 0.05
SMALL_BYTES = 4 << 20
"""Indexes, manifests and journals, which each run writes anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The namespace with its gibibyte, and what an undisturbed backup of it costs."""

    primary: Cluster
    namespace: str
    calls: int
    seconds: float
    repo_bytes: int


class Killable:
    """One site with a store of its own, whose commands are counted."""

    def __init__(self, folder: Path, primary: Cluster, namespace: str) -> None:
        self.site = Site(folder)
        self.site.add_cluster("primary", primary)
        self.site.protect("big", [namespace], standbys=[])
        self.site.init()
        self._run = 0
        self.calls = Path()

    def environment(self, kill_at: int = 0) -> Mapping[str, str]:
        self._run += 1
        self.calls = self.site.folder / f"calls-{self._run}"
        self.calls.mkdir()
        path = f"{ROOT / 'tests' / 'e2e' / 'killing'}:{ROOT}"
        return {"PYTHONPATH": path, "DRSYNC_TEST_CALLS": str(self.calls), "DRSYNC_TEST_KILL_AT": str(kill_at or "")}

    def backup(self, kill_at: int = 0) -> Result:
        return self.site.drsync("backup", "big", "-q", "-o", "json", env=self.environment(kill_at))

    def call_count(self) -> int:
        return (self.calls / "calls").stat().st_size

    def repo_bytes(self) -> int:
        """What the last run sent to the data area and was told to be there."""
        written = self.calls / "written"
        lines = written.read_text().splitlines() if written.exists() else []
        sizes = (line.split(" ", 1) for line in lines)
        return sum(int(size) for size, key in sizes if key.startswith("repo/"))


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory, primary: Cluster, primary_storage: Provisioner) -> Plan:
    namespace = primary.create_namespace("big")
    spec = {"accessModes": ["ReadWriteOnce"], "storageClassName": CLASS, "resources": {"requests": {"storage": "2Gi"}}}
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": spec}
    primary.api.create(claim, namespace=namespace)
    path = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims/data"
    until(lambda: primary.api.get(path)["status"]["phase"] == "Bound", "a bound claim")
    rng = random.Random(7)  # noqa: S311 - repeatable content, no secret
    for number in range(FILES):
        with (primary_storage.path_of(namespace, "data") / f"file-{number}").open("wb") as file:
            for _ in range(FILE_BYTES >> 22):
                file.write(rng.randbytes(4 << 20))
    folder = tmp_path_factory.mktemp("undisturbed")
    whole = Killable(folder, primary, namespace)
    began = time.monotonic()
    result = whole.backup()
    assert result.code == 0, result
    seconds = time.monotonic() - began
    shutil.rmtree(whole.site.store_folder)
    return Plan(
        primary=primary,
        namespace=namespace,
        calls=whole.call_count(),
        seconds=seconds,
        repo_bytes=whole.repo_bytes(),
    )


@pytest.fixture
def killable(tmp_path: Path, plan: Plan) -> Iterator[Killable]:
    made = Killable(tmp_path, plan.primary, plan.namespace)
    yield made
    shutil.rmtree(made.site.store_folder, ignore_errors=True)


def test_an_undisturbed_backup_is_of_a_gibibyte(plan: Plan) -> None:
    assert plan.repo_bytes >= FILES * FILE_BYTES


def test_killed_at_every_tenth_call(plan: Plan, tmp_path: Path) -> None:
    for kill_at in range(STEP, plan.calls, STEP):
        made = Killable(tmp_path / f"at-{kill_at}", plan.primary, plan.namespace)

        killed = made.backup(kill_at)

        if killed.code == 0:
            # Calls differ a little from run to run; this one ended before its turn.
            assert kill_at > plan.calls - 2 * STEP, killed
            continue
        assert killed.code == -signal.SIGKILL, killed
        _goes_on(made, plan, f"killed at call {kill_at}")
        shutil.rmtree(made.site.folder)


@pytest.mark.parametrize("seed", range(MOMENTS))
def test_killed_at_a_moment(plan: Plan, killable: Killable, seed: int) -> None:
    moment = random.Random(seed).uniform(0.1, 0.95) * plan.seconds  # noqa: S311 - repeatable, no secret
    process = killable.site.start("backup", "big", "-q", env=killable.environment())
    time.sleep(moment)

    process.signal(signal.SIGKILL)
    process.wait(10)

    _goes_on(killable, plan, f"killed after {moment:.2f} s")


def _goes_on(made: Killable, plan: Plan, what: str) -> None:
    """The promises, after a kill."""
    acknowledged = made.repo_bytes()
    sealed_before = made.site.points()
    assert all(row["state"] == "complete" for row in sealed_before), what
    began = time.monotonic()

    report = made.backup()

    assert report.code == 0, f"{what}: {report}"
    assert time.monotonic() - began < plan.seconds * 2 + AT_ONCE_S, f"{what}: the next run waited"
    points = made.site.points()
    assert [row["state"] for row in points] == ["complete"] * (len(sealed_before) + 1), what
    sent_again = acknowledged + made.repo_bytes() - plan.repo_bytes
    allowed = SENT_AGAIN * acknowledged + SMALL_BYTES
    assert sent_again <= allowed, f"{what}: {sent_again:,} of {acknowledged:,} acknowledged bytes were sent again"
