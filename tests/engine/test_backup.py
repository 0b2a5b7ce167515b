"""engine/backup.py on a sandbox cluster: what is sealed, and what is not."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from drsync.clock import Cancellation, SystemClock
from drsync.errors import AlreadyRunning, NothingSelected
from drsync.model.policy import Selection
from drsync.model.run import Outcome
from drsync.state.holder import this_holder
from drsync.state.journal import list_runs, read_run
from drsync.state.lease import acquire
from drsync.state.log import CommitLog
from tests.engine.site import Site, api
from tests.fakes.faulty_store import Crashed, Faulty


def points(site: Site) -> list[str]:
    log = CommitLog(site.store, "shop", key=site.keyring.derive("log"))
    return [sealed.point.id for sealed in log.read().points]


def test_a_capture_holds_every_object_of_the_namespace_as_of_one_revision(site: Site) -> None:
    done = site.backup()

    point = done.point.point
    assert point.complete
    assert point.objects.counts["configmaps"] == 5 + 1  # kube-root-ca.crt is the cluster's own
    assert point.objects.counts["secrets"] == 1
    assert point.objects.counts["namespaces"] == 1
    assert point.objects.skews == ()
    assert done.end.exit_code == 0


def test_the_instant_is_before_the_first_list(site: Site) -> None:
    before = datetime.now(UTC)

    point = site.backup().point.point

    assert point.consistent_at < before or point.consistent_at - before < point.clock_bound


def test_an_unchanged_capture_writes_little(site: Site) -> None:
    site.backup()

    done = site.backup()

    assert done.added_bytes == 0
    assert done.point.point.parent is not None


def test_a_namespace_that_the_policy_names_and_that_is_gone_makes_the_point_partial(site: Site) -> None:
    site.policy = replace(site.policy, select=Selection(namespaces=("shop", "gone")))

    done = site.backup()

    assert [m.what for m in done.point.point.missing] == ["namespace gone"]
    assert done.end.exit_code == 3


def test_a_selection_of_nothing_is_an_error_and_seals_nothing(site: Site) -> None:
    site.policy = replace(site.policy, select=Selection(namespaces=("shpo",)))

    with pytest.raises(NothingSelected):
        site.backup()

    assert points(site) == []


def test_a_sharp_drop_in_objects_is_told(site: Site) -> None:
    for at in range(20):
        body = {"metadata": {"name": f"more-{at}"}, "data": {"x": str(at)}}
        api(site.primary, "POST", "/api/v1/namespaces/shop/configmaps", body)
    site.backup()
    for at in range(20):
        api(site.primary, "DELETE", f"/api/v1/namespaces/shop/configmaps/more-{at}")

    point = site.backup().point.point

    assert point.complete
    assert any("sharp drop" in notice and "configmaps" in notice for notice in point.notices)


@pytest.mark.slow
def test_a_second_run_at_the_same_time_is_refused(site: Site) -> None:
    clock, cancel = SystemClock(), Cancellation()
    lease = acquire(site.store, "shop", this_holder("b-20260821T030804Z-aaaa", "here"), clock=clock, cancel=cancel)

    with lease.keep_alive(cancel), pytest.raises(AlreadyRunning):
        site.backup()


@pytest.mark.slow
def test_a_kill_at_every_store_call_leaves_one_sealed_point_after_the_next_run(site: Site) -> None:
    calls = calls_of_a_backup(site)
    assert calls > 15

    for at in range(1, calls + 1):
        for after in (False, True):
            before = points(site)
            dead = Faulty(site.store).crash(at=at, after=after)

            with pytest.raises(Crashed):
                site.backup(store=dead, dead_after=True)
            sealed_by_dead = [p for p in points(site) if p not in before]
            done = site.backup()

            assert len(sealed_by_dead) <= 1
            assert points(site) == [*before, *sealed_by_dead, done.point.point.id]
            assert done.end.outcome is Outcome.COMPLETE


def calls_of_a_backup(site: Site) -> int:
    counting = Faulty(site.store)
    site.backup(store=counting)
    return len(counting.log)


def test_the_next_run_closes_the_journal_of_one_that_died(site: Site) -> None:
    calls = calls_of_a_backup(site)
    dead = Faulty(site.store).crash(at=calls - 4)
    with pytest.raises(Crashed):
        site.backup(store=dead, dead_after=True)

    site.backup()

    runs = [read_run(site.store, s.run) for s in list_runs(site.store, since=datetime(2020, 1, 1, tzinfo=UTC))]
    assert all(run.end is not None for run in runs)
    assert {run.end.outcome for run in runs if run.end} <= {Outcome.COMPLETE, Outcome.ABANDONED}
