"""A journal tells how far a run came, whoever died while writing it."""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsync.errors import Conflict, IntegrityError, LeaseLost, NotFound, StoreUnreachable
from drsync.model.epoch import Epoch
from drsync.model.plan import RunKind
from drsync.model.run import Outcome, RunEnd, StepState
from drsync.state.journal import Journal, create_run, list_runs, read_run
from drsync.state.records import record_key
from drsync.state.runs import find_run
from tests.fakes.faulty_store import Crashed, Fault, Faulty
from tests.fakes.memory_store import MemoryStore
from tests.state.samples import NOW, RUN, calm, plan

KEY = b"j" * 32
FIRST = Epoch(lease=1)
SECOND = Epoch(lease=2)
DONE = RunEnd(outcome=Outcome.COMPLETE, exit_code=0, at=NOW)


def begun(store=None):
    store = store or MemoryStore()
    create_run(store, plan(), key=KEY)
    return store


def journal_of(store):
    return Journal(store, RUN, key=KEY)


def do(journal, step, *, state=StepState.DONE, epoch=FIRST, **result):
    attempt = journal.intent(step, epoch=epoch, now=NOW)
    journal.result(step, attempt, state=state, epoch=epoch, now=NOW, result=result)
    return attempt


def states(store):
    return {record.step: record.state for record in read_run(store, RUN, key=KEY).records}


def test_a_run_that_was_only_planned_has_no_records():
    run = read_run(begun(), RUN, key=KEY)

    assert (run.plan, run.records, run.end) == (plan(), (), None)


def test_the_keys_of_a_run_sort_as_they_were_written():
    store = begun()
    journal = journal_of(store)
    do(journal, "cut")
    do(journal, "seal")
    journal.end(DONE)

    assert list(store.snapshot()) == [
        f"runs/{RUN}/{name}.json"
        for name in ("000001-intent", "000001-result", "000002-intent", "000002-result", "end", "plan")
    ]


def test_a_run_is_read_as_it_was_written():
    store = begun()
    journal = journal_of(store)
    do(journal, "cut", session="s1")
    attempt = journal.intent("seal", epoch=FIRST, now=NOW)

    run = read_run(store, RUN, key=KEY)

    assert attempt == 1
    assert run == journal.read()
    assert [(record.step, record.state, record.result) for record in run.records] == [
        ("cut", StepState.DONE, {"session": "s1"}),
        ("seal", StepState.STARTED, {}),
    ]


def test_an_ended_run_says_how():
    store = begun()
    journal_of(store).end(DONE)

    assert read_run(store, RUN, key=KEY).end == DONE
    assert journal_of(store).read().end == DONE


def test_a_step_that_is_tried_again_counts_its_attempts():
    store = begun()
    do(journal_of(store), "cut", state=StepState.FAILED, error="no")

    attempt = do(journal_of(store), "cut")

    assert attempt == 2
    assert states(store) == {"cut": StepState.DONE}


def test_a_step_that_was_done_can_be_undone():
    store = begun()
    journal = journal_of(store)
    attempt = do(journal, "cut")

    journal.result("cut", attempt, state=StepState.UNDONE, epoch=FIRST, now=NOW)

    assert states(store) == {"cut": StepState.UNDONE}


def test_a_result_of_an_attempt_that_never_began_is_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="never begun"):
        journal_of(begun()).result("cut", 1, state=StepState.DONE, epoch=FIRST, now=NOW)


def test_the_same_plan_may_be_written_twice_and_another_may_not():
    store = begun()
    begun(store)

    with pytest.raises(Conflict, match="has a plan already"):
        create_run(store, replace(plan(), scope="cart"), key=KEY)


def test_the_executor_of_the_lower_epoch_collides_and_stops():
    store = begun()
    late, current = journal_of(store), journal_of(store)
    current.intent("cut", epoch=SECOND, now=NOW)

    with pytest.raises(LeaseLost):
        late.intent("cut", epoch=FIRST, now=NOW)


def test_the_executor_of_the_higher_epoch_goes_past_what_the_other_still_wrote():
    store = begun()
    late, current = journal_of(store), journal_of(store)
    late.intent("cut", epoch=FIRST, now=NOW)

    attempt = do(current, "cut", epoch=SECOND)

    assert attempt == 2
    assert states(store) == {"cut": StepState.DONE}
    with pytest.raises(LeaseLost):
        late.intent("seal", epoch=FIRST, now=NOW)


