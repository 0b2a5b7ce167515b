"""A plan: the steps of one run, frozen before the first of them is taken."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from drsync.model.request import Request
from drsync.model.step import Step


class RunKind(StrEnum):
    """The letter that a run id begins with."""

    BACKUP = "b"
    RESTORE = "r"
    FAILOVER = "f"
    SWITCHOVER = "s"
    FAILBACK = "k"
    DRILL = "d"


Stage = tuple[Step, ...]
"""Steps that may run in parallel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Undo:
    """`step` takes back what the step named `of` did."""

    of: str
    step: Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Two lists of stages; the gap between them is the point of no return.

    When a step of `prepare` fails, the undos of those begun run in reverse. A step of `commit`
    that fails is tried again on resume, and never undone.
    """

    kind: RunKind
    run: str
    scope: str
    """Whose lease it needs: a policy's name for captures, the run's own id for the others."""
    made_at: datetime
    tool_version: str
    request: Request
    """What was asked for; the actions read it beside their step."""
    prepare: tuple[Stage, ...] = ()
    commit: tuple[Stage, ...] = ()
    undos: tuple[Undo, ...] = ()

    def stages(self) -> Iterator[Stage]:
        yield from self.prepare
        yield from self.commit

    def steps(self) -> Iterator[Step]:
        for stage in self.stages():
            yield from stage
