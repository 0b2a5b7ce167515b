"""Plan + journal → what to do next. The only state machine there is, and it holds no state."""

from collections.abc import Mapping
from dataclasses import dataclass

from drsync.model.plan import Plan, Stage
from drsync.model.run import StepRecord, StepState
from drsync.model.step import Step

_TURNS_BACK = (StepState.FAILED, StepState.UNDONE)
_BEGUN = (StepState.STARTED, StepState.DONE, StepState.FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Todo:
    """Steps that may run side by side now. `ends` is the state that success gives them."""

    steps: tuple[Step, ...]
    ends: StepState = StepState.DONE


def next_stage(plan: Plan, records: Mapping[str, StepRecord]) -> Todo | None:
    """What to do now, or None when the plan is finished or wholly undone.

    A failed step of `prepare` that has something to undo turns the run back for good; where
    nothing has an undo, trying again is as safe as the first time. A failed step of `commit`
    is always tried again.
    """
    if _turned_back(plan, records):
        return _next_undo(plan, records)
    for stage in plan.stages():
        left = tuple(step for step in stage if _state(step.id, records) is not StepState.DONE)
        if left:
            return Todo(steps=left)
    return None


def is_undone(plan: Plan, records: Mapping[str, StepRecord]) -> bool:
    """Whether the run turned back and nothing is left to take back."""
    return _turned_back(plan, records) and _next_undo(plan, records) is None


def _turned_back(plan: Plan, records: Mapping[str, StepRecord]) -> bool:
    prepared = [step.id for stage in plan.prepare for step in stage]
    return bool(plan.undos) and any(_state(step, records) in _TURNS_BACK for step in prepared)


def _next_undo(plan: Plan, records: Mapping[str, StepRecord]) -> Todo | None:
    undos = {undo.of: undo.step for undo in plan.undos}
    for stage in reversed(plan.prepare):
        steps = _undos_of(stage, undos, records)
        if steps:
            return Todo(steps=steps, ends=StepState.UNDONE)
    return None


def _undos_of(stage: Stage, undos: Mapping[str, Step], records: Mapping[str, StepRecord]) -> tuple[Step, ...]:
    begun = (step.id for step in stage if step.id in undos and _state(step.id, records) in _BEGUN)
    return tuple(undos[step] for step in begun if _state(undos[step].id, records) is not StepState.UNDONE)


def _state(step: str, records: Mapping[str, StepRecord]) -> StepState | None:
    record = records.get(step)
    return record.state if record else None
