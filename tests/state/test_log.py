"""The log says which points exist, and nothing that is not certain."""

import json
from datetime import timedelta
from functools import cache

import pytest

from drsync.errors import DrsyncError, IntegrityError, LeaseLost, StoreUnreachable, UserError, WrongKey
from drsync.model.epoch import Epoch
from drsync.model.recovery_point import MissedSlot
from drsync.state.entries import (
    CheckpointBody,
    FenceBody,
    LogEntry,
    MissedBody,
    SealedBody,
    UnusableBody,
    entry_key,
    write_entry,
)
from drsync.state.log import CommitLog, policies
from tests.fakes.faulty_store import Crashed, Fault, Faulty
from tests.fakes.memory_store import MemoryStore
from tests.state.contenders import sealed_point
from tests.state.samples import NOW

KEY = b"k" * 32
FIRST = Epoch(lease=1)
SECOND = Epoch(lease=2)


def log_of(store, *, key=KEY):
    return CommitLog(store, "shop", key=key, threads=1)


def seal(store, point, *, epoch=FIRST):
    return log_of(store).append(SealedBody(sealed_point(point)), epoch=epoch, now=NOW)


def points_of(store):
    return [sealed.point.id for sealed in log_of(store).read().points]


@cache
def filling(count):
    store = MemoryStore()
    log = log_of(store)
    for number in range(count):
        due = NOW + timedelta(minutes=number)
        log.append(MissedBody(MissedSlot(due_at=due, reason="late")), epoch=FIRST, now=NOW)
    return store.snapshot()


def filled(count):
    """A store whose log holds that many missed slots, and the checkpoints between them."""
    store = MemoryStore()
    for key, data in filling(count).items():
        store.create(key, data)
    return store


def test_a_policy_without_a_log_has_an_empty_history():
    history = log_of(MemoryStore()).read()

    assert (history.sequence, history.points, history.since, history.epoch) == (0, (), None, Epoch())


def test_a_sealed_point_is_there_for_everyone():
    store = MemoryStore()

    entry = seal(store, "rp-1")

    assert entry.sequence == 1
    assert points_of(store) == ["rp-1"]
    assert list(store.snapshot()) == ["log/shop/00000000000000000001.json"]


def test_the_same_point_is_not_sealed_twice():
    store = MemoryStore()
    first = seal(store, "rp-1")

    again = seal(store, "rp-1", epoch=SECOND)

    assert again == first
    assert len(store.snapshot()) == 1


def test_a_run_finds_its_own_point_although_another_has_taken_over():
    store = MemoryStore()
    first = seal(store, "rp-1")
    log_of(store).append(FenceBody(), epoch=SECOND, now=NOW)

    assert seal(store, "rp-1") == first


def test_a_lower_epoch_is_turned_away_and_writes_nothing():
    store = MemoryStore()
    log_of(store).append(FenceBody(), epoch=SECOND, now=NOW)

    with pytest.raises(LeaseLost):
        seal(store, "rp-1")

    assert len(store.snapshot()) == 1


def test_a_writer_that_read_before_the_fence_collides_with_it_and_stops():
    store = MemoryStore()
    late = log_of(store)
    late.read()
    log_of(store).append(FenceBody(), epoch=SECOND, now=NOW)

    with pytest.raises(LeaseLost):
        late.append(SealedBody(sealed_point("rp-1")), epoch=FIRST, now=NOW)

    assert not points_of(store)


def test_a_withdrawn_point_says_why():
    store = MemoryStore()
    seal(store, "rp-1")
    log_of(store).append(UnusableBody("rp-1", "a pack is gone"), epoch=FIRST, now=NOW)

    assert log_of(store).read().points[0].unusable == "a pack is gone"


def test_every_64th_entry_is_a_checkpoint():
    store = filled(130)

    kinds = {n: json.loads(store.get(entry_key("shop", n)).data)["body"]["kind"] for n in (63, 64, 65, 128, 129)}

    assert kinds == {63: "missed", 64: "checkpoint", 65: "missed", 128: "checkpoint", 129: "missed"}
    assert len(log_of(store).read().missed) == 130


def test_a_reader_of_a_long_log_asks_for_few_things():
    store = Faulty(filled(1_300))
    history = log_of(store).read()

    gets = [call for call in store.log if call.name == "get"]
    others = [call for call in store.log if call.name != "get"]
    assert len(history.missed) == 1_300
    assert len(gets) <= 64
    assert len(others) <= 12


def test_what_was_read_is_not_read_again():
    inner = filled(10)
    store = Faulty(inner)
    log = log_of(store)
    log.read()
    before = store.calls

    log.append(FenceBody(), epoch=FIRST, now=NOW)

    assert [call.name for call in store.log[before:]] == ["list", "create"]


