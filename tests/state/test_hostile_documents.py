"""Documents that are almost right: every field replaced, dropped or nested by someone who can write to the store."""

import json
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drsync.clock import Cancellation
from drsync.errors import DrsyncError, IntegrityError
from drsync.model.epoch import Epoch
from drsync.model.run import Outcome, RunEnd, StepState
from drsync.state.catalog import resolve
from drsync.state.documents import decode, encode
from drsync.state.entries import LogEntry, SealedBody, entry_key
from drsync.state.heartbeat import Heartbeat, beat, read_heartbeats
from drsync.state.holder import this_holder
from drsync.state.journal import Journal, create_run, list_runs, read_run
from drsync.state.lease import LeaseDocument, acquire
from drsync.state.log import CommitLog
from drsync.state.records import EndRecord, IntentRecord, PlanRecord, ResultRecord
from tests.fakes.memory_store import MemoryStore
from tests.state.contenders import KEY, sealed_point
from tests.state.hand_clock import HandClock
from tests.state.samples import NOW, RUN, calm, json_values, plan

FIRST = Epoch(lease=1)


def filled():
    """A store with one of each document."""
    store = MemoryStore()
    log = CommitLog(store, "shop", key=KEY)
    for number in range(66):
        log.append(SealedBody(sealed_point(f"rp-{number}")), epoch=FIRST, now=NOW)
    acquire(store, "shop", this_holder("run-1", "eu"), clock=HandClock(), cancel=Cancellation())
    create_run(store, plan())
    journal = Journal(store, RUN)
    attempt = journal.intent("cut", epoch=FIRST, now=NOW)
    journal.result("cut", attempt, state=StepState.DONE, epoch=FIRST, now=NOW, result={"session": "s1"})
    journal.end(RunEnd(outcome=Outcome.COMPLETE, exit_code=0, at=NOW))
    beat(store, "eu", NOW, next_due={"shop": NOW})
    return store


STORE = filled().snapshot()
DOCUMENTS = {
    entry_key("shop", 65): LogEntry,
    entry_key("shop", 64): LogEntry,
    "lease/shop": LeaseDocument,
    f"runs/{RUN}/plan.json": PlanRecord,
    f"runs/{RUN}/000001-intent.json": IntentRecord,
    f"runs/{RUN}/000001-result.json": ResultRecord,
    f"runs/{RUN}/end.json": EndRecord,
    "heartbeat/eu": Heartbeat,
}
ODD = json_values | st.sampled_from(
    [
        "\x1b[2J",
        "../../etc/passwd",
        "\x00",
        "P999999999D",
        "-P1D",
        "0001-01-01T00:00:00Z",
        "2026-08-21T03:08:04",
        1e308,
        -1,
        2**70,
        [[[[]]]],
    ]
)


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(place for name, part in inner for place in places(part, (*at, name)))][:400]


def put(value: Any, at: tuple[Any, ...], odd: Any) -> Any:
    if not at:
        return odd
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[at[0]] = put(value[at[0]], at[1:], odd)
    return copy


@st.composite
def hostile(draw):
    key = draw(st.sampled_from(list(DOCUMENTS)))
    document = json.loads(STORE[key])
    place = draw(st.sampled_from(places(document)))
    return key, json.dumps(put(document, place, draw(ODD))).encode()


@given(hostile())
@settings(calm, max_examples=200)
def test_a_field_of_someone_else_s_gives_a_whole_value_or_an_integrity_error(case):
    key, data = case

    with suppress(IntegrityError):
        value = decode(DOCUMENTS[key], data, what=key)
        assert decode(DOCUMENTS[key], encode(value), what=key) == value


def readers(store):
    """What someone does who has no key, and so nobody to vouch for what is read."""
    refs = ("shop@latest", "shop@previous", "shop@2026-08-21T05:08:04Z", "shop@2020-01-01T00:00Z", "rp-3", "rp-65", "r")
    yield from (partial(resolve, store, ref, key=None, now=NOW + timedelta(days=1)) for ref in refs)
    yield partial(read_run, store, RUN)
    yield lambda: list(list_runs(store, NOW - timedelta(days=1)))
    yield partial(read_heartbeats, store)
    yield partial(acquire, store, "shop", this_holder("run-2", "eu"), clock=HandClock(), cancel=Cancellation())


@pytest.mark.slow
@given(hostile())
@settings(calm, max_examples=300)
def test_whoever_reads_a_hostile_store_gets_answers_or_errors_with_a_remedy(case):
    key, data = case
    store = MemoryStore()
    for name, whole in STORE.items():
        store.create(name, data if name == key else whole)

    errors = []
    for read in readers(store):
        try:
            read()
        except DrsyncError as error:
            errors.append(str(error))

    assert [error for error in errors if not error.isprintable()] == []
