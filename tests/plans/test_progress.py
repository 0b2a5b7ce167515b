"""plans/progress.py: from a plan and its journal to what comes next."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsync.model.epoch import Epoch
from drsync.model.plan import Plan, RunKind, Undo
from drsync.model.request import CaptureRequest
from drsync.model.run import StepRecord, StepState
from drsync.model.step import EnsureNamespaces
from drsync.plans.progress import is_undone, next_stage

NOW = datetime(2026, 8, 21, 3, 8, 4, tzinfo=UTC)


def step(name: str) -> EnsureNamespaces:
    return EnsureNamespaces(id=name)


def plan(*, undos: bool) -> Plan:
    return Plan(
        kind=RunKind.RESTORE,
        run="r-20260821T030804Z-k3f9",
        scope="r-20260821T030804Z-k3f9",
        made_at=NOW,
        tool_version="0",
        request=CaptureRequest(policy="p", policy_sha256="0", cluster="c"),
        prepare=((step("a"),), (step("b"), step("c"))),
        commit=((step("d"),), (step("e"),)),
        undos=(Undo(of="a", step=step("undo-a")), Undo(of="b", step=step("undo-b"))) if undos else (),
    )


def record(name: str, state: StepState) -> StepRecord:
    return StepRecord(step=name, state=state, attempt=1, at=NOW, epoch=Epoch())


def run_to_the_end(a_plan: Plan, fails: set[str], crash_after: int | None) -> tuple[dict[str, StepRecord], list[str]]:
    """An executor in miniature: carries the plan out and forgets everything but the journal at the crash."""
    records: dict[str, StepRecord] = {}
    order: list[str] = []
    for turn in range(50):
        todo = next_stage(a_plan, records)
        if todo is None:
            return records, order
        for one in todo.steps:
            order.append(one.id)
            if crash_after == turn:
                records[one.id] = record(one.id, StepState.STARTED)
                continue
            records[one.id] = record(one.id, StepState.FAILED if one.id in fails else todo.ends)
    raise AssertionError("the plan never ends")


def test_steps_of_one_stage_come_together_and_stages_in_order() -> None:
    _, order = run_to_the_end(plan(undos=False), set(), None)

    assert order == ["a", "b", "c", "d", "e"]


@pytest.mark.parametrize("failing", ["a", "b", "c"])
@pytest.mark.parametrize("crash_after", [None, *range(6)])
def test_a_failed_prepare_step_is_taken_back_in_reverse_whatever_crashes(failing: str, crash_after: int | None) -> None:
    records, order = run_to_the_end(plan(undos=True), {failing}, crash_after)

    undone = [name for name in order if name.startswith("undo-")]
    assert list(dict.fromkeys(undone)) == (["undo-a"] if failing == "a" else ["undo-b", "undo-a"])
    assert "d" not in records
    assert is_undone(plan(undos=True), records)


@given(st.sets(st.sampled_from("abcde")), st.sampled_from([StepState.STARTED, StepState.FAILED, StepState.DONE]))
def test_without_undos_nothing_is_ever_undone_and_what_is_left_is_offered(done: set[str], state: StepState) -> None:
    records = {name: record(name, state) for name in done}

    todo = next_stage(plan(undos=False), records)

    if todo is None:
        assert state is StepState.DONE
        assert done == set("abcde")
    else:
        assert todo.ends is StepState.DONE
        assert all(records.get(s.id) is None or state is not StepState.DONE for s in todo.steps)


def test_a_failed_commit_step_is_tried_again_and_never_undone() -> None:
    records = {name: record(name, StepState.DONE) for name in "abc"} | {"d": record("d", StepState.FAILED)}

    todo = next_stage(plan(undos=True), records)

    assert todo is not None
    assert [s.id for s in todo.steps] == ["d"]