def test_entries_fetched_in_parallel_give_the_same_history():
    store = filled(200)

    assert CommitLog(store, "shop", key=KEY, threads=8).read() == log_of(store).read()


def test_a_reader_that_fell_far_behind_begins_at_the_newest_checkpoint():
    store = filled(10)
    behind = log_of(store)
    behind.read()
    ahead = log_of(store)
    for number in range(200):
        ahead.append(UnusableBody(f"rp-{number}", "x"), epoch=FIRST, now=NOW)

    assert behind.read() == log_of(store).read()


def test_without_the_key_the_log_can_be_read_and_says_that_nobody_vouches_for_it():
    store = MemoryStore()
    seal(store, "rp-1")

    history = log_of(store, key=None).read()

    assert [sealed.point.id for sealed in history.points] == ["rp-1"]
    assert not history.authenticated
    assert log_of(store).read().authenticated


def test_without_the_key_nothing_can_be_written():
    with pytest.raises(WrongKey):
        log_of(MemoryStore(), key=None).append(FenceBody(), epoch=FIRST, now=NOW)


def test_another_store_s_key_does_not_vouch():
    store = MemoryStore()
    seal(store, "rp-1")

    with pytest.raises(IntegrityError, match="seal does not match"):
        log_of(store, key=b"x" * 32).read()


def test_an_entry_without_a_seal_is_not_believed():
    store = MemoryStore()
    seal(store, "rp-1")
    key = entry_key("shop", 1)
    bare = store.get(key).data
    store.tamper(key, bare[: bare.rindex(b',"mac"')] + b"}")

    with pytest.raises(IntegrityError, match="carries no seal"):
        log_of(store).read()


