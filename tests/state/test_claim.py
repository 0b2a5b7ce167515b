"""Whoever claims a policy is alone in its log from then on."""

from contextlib import suppress
from dataclasses import replace

import pytest

from drsync.clock import Cancellation
from drsync.errors import LeaseLost, StoreUnreachable
from drsync.model.epoch import Epoch
from drsync.state.claim import claim
from drsync.state.entries import FenceBody, SealedBody
from drsync.state.holder import this_holder
from drsync.state.lease import LeaseState, lease_key, read_lease
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


def log_of(store):
    return CommitLog(store, "shop", key=KEY, threads=1)


def claim_it(store, holder, clock=None, *, log=None):
    return claim(store, log or log_of(store), holder, clock=clock or HandClock(), cancel=Cancellation())


def fences(store):
    return [entry.epoch for entry in log_of(store).read().entries if isinstance(entry.body, FenceBody)]


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