def test_a_late_result_does_not_outweigh_the_attempt_of_the_next_executor():
    store = begun()
    late = journal_of(store)
    attempt = late.intent("cut", epoch=FIRST, now=NOW)
    journal_of(store).intent("cut", epoch=SECOND, now=NOW)

    late.result("cut", attempt, state=StepState.FAILED, epoch=FIRST, now=NOW)

    assert states(store) == {"cut": StepState.STARTED}


def test_an_executor_that_was_overtaken_does_not_end_the_run():
    store = begun()
    late = journal_of(store)
    do(late, "cut")
    journal_of(store).intent("seal", epoch=SECOND, now=NOW)

    with pytest.raises(LeaseLost):
        late.end(DONE)

    assert read_run(store, RUN, key=KEY).end is None


def test_an_executor_that_comes_after_a_higher_epoch_begins_nothing():
    store = begun()
    do(journal_of(store), "cut", epoch=SECOND)

    with pytest.raises(LeaseLost):
        journal_of(store).intent("seal", epoch=FIRST, now=NOW)


def test_of_two_executors_of_one_epoch_the_second_stops():
    store = begun()
    first, second = journal_of(store), journal_of(store)
    first.intent("cut", epoch=FIRST, now=NOW)

    with pytest.raises(LeaseLost):
        second.intent("cut", epoch=FIRST, now=NOW)


def test_a_record_that_was_moved_is_noticed():
    store = begun()
    journal_of(store).intent("cut", epoch=FIRST, now=NOW)
    store.create(record_key(RUN, "intent", 2), store.get(record_key(RUN, "intent", 1)).data)

    with pytest.raises(IntegrityError, match="another place"):
        journal_of(store)


def test_a_result_without_its_intent_is_noticed():
    store = begun()
    do(journal_of(store), "cut")
    store.lose(record_key(RUN, "intent", 1))

    with pytest.raises(IntegrityError, match="no intent"):
        journal_of(store)


def test_a_run_ends_once():
    store = begun()
    first, second = journal_of(store), journal_of(store)
    first.end(DONE)

    with pytest.raises(LeaseLost):
        second.end(RunEnd(outcome=Outcome.FAILED, exit_code=1, at=NOW))


def test_steps_that_run_side_by_side_have_numbers_of_their_own():
    store = begun()
    journal = journal_of(store)
    attempts = {step: journal.intent(step, epoch=FIRST, now=NOW) for step in ("a", "b", "c")}
    for step, attempt in reversed(attempts.items()):
        journal.result(step, attempt, state=StepState.DONE, epoch=FIRST, now=NOW)

    assert states(store) == dict.fromkeys("abc", StepState.DONE)


@given(st.lists(st.sampled_from(["late", "current"]), max_size=14))
@calm
def test_however_two_executors_take_turns_the_higher_epoch_finishes_and_is_believed(turns):
    store = begun()
    working = {
        "late": steps_of(journal_of(store), FIRST),
        "current": steps_of(journal_of(store), SECOND),
    }
    for who in turns:
        with suppress(LeaseLost, StopIteration):
            next(working[who])
    # The late one is stopped here, at the latest when it tries to begin something.
    for _ in working["current"]:
        pass

    run = read_run(store, RUN, key=KEY)
    assert {record.step: record.epoch for record in run.records} == {"cut": SECOND, "seal": SECOND}
    assert {record.state for record in run.records} == {StepState.DONE}
    assert run.end == DONE


def steps_of(journal, epoch):
    """One executor, a record at a time; it stops for good when it has lost."""
    for step in ("cut", "seal"):
        attempt = journal.intent(step, epoch=epoch, now=NOW)
        yield
        journal.result(step, attempt, state=StepState.DONE, epoch=epoch, now=NOW)
        yield
    if epoch == SECOND:
        journal.end(DONE)


def carry_out(store):
    """What an executor does: goes on where the journal ends."""
    journal = journal_of(store)
    for step in ("cut", "seal"):
        known = journal.records().get(step)
        if not known or known.state is not StepState.DONE:
            do(journal, step, epoch=SECOND)
    if journal.read().end is None:
        journal.end(DONE)


def crashes():
    probe = Faulty(MemoryStore())
    begun(probe)
    carry_out(probe)
    return [(at, after) for at in range(1, probe.calls + 1) for after in (False, True)]


