"""Values come back as they went in; anything else that is read is one clear error."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from drsync.errors import DrsyncError, IntegrityError
from drsync.model.plan import Plan
from drsync.model.recovery_point import MissedSlot, RecoveryPoint
from drsync.model.run import Run
from drsync.state.documents import LIMIT_BYTES, create_once, decode, encode, fetch
from drsync.state.entries import LogEntry, read_entry
from drsync.state.heartbeat import Heartbeat
from drsync.state.lease import LeaseDocument
from drsync.state.records import EndRecord, IntentRecord, PlanRecord, ResultRecord, read_record
from tests.fakes.faulty_store import Fault, Faulty
from tests.fakes.memory_store import MemoryStore
from tests.state.samples import NOW, calm, plan, plans, points, runs

DOCUMENTS = (Heartbeat, LeaseDocument, LogEntry, PlanRecord, IntentRecord, ResultRecord, EndRecord, Plan, Run)


@given(points)
@calm
def test_a_point_comes_back_as_it_went_in(point):
    assert decode(RecoveryPoint, encode(point), what="x") == point


@given(plans)
@calm
def test_a_plan_comes_back_as_it_went_in(plan):
    assert decode(Plan, encode(plan), what="x") == plan


@given(runs)
@settings(calm, max_examples=15)
def test_a_run_comes_back_as_it_went_in(run):
    assert decode(Run, encode(run), what="x") == run


@pytest.mark.parametrize("document", DOCUMENTS)
@given(data=st.binary(max_size=200))
@calm
@example(data=b"")
@example(data=b"null")
@example(data=b"[]")
@example(data=b"{}")
@example(data=b"[" * 100_000)
@example(data=b'{"plan":' * 50_000)
@example(data=b'{"schema":"drsync.log/v2"}')
@example(data=b'{"epoch":' + b"9" * 5_000 + b"}")
@example(data=b'{"nonce":"\\ud800"}')
@example(data=b'{"a":NaN,"a":1e999}')
@example(data=b"\xff\xfe\x00")
def test_nonsense_is_an_integrity_error_and_nothing_else(document, data):
    with pytest.raises(IntegrityError, match=r"log/x"):
        decode(document, data, what="log/x")


_PLAN = encode(PlanRecord(run=plan().run, plan=plan()))


@given(st.integers(0, len(_PLAN) - 1), st.integers(1, 255))
@settings(calm, max_examples=300)
def test_a_changed_byte_gives_another_value_or_an_integrity_error(at, change):
    hostile = _PLAN[:at] + bytes([_PLAN[at] ^ change]) + _PLAN[at + 1 :]

    with suppress(IntegrityError):
        read_record(PlanRecord, hostile, what="runs/b-20260821T030804Z-k3f9/plan.json", key=None)


@given(st.integers(0, len(_PLAN) - 1))
@calm
def test_a_half_written_document_is_an_integrity_error(length):
    with pytest.raises(IntegrityError):
        read_record(PlanRecord, _PLAN[:length], what="runs/b-20260821T030804Z-k3f9/plan.json", key=None)


@pytest.mark.parametrize(
    "instant",
    [
        "2026-08-21T03:08:04",
        "2026-08-21T03:08:04+02:00",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
    ],
)
def test_an_instant_that_would_raise_later_is_refused_at_once(instant):
    with pytest.raises(IntegrityError, match="due_at"):
        decode(MissedSlot, b'{"due_at":"%b","reason":""}' % instant.encode(), what="x")


def test_what_could_not_be_read_back_is_never_written():
    elsewhere = datetime(2026, 8, 21, tzinfo=timezone(timedelta(hours=2)))

    with pytest.raises(DrsyncError, match="nothing was written"):
        encode(MissedSlot(due_at=elsewhere, reason=""))


def test_a_name_that_is_not_text_is_an_error_with_a_remedy():
    with pytest.raises(DrsyncError, match="nothing was written"):
        encode(MissedSlot(due_at=NOW, reason="\udcff"))


def test_a_message_repeats_nothing_that_a_terminal_would_obey():
    with pytest.raises(IntegrityError) as caught:
        decode(Heartbeat, b'{"site":"s","next_due":{"\\u001b[2J":"x"}}', what="heartbeat/s")

    assert str(caught.value).isprintable()


def test_a_huge_document_is_refused_without_being_kept():
    store = MemoryStore()
    store.create("log/x", b" " * (LIMIT_BYTES + 2))

    with pytest.raises(IntegrityError, match="larger than"):
        fetch(store, "log/x")


@given(points)
@calm
def test_an_entry_for_another_place_is_an_integrity_error(point):
    with pytest.raises(IntegrityError):
        read_entry(encode(point), policy="shop", sequence=1, key=None)


def test_a_write_whose_answer_was_lost_is_found_by_reading_back():
    store = Faulty(MemoryStore()).fail(Fault.NOT_ACKED, call="create")

    assert create_once(store, "a", b"mine") is None


def test_a_lost_answer_does_not_make_another_s_write_one_s_own():
    inner = MemoryStore()
    inner.create("a", b"theirs")

    assert create_once(Faulty(inner).fail(Fault.NOT_SENT, call="create"), "a", b"mine") == b"theirs"


@pytest.mark.parametrize("fault", [Fault.NOT_SENT, Fault.LATE])
def test_a_write_that_may_still_arrive_is_not_reported_as_lost(fault):
    store = Faulty(MemoryStore()).fail(fault, call="create")

    with pytest.raises(DrsyncError, match="No answer"):
        create_once(store, "a", b"mine")


def test_a_conflict_that_cannot_be_looked_into_is_no_answer():
    inner = MemoryStore()
    inner.create("a", b"perhaps mine")
    store = Faulty(inner).fail(Fault.NOT_SENT, call="get")

    with pytest.raises(DrsyncError, match="No answer to get"):
        create_once(store, "a", b"mine")


def test_instants_are_kept_to_the_microsecond():
    slot = MissedSlot(due_at=datetime(2026, 8, 21, 3, 8, 4, 123_457, tzinfo=UTC), reason="")

    assert decode(MissedSlot, encode(slot), what="x") == slot
