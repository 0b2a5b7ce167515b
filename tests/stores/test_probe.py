"""The probe calls a store safe when it is, and names the fault of one that is not."""

from pathlib import Path

import pytest

from drsync.clock import SystemClock
from drsync.errors import PermissionDenied
from drsync.stores.drivers.file import FileStore
from drsync.stores.object_store import ObjectStore
from drsync.stores.probe import probe
from tests.fakes.faulty_store import Fault, Faulty
from tests.fakes.memory_store import MemoryStore
from tests.fakes.s3_server import serving


def test_exact_stores_are_safe(tmp_path: Path):
    for store in (MemoryStore(), FileStore(tmp_path, clock=SystemClock())):
        report = probe(store, clock=SystemClock())

        assert (report.safe, report.faults) == (True, ())


def test_it_leaves_nothing_behind():
    store = MemoryStore()

    probe(store, clock=SystemClock())

    assert store.snapshot() == {}


def test_a_writer_who_may_not_delete_can_probe():
    store = Faulty(MemoryStore()).fail(Fault.DENIED, call="delete", times=1000)

    assert probe(store, clock=SystemClock()).safe


def test_who_may_not_write_is_told_so():
    store = Faulty(MemoryStore()).fail(Fault.DENIED, call="create")

    with pytest.raises(PermissionDenied):
        probe(store, clock=SystemClock())


@pytest.mark.parametrize(
    ("ignored", "told"),
    [
        ("If-None-Match", "If-None-Match"),
        ("PUT If-Match", "If-Match, so a lease"),
        ("DELETE If-Match", "If-Match on deletes"),
    ],
)
def test_a_server_that_ignores_a_condition_is_unsafe(
    ignored: str, told: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    with serving(ignores=frozenset({ignored})) as server:
        server.site.enter(monkeypatch, tmp_path)
        with server.site.opened("bucket") as store:
            # A blind delete shows only when a race falls the wrong way, which not every probe sees.
            reports = (probe(store, clock=SystemClock()) for _ in range(40))
            report = next(report for report in reports if not report.safe)

    assert told in " ".join(report.faults)


def test_a_server_that_keeps_all_conditions_is_safe(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    with serving() as server:
        server.site.enter(monkeypatch, tmp_path)
        with server.site.opened("bucket") as store:
            assert probe(store, clock=SystemClock()).faults == ()


class _Racy(MemoryStore):
    """Looks first and writes afterwards, so that racers pass each other."""

    def create(self, key: str, data: bytes) -> str:
        found = self.head(key)
        if found and b"racer" in self.get(key).data and b"racer" in data:
            return self.replace(key, data, version=found.version)
        return super().create(key, data)


def test_a_store_that_lets_racers_pass_each_other_is_unsafe():
    store: ObjectStore = _Racy()

    report = probe(store, clock=SystemClock())

    assert any("creates of one key at once" in fault for fault in report.faults)