@pytest.mark.parametrize(("at", "after"), crashes())
def test_a_crash_at_any_call_leaves_a_journal_that_goes_on_to_the_same_end(at, after):
    inner = MemoryStore()
    store = Faulty(inner).crash(at=at, after=after)
    with suppress(Crashed):
        begun(store)
        carry_out(store)

    begun(inner)
    carry_out(inner)

    run = read_run(inner, RUN, key=KEY)
    assert {record.step: record.state for record in run.records} == {"cut": StepState.DONE, "seal": StepState.DONE}
    assert run.end == DONE


@pytest.mark.parametrize("skip", range(14))
@pytest.mark.parametrize("fault", [Fault.NOT_SENT, Fault.NOT_ACKED])
def test_a_lost_answer_at_any_call_leaves_a_journal_that_goes_on_to_the_same_end(fault, skip):
    inner = MemoryStore()
    store = Faulty(inner).fail(fault, skip=skip)
    with suppress(StoreUnreachable):
        begun(store)
        carry_out(store)

    begun(inner)
    carry_out(inner)

    assert states(inner) == {"cut": StepState.DONE, "seal": StepState.DONE}


@pytest.mark.parametrize("name", ["000001-intent", "000001-result", "000002-intent", "end", "plan"])
def test_every_changed_byte_of_a_journal_is_noticed(name):
    store = begun()
    journal = journal_of(store)
    do(journal, "cut")
    journal.intent("seal", epoch=FIRST, now=NOW)
    journal.end(DONE)
    key = f"runs/{RUN}/{name}.json"
    good = store.get(key).data

    unnoticed = []
    for at in range(0, len(good), 3):
        store.tamper(key, good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        try:
            read_run(store, RUN, key=KEY)
        except IntegrityError:
            continue
        unnoticed.append(at)

    assert not unnoticed


@pytest.mark.parametrize("name", ["000001-intent", "000001-result", "end", "plan"])
def test_a_journal_that_another_wrote_is_not_followed(name):
    store = MemoryStore()
    forged = MemoryStore()
    for where, key in ((store, KEY), (forged, None)):
        create_run(where, plan(), key=key)
        journal = Journal(where, RUN, key=key)
        do(journal, "cut")
        journal.end(DONE)
    store.tamper(f"runs/{RUN}/{name}.json", forged.get(f"runs/{RUN}/{name}.json").data)

    with pytest.raises(IntegrityError, match="carries no seal"):
        journal_of(store)
    assert read_run(store, RUN).plan == plan()


@pytest.mark.parametrize(("name", "problem"), [("000001-intent", "missing|no intent"), ("000001-result", "")])
def test_a_record_that_is_lost_is_noticed_where_it_matters(name, problem):
    store = begun()
    do(journal_of(store), "cut")
    do(journal_of(store), "seal")
    store.lose(f"runs/{RUN}/{name}.json")

    if problem:
        with pytest.raises(IntegrityError, match=problem):
            read_run(store, RUN, key=KEY)
    else:
        assert states(store)["cut"] is StepState.STARTED


@pytest.mark.parametrize("run", ["", "nonsense", "../log", RUN.replace("b-", "r-")])
def test_a_run_that_is_not_there_is_not_found(run):
    with pytest.raises(NotFound):
        read_run(begun(), run, key=KEY)


def test_runs_are_listed_by_their_keys_alone_oldest_first():
    inner = MemoryStore()
    for kind, minute in (("b", 8), ("r", 9), ("b", 7), ("d", 6)):
        run = f"{kind}-20260821T03{minute:02}04Z-k3f9"
        create_run(inner, plan(run), key=KEY)
        if minute == 9:
            Journal(inner, run, key=KEY).end(DONE)
    inner.create("runs/b-nonsense/plan.json", b"")
    store = Faulty(inner)

    found = list(list_runs(store, NOW - timedelta(minutes=1)))

    told = [(one.run[:1], one.started_at.minute, one.ended) for one in found]
    assert told == [
        ("b", 7, False),
        ("b", 8, False),
        ("r", 9, True),
    ]
    assert {call.name for call in store.log} == {"list"}
    assert len(store.log) == len(RunKind)


def test_a_run_is_found_by_the_beginning_of_its_id():
    store = begun()
    create_run(store, plan("b-20260822T030804Z-aaaa"), key=KEY)

    assert find_run(store, "b-20260821") == RUN
    assert find_run(store, RUN) == RUN
    with pytest.raises(NotFound, match="more than one"):
        find_run(store, "b-2026")
    with pytest.raises(NotFound, match="No run"):
        find_run(store, "r-")


def test_a_record_s_key_has_six_digits():
    assert record_key(RUN, "intent", 12) == f"runs/{RUN}/000012-intent.json"
