"""A lease is taken at once where that is safe, waited for where it may be, and never shared."""

import json
import os
import subprocess
import threading
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from drsync.clock import Cancellation, SystemClock
from drsync.errors import AlreadyRunning, IntegrityError, Interrupted, LeaseLost, StoreUnreachable
from drsync.model.epoch import Epoch
from drsync.state import lease as leasing
from drsync.state.claim import claim
from drsync.state.entries import FenceBody, SealedBody
from drsync.state.holder import is_gone, this_holder
from drsync.state.lease import LeaseState, acquire, lease_key, read_lease
from drsync.state.log import CommitLog
from tests.fakes.faulty_store import Crashed, Fault, Faulty
from tests.fakes.memory_store import MemoryStore
from tests.state.contenders import sealed_point
from tests.state.hand_clock import HandClock
from tests.state.samples import NOW

KEY = b"k" * 32
GONE_PID = 2**31 - 1


def here(run="run-1", **changes):
    return replace(this_holder(run, "site-1"), **changes)


def elsewhere(run="run-2"):
    return here(run, host="another-host")


def take(store, holder, clock=None, *, cancel=None, ttl=timedelta(seconds=30)):
    return acquire(store, "shop", holder, clock=clock or HandClock(), cancel=cancel or Cancellation(), ttl=ttl)


def log_of(store):
    return CommitLog(store, "shop", key=KEY, threads=1)


def claim_it(store, holder, clock=None, *, log=None):
    return claim(store, log or log_of(store), holder, clock=clock or HandClock(), cancel=Cancellation())


def fences(store):
    return [entry.epoch for entry in log_of(store).read().entries if isinstance(entry.body, FenceBody)]


def test_a_lease_that_nobody_held_begins_at_epoch_1():
    store = MemoryStore()

    lease = take(store, here())

    assert lease.epoch == Epoch(lease=1)
    assert not lease.fence_due
    lease.check()


def test_a_released_lease_is_taken_at_once_at_the_next_epoch():
    store, clock = MemoryStore(), HandClock()
    assert take(store, here()).release()
    began_s = clock.boot_s()

    lease = take(store, elsewhere(), clock)

    assert lease.epoch == Epoch(lease=2)
    assert not lease.fence_due
    assert clock.boot_s() == began_s


def test_a_short_run_writes_its_lease_twice():
    store = Faulty(MemoryStore())
    with (lease := take(store, here(), SystemClock())).keep_alive(Cancellation()):
        pass
    lease.release()

    assert [call.name for call in store.writes] == ["create", "replace"]


def test_a_holder_that_renews_is_left_alone_within_a_renewal_period():
    store, clock = MemoryStore(), HandClock()
    held = take(store, here(), clock)
    began_s = clock.boot_s()
    clock.meanwhile = lambda: held.renew() if clock.boot_s() - began_s >= 10 else None

    with pytest.raises(AlreadyRunning, match="run-1"):
        take(store, elsewhere(), clock)

    assert clock.boot_s() - began_s <= 12
    held.check()


def test_a_holder_that_stands_still_is_replaced_after_two_ttls():
    store, clock = MemoryStore(), HandClock()
    held = take(store, here(), clock)
    began_s = clock.boot_s()

    lease = take(store, elsewhere(), clock)

    assert 60 <= clock.boot_s() - began_s <= 63
    assert lease.epoch == Epoch(lease=2)
    assert lease.fence_due
    with pytest.raises(LeaseLost):
        held.renew()
    with pytest.raises(LeaseLost):
        held.check()


def test_the_holder_s_own_ttl_counts_not_the_watcher_s():
    store, clock = MemoryStore(), HandClock()
    take(store, here(), clock, ttl=timedelta(seconds=120))
    began_s = clock.boot_s()

    take(store, elsewhere(), clock, ttl=timedelta(seconds=1))

    assert clock.boot_s() - began_s >= 240


def test_a_dead_process_of_this_host_is_replaced_at_once():
    store, clock = MemoryStore(), HandClock()
    take(store, here(pid=GONE_PID), clock)
    began_s = clock.boot_s()

    lease = take(store, here("run-2"), clock)

    assert clock.boot_s() == began_s
    assert lease.fence_due


def test_a_living_process_of_this_host_is_waited_for():
    store, clock = MemoryStore(), HandClock()
    take(store, here(), clock)
    began_s = clock.boot_s()

    take(store, here("run-2"), clock)

    assert clock.boot_s() - began_s >= 60


def test_waiting_for_a_lease_ends_when_the_run_is_stopped():
    store, clock, cancel = MemoryStore(), HandClock(), Cancellation()
    take(store, here(), clock)
    clock.meanwhile = cancel.cancel

    with pytest.raises(Interrupted):
        take(store, elsewhere(), clock, cancel=cancel)


def test_a_holder_stops_a_margin_before_its_ttl():
    clock = HandClock()
    lease = take(MemoryStore(), here(), clock)

    clock.passed_s += 24.9
    lease.check()
    clock.passed_s += 0.1

    with pytest.raises(LeaseLost):
        lease.check()
    with pytest.raises(LeaseLost):
        lease.renew()