def test_every_changed_byte_of_an_entry_is_noticed():
    store = MemoryStore()
    seal(store, "rp-1")
    key = entry_key("shop", 1)
    good = store.get(key).data

    unnoticed = []
    for at in range(len(good)):
        store.tamper(key, good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        try:
            log_of(store).read()
        except IntegrityError:
            continue
        unnoticed.append(at)

    assert not unnoticed


def test_every_half_of_an_entry_is_noticed():
    store = MemoryStore()
    seal(store, "rp-1")
    key = entry_key("shop", 1)
    good = store.get(key).data

    for length in range(len(good)):
        store.tamper(key, good[:length])
        with pytest.raises(IntegrityError, match=r"log/shop/0+1\.json"):
            log_of(store).read()


def test_an_entry_that_was_moved_is_noticed():
    store = MemoryStore()
    seal(store, "rp-1")
    store.create(entry_key("shop", 2), store.get(entry_key("shop", 1)).data)
    store.create(entry_key("cart", 1), store.get(entry_key("shop", 1)).data)

    with pytest.raises(IntegrityError, match="another place"):
        log_of(store).read()
    with pytest.raises(IntegrityError, match="another place"):
        CommitLog(store, "cart", key=KEY).read()


@pytest.mark.parametrize("lost", [1, 5, 9])
def test_a_missing_entry_is_named(lost):
    store = filled(10)
    store.lose(entry_key("shop", lost))

    with pytest.raises(IntegrityError, match=f"Entry {lost} of the log of shop is missing"):
        log_of(store).read()


def test_a_long_log_notices_a_missing_entry_after_its_newest_checkpoint():
    store = filled(1_300)
    store.lose(entry_key("shop", 1_290))

    with pytest.raises(IntegrityError, match="Entry 1290"):
        log_of(store).read()


def test_a_long_log_notices_a_missing_checkpoint():
    store = filled(1_300)
    store.lose(entry_key("shop", 1_280))

    with pytest.raises(IntegrityError, match="Entry 1280"):
        log_of(store).read()


def test_a_checkpoint_s_number_holds_a_checkpoint():
    store = filled(63)
    entry = LogEntry(policy="shop", sequence=64, epoch=FIRST, nonce="n", at=NOW, tool="t", body=FenceBody())
    store.create(entry_key("shop", 64), write_entry(entry, key=KEY))

    with pytest.raises(IntegrityError, match="a checkpoint belongs"):
        log_of(store).read()


@pytest.mark.parametrize("read_before", [False, True])
def test_who_wrote_only_a_checkpoint_has_silenced_lower_epochs_all_the_same(read_before):
    store = filled(63)
    late = log_of(store)
    folded = log_of(store).read().folded
    if read_before:
        late.read()
    entry = LogEntry(policy="shop", sequence=64, epoch=SECOND, nonce="n", at=NOW, tool="t", body=folded)
    store.create(entry_key("shop", 64), write_entry(entry, key=KEY))

    with pytest.raises(LeaseLost):
        late.append(FenceBody(), epoch=FIRST, now=NOW)


def test_entries_before_a_checkpoint_may_retire():
    store = filled(100)
    for number in range(1, 64):
        store.lose(entry_key("shop", number))

    assert len(log_of(store).read().missed) == 100


def test_keys_that_are_no_entries_are_left_alone():
    store = filled(3)
    store.create("log/shop/notes.txt", b"hello")
    store.create("log/shop/1.json", b"hello")

    assert log_of(store).read().sequence == 3


def test_an_answer_that_is_lost_does_not_lose_the_entry():
    inner = MemoryStore()
    store = Faulty(inner).fail(Fault.NOT_ACKED, call="create")

    entry = seal(store, "rp-1")

    assert entry.sequence == 1
    assert points_of(inner) == ["rp-1"]


def test_an_entry_whose_fate_is_unknown_is_in_doubt_until_someone_is_seen_at_its_number():
    inner = MemoryStore()
    store = Faulty(inner, late_by=4).fail(Fault.LATE, call="create")
    log = log_of(store)
    body = SealedBody(sealed_point("rp-1"))
    with pytest.raises(StoreUnreachable):
        log.append(body, epoch=FIRST, now=NOW)
    assert log.in_doubt

    store.heal()
    entry = log.append(body, epoch=FIRST, now=NOW)

    assert not log.in_doubt
    assert entry.sequence == 1
    assert points_of(inner) == ["rp-1"]


@pytest.mark.parametrize("second", [Fault.NOT_SENT, Fault.DENIED])
def test_an_entry_stays_in_doubt_whatever_goes_wrong_while_its_fate_is_looked_up(second):
    inner = MemoryStore()
    store = Faulty(inner).fail(Fault.NOT_ACKED, call="create").fail(second, call="get")
    log = log_of(store)

    with pytest.raises(DrsyncError):
        log.append(SealedBody(sealed_point("rp-1")), epoch=FIRST, now=NOW)

    assert log.in_doubt


def test_an_entry_stays_in_doubt_when_the_run_is_interrupted_while_it_is_sent():
    store = Faulty(MemoryStore())
    log = log_of(store)
    store.crash(at=2, after=True)

    with pytest.raises(Crashed):
        log.append(SealedBody(sealed_point("rp-1")), epoch=FIRST, now=NOW)

    assert log.in_doubt


def test_an_entry_that_was_acknowledged_is_not_in_doubt():
    log = log_of(MemoryStore())
    log.append(SealedBody(sealed_point("rp-1")), epoch=FIRST, now=NOW)

    assert not log.in_doubt


def crashes():
    """Every call of an append that also writes a checkpoint, before and after it reached the store."""
    probe = Faulty(filled(63))
    seal(probe, "rp-1")
    return [(at, after) for at in range(1, probe.calls + 1) for after in (False, True)]


@pytest.mark.parametrize(("at", "after"), crashes())
def test_a_crash_anywhere_in_an_append_leaves_a_log_that_goes_on(at, after):
    inner = filled(63)

    with pytest.raises(Crashed):
        seal(Faulty(inner).crash(at=at, after=after), "rp-1")
    assert points_of(inner) in ([], ["rp-1"])
    seal(inner, "rp-1", epoch=SECOND)

    assert points_of(inner) == ["rp-1"]
    history = log_of(inner).read()
    assert history.sequence == 65
    assert isinstance(history.entries[0].body, CheckpointBody)


@pytest.mark.parametrize("fault", [Fault.NOT_SENT, Fault.NOT_ACKED, Fault.LATE])
@pytest.mark.parametrize("skip", range(4))
def test_a_lost_call_anywhere_in_an_append_is_made_good_by_the_next_try(fault, skip):
    inner = filled(62)
    store = Faulty(inner)
    log = log_of(store)
    log.read()
    store.fail(fault, skip=skip)

    for _ in range(3):
        try:
            log.append(SealedBody(sealed_point("rp-1")), epoch=FIRST, now=NOW)
        except StoreUnreachable:
            continue
        break
    store.heal()

    assert points_of(inner) == ["rp-1"]


def test_the_policies_of_a_store_are_those_that_have_a_log():
    store = Faulty(filled(100))
    for name in ("cart", "shop-2", "a.b", "shop.eu"):
        CommitLog(store, name, key=KEY).append(FenceBody(), epoch=FIRST, now=NOW)
    store.create("log/NOT-ONE/x", b"")
    before = store.calls

    assert policies(store) == ("a.b", "cart", "shop", "shop-2", "shop.eu")
    assert store.calls - before == 7


@pytest.mark.parametrize("name", ["", "Shop", "a/b", "..", "x" * 300, "shöp", "-a"])
def test_a_policy_name_that_is_no_name_is_refused(name):
    with pytest.raises(UserError):
        CommitLog(MemoryStore(), name, key=KEY)
