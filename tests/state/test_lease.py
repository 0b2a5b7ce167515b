"""A lease is taken at once where that is safe, waited for where it may be, and never shared."""

import json
import threading
import time
from dataclasses import replace
from datetime import timedelta

import pytest

from drsync.clock import Cancellation, SystemClock
from drsync.errors import AlreadyRunning, IntegrityError, Interrupted, LeaseLost, StoreUnreachable
from drsync.model.epoch import Epoch
from drsync.state import lease as leasing
from drsync.state.holder import this_holder
from drsync.state.lease import LeaseState, acquire, lease_key, read_lease
from tests.fakes.faulty_store import Fault, Faulty
from tests.fakes.memory_store import MemoryStore
from tests.state.hand_clock import HandClock

GONE_PID = 2**31 - 1


def here(run="run-1", **changes):
    return replace(this_holder(run, "site-1"), **changes)


def elsewhere(run="run-2"):
    return here(run, host="another-host")


def take(store, holder, clock=None, *, cancel=None, ttl=timedelta(seconds=30)):
    return acquire(store, "shop", holder, clock=clock or HandClock(), cancel=cancel or Cancellation(), ttl=ttl)


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


@pytest.mark.parametrize("fault", [Fault.NOT_SENT, Fault.DENIED])
def test_a_release_that_arrives_nowhere_is_told(fault):
    store = Faulty(MemoryStore())
    lease = take(store, here())
    store.fail(fault, times=9)

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


@pytest.mark.parametrize(("fault", "said"), [(Fault.NOT_SENT, "No answer"), (Fault.DENIED, "was refused")])
def test_keeping_alive_cancels_the_run_and_says_what_kept_it_from_renewing(fault, said):
    store = Faulty(MemoryStore())
    lease = take(store, here(), SystemClock(), ttl=timedelta(seconds=0.2))
    store.fail(fault, times=10_000)
    cancel = Cancellation()

    with lease.keep_alive(cancel), pytest.raises(LeaseLost, match=said):
        cancel.wait(10)


def test_a_renewal_that_fails_once_is_tried_again_before_the_deadline():
    store = Faulty(MemoryStore())
    lease = take(store, here(), SystemClock(), ttl=timedelta(seconds=1.5))
    store.fail(Fault.DENIED, call="replace")
    cancel = Cancellation()

    with lease.keep_alive(cancel):
        wait_for(lambda: len(store.writes) >= 3)

    assert not cancel.cancelled
    lease.check()


def wait_for(holds):
    ends_s = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < ends_s
        time.sleep(0.01)


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
