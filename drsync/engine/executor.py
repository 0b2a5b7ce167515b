"""Carries one plan out. The only writer of the journal."""

import contextvars
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

from drsync.clock import Deadline
from drsync.engine.world import Inputs, Results, Work
from drsync.errors import DrsyncError
from drsync.model.run import Run, StepState
from drsync.model.step import Step
from drsync.plans.progress import Todo, is_undone, next_stage
from drsync.state.journal import Journal
from drsync.state.lease import HeldLease

PARALLEL_STEPS: Final = 4
"""Steps of one stage at once: each may hold a mover process of about 100 MiB."""

Action = Callable[[Any, Work[Inputs], Deadline], dict[str, Any]]
"""Does one step. May run twice; returns JSON for the journal, `words` in it for people."""


class Waiting(Exception):
    """Raised by an action that can go no further until somebody answers."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """How far a plan was carried."""

    run: Run
    waiting: str = ""
    undone: bool = False


@dataclass(frozen=True, slots=True)
class _Ended:
    step: Step
    error: BaseException | None = None
    waiting: str = ""


def execute(work: Work[Inputs], journal: Journal, lease: HeldLease, actions: Mapping[str, Action[Inputs]]) -> Execution:
    """Loops on `next_stage` until nothing is left, a step fails for good, or one waits.

    The first error of a stage is raised after its other steps have ended; what they did is in
    the journal, and the same call with the journal read again goes on from there.
    """
    failure: BaseException | None = None
    while todo := next_stage(work.plan, journal.records()):
        if failure and todo.ends is not StepState.UNDONE:
            break
        ended = _run_stage(todo, replace(work, results=_results(journal)), journal, lease, actions)
        waiting = next((e.waiting for e in ended if e.waiting), "")
        if waiting:
            return Execution(run=journal.read(), waiting=waiting)
        stopped = next((e.error for e in ended if e.error), None)
        if stopped and todo.ends is StepState.UNDONE:
            raise stopped
        failure = failure or stopped
    if failure:
        raise failure
    return Execution(run=journal.read(), undone=is_undone(work.plan, journal.records()))


def _results(journal: Journal) -> Results:
    return {step: record.result for step, record in journal.records().items() if record.state is StepState.DONE}


def _run_stage(
    todo: Todo, work: Work[Inputs], journal: Journal, lease: HeldLease, actions: Mapping[str, Action[Inputs]]
) -> list[_Ended]:
    if len(todo.steps) == 1:
        return [_run_step(todo.steps[0], todo.ends, work, journal, lease, actions)]
    with ThreadPoolExecutor(PARALLEL_STEPS, thread_name_prefix="step") as pool:
        futures: list[Future[_Ended]] = [
            pool.submit(contextvars.copy_context().run, _run_step, step, todo.ends, work, journal, lease, actions)
            for step in todo.steps
        ]
        return [future.result() for future in futures]


def _run_step(
    step: Step,
    ends: StepState,
    work: Work[Inputs],
    journal: Journal,
    lease: HeldLease,
    actions: Mapping[str, Action[Inputs]],
) -> _Ended:
    """Intent, act, result. An error is a result too."""
    world = work.world
    began_s = world.clock.boot_s()
    try:
        world.cancel.check()
        lease.check()
        attempt = journal.intent(step.id, epoch=lease.epoch, now=world.clock.now())
    except DrsyncError as error:
        return _Ended(step, error)
    world.report.began(step.id)
    deadline = Deadline.after(world.clock, timedelta(seconds=step.deadline_s), f"Step {step.id}")
    state, result, ended = _act(step, ends, work, deadline, actions)
    try:
        # Who lost the lease must not write: the next holder's records would race with it.
        lease.check()
        journal.result(step.id, attempt, state=state, epoch=lease.epoch, now=world.clock.now(), result=result)
    except DrsyncError as error:
        ended = _Ended(step, ended.error or error)
    took_s = world.clock.boot_s() - began_s
    world.report.ended(step.id, ok=ended.error is None, words=str(result.get("words", "")), took_s=took_s)
    return ended


def _act(
    step: Step, ends: StepState, work: Work[Inputs], deadline: Deadline, actions: Mapping[str, Action[Inputs]]
) -> tuple[StepState, dict[str, Any], _Ended]:
    try:
        return ends, actions[step.kind](step, work, deadline), _Ended(step)
    except Waiting as waiting:
        return StepState.WAITING, {"words": waiting.words}, _Ended(step, waiting=waiting.words)
    except DrsyncError as error:
        return StepState.FAILED, {"error": error.problem, "remedy": error.remedy}, _Ended(step, error)
    except Exception as error:  # noqa: BLE001 - whatever an action raises, the journal must say that it failed
        return StepState.FAILED, {"error": f"internal error: {type(error).__name__}"}, _Ended(step, error)