def test_the_deadline_counts_from_before_the_renewal_was_sent():
    clock = HandClock()
    store = Faulty(MemoryStore(), clock=clock, delay_s=20)
    lease = take(store, here(), clock)
    store.fail(Fault.DELAYED, call="replace")

    lease.renew()
    clock.passed_s += 5

    with pytest.raises(LeaseLost):
        lease.check()


@pytest.mark.parametrize("step", ["acquire", "renew", "release"])
def test_a_lost_answer_is_settled_by_what_the_store_holds(step):
    inner = MemoryStore()
    store = Faulty(inner)
    if step == "acquire":
        store.fail(Fault.NOT_ACKED, call="create")
    lease = take(store, here())
    store.fail(Fault.NOT_ACKED, call="replace")
    if step == "renew":
        lease.renew()

    assert lease.release()
    assert read_lease(inner, "shop").document.state is LeaseState.RELEASED


def test_a_renewal_that_arrives_late_is_one_s_own():
    inner = MemoryStore()
    store = Faulty(inner, late_by=2)
    lease = take(store, here())
    store.fail(Fault.LATE, call="replace")
    with pytest.raises(StoreUnreachable):
        lease.renew()
    store.heal()

    lease.renew()

    assert lease.release()


def test_a_release_that_arrives_nowhere_is_told():
    store = Faulty(MemoryStore())
    lease = take(store, here())
    store.fail(Fault.NOT_SENT, times=9)

    assert not lease.release()


def test_a_late_release_leaves_the_next_holder_s_lease_alone():
    store, clock = MemoryStore(), HandClock()
    late = take(store, here(), clock)
    lease = take(store, elsewhere(), clock)

    assert not late.release()
    lease.renew()


def test_a_lease_is_never_deleted_and_no_two_writes_are_alike():
    store = MemoryStore()
    seen = []
    for run in ("run-1", "run-2"):
        lease = take(store, here(run))
        seen.append(store.get(lease_key("shop")).data)
        lease.renew()
        seen.append(store.get(lease_key("shop")).data)
        lease.release()
        seen.append(store.get(lease_key("shop")).data)

    assert len({json.loads(data)["nonce"] for data in seen}) == 6


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "drsync.lease/v9"},
        {"scope": "cart"},
        {"epoch": 0},
        {"epoch": "1"},
        {"ttl_s": 1e9},
        {"ttl_s": -1},
        {"state": "mine"},
        {"nonce": "\x1b[2J"},
        {"holder": None},
    ],
)
def test_a_lease_that_drsync_did_not_write_is_an_integrity_error(change):
    store = MemoryStore()
    take(store, here())
    document = json.loads(store.get(lease_key("shop")).data)
    store.tamper(lease_key("shop"), json.dumps(document | change).encode())

    with pytest.raises(IntegrityError, match="lease/shop"):
        take(store, elsewhere())


def crashes():
    probe = Faulty(MemoryStore())
    claim_it(probe, here(pid=GONE_PID)).release()
    claim_it(probe, here(pid=GONE_PID))
    claim_it(probe, here(pid=GONE_PID)).release()
    return [(at, after) for at in range(1, probe.calls + 1) for after in (False, True)]


@pytest.mark.parametrize(("at", "after"), crashes())
def test_a_crash_anywhere_between_claim_and_release_lets_the_next_one_in_at_once(at, after):
    inner, clock = MemoryStore(), HandClock()
    store = Faulty(inner).crash(at=at, after=after)
    dead = here(pid=GONE_PID)
    # A call that the store refuses has no "after": then all of it happens.
    with suppress(Crashed):
        claim_it(store, dead).release()
        claim_it(store, replace(dead, owner="2"))
        claim_it(store, replace(dead, owner="3")).release()
    began_s = clock.boot_s()

    lease = claim_it(inner, here("run-2"), clock)

    assert clock.boot_s() == began_s
    assert not lease.fence_due
    history = log_of(inner).read()
    assert history.epoch <= lease.epoch


def test_a_clean_release_needs_no_fence():
    store = MemoryStore()
    claim_it(store, here()).release()

    claim_it(store, elsewhere())

    assert not fences(store)


def test_a_holder_that_vanished_is_fenced_before_the_next_one_acts():
    store = MemoryStore()
    claim_it(store, here(pid=GONE_PID))

    lease = claim_it(store, here("run-2"))

    assert fences(store) == [lease.epoch] == [Epoch(lease=2)]
    assert not lease.fence_due


def test_a_fence_that_could_not_be_written_is_owed_by_the_next_holder():
    inner = MemoryStore()
    claim_it(inner, here(pid=GONE_PID))
    store = Faulty(inner).fail(Fault.NOT_SENT, call="create", under="log/")
    with pytest.raises(StoreUnreachable):
        claim_it(store, here("run-2"))
    assert read_lease(inner, "shop").document.state is LeaseState.RELEASED

    claim_it(inner, here("run-3"))

    assert fences(inner) == [Epoch(lease=3)]


