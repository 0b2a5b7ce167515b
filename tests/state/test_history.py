"""Folding a log says the same wherever a reader begins."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from drsync.model.epoch import Epoch
from drsync.model.recovery_point import MissedSlot, Missing
from drsync.state import log as logging
from drsync.state.entries import (
    CheckpointBody,
    FenceBody,
    LogEntry,
    MissedBody,
    SealedBody,
    UnusableBody,
    read_entry,
    write_entry,
)
from drsync.state.history import KEEP_ROWS, History, extend
from tests.state.contenders import sealed_point
from tests.state.samples import NOW, calm

KEY = b"k" * 32

ids = st.sampled_from([f"rp-{n}" for n in range(12)])
days = st.integers(0, 900).map(lambda n: NOW + timedelta(days=n))
bodies = st.one_of(
    ids.map(lambda point: SealedBody(sealed_point(point))),
    ids.map(lambda point: SealedBody(replace(sealed_point(point), missing=(Missing(what="v", reason="r"),)))),
    st.just(FenceBody()),
    days.map(lambda due: MissedBody(MissedSlot(due_at=due, reason="late"))),
    st.builds(UnusableBody, ids, st.sampled_from(["torn", "gone"])),
)
epochs = st.builds(Epoch, st.integers(0, 1), st.integers(0, 3))


def entry(sequence, body, *, epoch=Epoch(), at=NOW):  # noqa: B008 - a frozen value
    return LogEntry(policy="shop", sequence=sequence, epoch=epoch, nonce="n", at=at, tool="t", body=body)


def fold_all(entries):
    history = History(policy="shop")
    for one in entries:
        history = extend(history, one)
    return history


@given(st.lists(st.tuples(bodies, epochs, days), max_size=25), st.integers(1, 6))
@settings(calm, max_examples=100)
def test_a_checkpoint_anywhere_changes_nothing(decisions, every):
    plain, marked, resumed = History(policy="shop"), History(policy="shop"), History(policy="shop")
    for number, (body, epoch, at) in enumerate(decisions, 1):
        one = entry(number, body, epoch=epoch, at=at)
        plain, marked, resumed = extend(plain, one), extend(marked, one), extend(resumed, one)
        if number % every == 0:
            # Written, read and begun from, as a reader does who knows nothing else.
            checkpoint = entry(number, marked.folded, epoch=marked.epoch, at=at)
            read = read_entry(write_entry(checkpoint, key=KEY), policy="shop", sequence=number, key=KEY)
            marked = extend(marked, read)
            resumed = logging._begin(History(policy="shop"), read)

    assert plain.folded == marked.folded == resumed.folded


def test_an_entry_of_a_lower_epoch_is_not_heard():
    history = fold_all(
        [
            entry(1, FenceBody(), epoch=Epoch(lease=2)),
            entry(2, SealedBody(sealed_point("rp-1")), epoch=Epoch(lease=1)),
            entry(3, SealedBody(sealed_point("rp-2")), epoch=Epoch(lease=2)),
        ]
    )

    assert [sealed.point.id for sealed in history.points] == ["rp-2"]
    assert history.sequence == 3


def test_a_new_authority_outranks_every_lease_before_it():
    history = fold_all(
        [
            entry(1, FenceBody(), epoch=Epoch(authority=1)),
            entry(2, SealedBody(sealed_point("rp-1")), epoch=Epoch(lease=99)),
        ]
    )

    assert not history.points


def test_who_wrote_only_a_checkpoint_has_raised_the_epoch_all_the_same():
    history = fold_all([entry(1, FenceBody()), entry(2, CheckpointBody(), epoch=Epoch(lease=2))])

    assert history.epoch == Epoch(lease=2)


def test_a_point_that_is_sealed_twice_is_there_once():
    history = fold_all([entry(n, SealedBody(sealed_point("rp-1"))) for n in (1, 2)])

    assert [sealed.sequence for sealed in history.points] == [1]


def test_a_withdrawn_point_stays_and_says_why():
    later = NOW + timedelta(hours=1)
    history = fold_all(
        [
            entry(1, SealedBody(sealed_point("rp-1"))),
            entry(2, UnusableBody("rp-1", "a pack is gone"), at=later),
            entry(3, UnusableBody("rp-1", "another reason"), at=later + timedelta(hours=1)),
        ]
    )

    assert history.points[0].unusable == "a pack is gone"
    assert history.rows[0].unusable_at == later


def test_rows_and_missed_slots_are_kept_for_400_days_of_the_log_s_own_time():
    end = NOW + KEEP_ROWS + timedelta(seconds=1)
    history = fold_all(
        [
            entry(1, SealedBody(sealed_point("rp-1"))),
            entry(2, MissedBody(MissedSlot(due_at=NOW, reason="late"))),
            entry(3, SealedBody(sealed_point("rp-2")), at=end),
        ]
    )

    assert [row.point for row in history.rows] == ["rp-2"]
    assert not history.missed
    assert [sealed.point.id for sealed in history.points] == ["rp-1", "rp-2"]
    assert history.since == NOW


def test_a_slot_is_missed_once():
    slot = MissedSlot(due_at=NOW, reason="late")
    history = fold_all([entry(n, MissedBody(slot)) for n in (1, 2)])

    assert history.missed == (slot,)


def test_entries_are_told_from_the_newest_checkpoint_on():
    history = fold_all([entry(1, FenceBody()), entry(2, CheckpointBody()), entry(3, FenceBody())])

    assert [one.sequence for one in history.entries] == [2, 3]
