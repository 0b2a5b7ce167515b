"""A run: one plan being carried out, told by its journal."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from drsync.model.epoch import Epoch
from drsync.model.plan import Plan


class StepState(StrEnum):
    STARTED = "started"
    DONE = "done"
    FAILED = "failed"
    WAITING = "waiting"
    """For a person: an approval, a gate. The run ends with exit code 8 and can be resumed."""
    UNDONE = "undone"


class Outcome(StrEnum):
    """How a run ended."""

    COMPLETE = "complete"
    PARTIAL = "partial"
    FAILED = "failed"
    ABANDONED = "abandoned"
    """Its process died; another run closed it."""
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRecord:
    """The newest that the journal says of a step."""

    step: str
    state: StepState
    attempt: int
    at: datetime
    epoch: Epoch
    result: dict[str, Any] = field(default_factory=dict[str, Any])
    """What the action returned, as JSON; `error` and `remedy` when it failed. Never a secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnd:
    """The last record of a journal."""

    outcome: Outcome
    exit_code: int
    at: datetime
    summary: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run as its journal tells it."""

    plan: Plan
    records: tuple[StepRecord, ...] = ()
    """One for each step that was begun, newest state."""
    end: RunEnd | None = None

    @property
    def id(self) -> str:
        return self.plan.run