def test_a_holder_that_was_fenced_out_cannot_seal():
    store = MemoryStore()
    late = log_of(store)
    old = claim_it(store, here(pid=GONE_PID), log=late)
    claim_it(store, here("run-2"))

    with pytest.raises(LeaseLost):
        late.append(SealedBody(sealed_point("rp-1")), epoch=old.epoch, now=NOW)


def test_an_entry_that_may_still_arrive_is_fenced_although_its_writer_released():
    inner = MemoryStore()
    store = Faulty(inner, late_by=1_000)
    log = log_of(store)
    lease = claim_it(store, here(), log=log)
    store.fail(Fault.LATE, call="create", under="log/")
    with pytest.raises(StoreUnreachable):
        log.append(SealedBody(sealed_point("rp-1")), epoch=lease.epoch, now=NOW)
    assert lease.release()

    claim_it(inner, elsewhere())
    store.heal()

    assert fences(inner) == [Epoch(lease=2)]
    assert not log_of(inner).read().points


def test_a_lease_that_vanished_goes_on_above_the_log_s_epoch_and_is_fenced():
    store = MemoryStore()
    claim_it(store, here(pid=GONE_PID))
    claim_it(store, here("run-2")).release()
    store.lose(lease_key("shop"))

    lease = claim_it(store, elsewhere())

    assert lease.epoch == Epoch(lease=3)
    assert fences(store) == [Epoch(lease=2), Epoch(lease=3)]


def test_keeping_alive_renews():
    store, clock = MemoryStore(), SystemClock()
    lease = take(store, here(), clock, ttl=timedelta(seconds=0.3))
    renewed = threading.Event()
    inner_replace = store.replace

    def replaced(key, data, *, version):
        renewed.set()
        return inner_replace(key, data, version=version)

    store.replace = replaced
    cancel = Cancellation()

    with lease.keep_alive(cancel):
        assert renewed.wait(5)

    assert not cancel.cancelled


@pytest.mark.parametrize("ttl_s", [0.2])
def test_keeping_alive_cancels_the_run_when_the_store_stays_away(ttl_s):
    store = Faulty(MemoryStore())
    lease = take(store, here(), SystemClock(), ttl=timedelta(seconds=ttl_s))
    store.fail(Fault.NOT_SENT, times=10_000)
    cancel = Cancellation()

    with lease.keep_alive(cancel), pytest.raises(LeaseLost):
        cancel.wait(10)


def test_keeping_alive_cancels_the_run_when_another_has_the_lease():
    store = MemoryStore()
    lease = take(store, here(), SystemClock(), ttl=timedelta(seconds=0.3))
    other = json.loads(store.get(lease_key("shop")).data) | {"epoch": 2, "nonce": "x"}
    store.replace(lease_key("shop"), json.dumps(other).encode(), version=store.head(lease_key("shop")).version)
    cancel = Cancellation()

    with lease.keep_alive(cancel), pytest.raises(LeaseLost):
        cancel.wait(10)


def test_a_store_that_answers_nonsense_does_not_kill_the_renewal_silently():
    store = MemoryStore()
    lease = take(store, here(), SystemClock(), ttl=timedelta(seconds=0.3))
    store.tamper(lease_key("shop"), b"nonsense")
    store.replace(lease_key("shop"), b"more nonsense", version=store.head(lease_key("shop")).version)
    cancel = Cancellation()

    with lease.keep_alive(cancel), pytest.raises(LeaseLost):
        cancel.wait(10)


def test_a_renewal_that_hangs_does_not_keep_the_run_from_ending(monkeypatch):
    monkeypatch.setattr(leasing, "PATIENCE_S", 0.05)
    store, hanging, let_go = MemoryStore(), threading.Event(), threading.Event()
    lease = take(store, here(), SystemClock(), ttl=timedelta(seconds=0.1))

    def hangs(key, data, *, version):
        hanging.set()
        let_go.wait(10)
        raise StoreUnreachable("No answer.", remedy="try again")

    store.replace = hangs

    with lease.keep_alive(Cancellation()):
        assert hanging.wait(5)
    released = lease.release()
    let_go.set()

    assert not released


def test_this_process_is_not_gone():
    assert not is_gone(here(), seen_by=here())


def test_a_pid_that_was_given_to_another_process_is_gone():
    assert is_gone(here(pid_started=1), seen_by=here())


def test_a_process_that_only_waits_for_its_parent_is_gone():
    child = subprocess.Popen(["true"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

    try:
        assert is_gone(here(pid=child.pid, pid_started=1), seen_by=here())
    finally:
        child.wait()


@pytest.mark.parametrize("change", [{"host": "x"}, {"boot_id": "x"}, {"pid_space": "x"}])
def test_nothing_is_concluded_about_another_place(change):
    assert not is_gone(here(pid=GONE_PID, **change), seen_by=here())


def test_a_host_without_a_boot_id_concludes_nothing():
    assert not is_gone(here(pid=GONE_PID, boot_id=""), seen_by=here(boot_id=""))


def test_names_that_no_terminal_should_see_are_made_printable():
    holder = this_holder("run\x1b[2J", "sité" * 100)

    assert holder.run == "run?[2J"
    assert len(holder.site) == 200
    assert holder.site.isascii()
