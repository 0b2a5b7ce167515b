"""A run's journal: its frozen plan, and a record before and after each step.

    runs/RUN/plan.json              the plan, before anything is done
    runs/RUN/000001-intent.json     a step begins; the number counts over the whole run
    runs/RUN/000001-result.json     how that attempt ended; the same number
    runs/RUN/end.json               the run is over

Every key is created or lost. So two executors of one run collide at the next intent, and the one
of the lower epoch stops.
"""

import threading
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from drsync.errors import Conflict, LeaseLost
from drsync.model.epoch import Epoch
from drsync.model.plan import Plan
from drsync.model.run import Run, RunEnd, StepRecord, StepState
from drsync.state.documents import create_once
from drsync.state.records import (
    EndRecord,
    IntentRecord,
    PlanRecord,
    ResultRecord,
    fold_records,
    read_record,
    record_key,
    write_record,
)
from drsync.state.runs import RunSummary, list_runs, numbers_after, read_journal, read_run
from drsync.stores.object_store import ObjectStore

__all__ = ["Journal", "RunSummary", "create_run", "list_runs", "read_run"]

COLLISIONS: Final = 100
"""Records of lower epochs that may be in the way before an executor gives up."""


def create_run(store: ObjectStore, plan: Plan, *, key: bytes | None = None) -> None:
    """Freezes the plan. Raises Conflict when another plan has this run id."""
    data = write_record(PlanRecord(run=plan.run, plan=plan), key=key)
    if create_once(store, record_key(plan.run, "plan"), data) is not None:
        raise Conflict(f"Run {plan.run} has a plan already.", remedy="run the same command again for a new run id")


class Journal:
    """The journal of one run, open for writing. Safe to use from several threads."""

    def __init__(self, store: ObjectStore, run: str, *, key: bytes | None = None) -> None:
        """Reads what is there. Raises NotFound when there is no such run, IntegrityError."""
        self._store = store
        self._run = run
        self._key = key
        self._turn = threading.Lock()
        told = read_journal(store, run, key=key)
        self._plan = told.plan
        self._intents = told.intents
        self._results = told.results
        self._end = told.end

    @property
    def plan(self) -> Plan:
        return self._plan

    def records(self) -> Mapping[str, StepRecord]:
        """The newest of each step that was begun."""
        with self._turn:
            return fold_records(self._intents, self._results)

    def read(self) -> Run:
        """The run so far; nothing is read again, since whoever else writes stops this executor."""
        return Run(plan=self._plan, records=tuple(self.records().values()), end=self._end.end if self._end else None)

    def intent(self, step: str, *, epoch: Epoch, now: datetime) -> int:
        """The step begins; returns which attempt at it this is. Raises LeaseLost."""
        with self._turn:
            return self._begin(step, epoch=epoch, now=now).attempt

    def result(
        self,
        step: str,
        attempt: int,
        *,
        state: StepState,
        epoch: Epoch,
        now: datetime,
        result: Mapping[str, Any] | None = None,
    ) -> None:
        """How the attempt ended. Raises LeaseLost."""
        with self._turn:
            begun = self._attempt(step, attempt)
            if begun.number in self._results:
                # A second ending of one attempt, as when it is undone, is an attempt of its own.
                begun = self._begin(step, epoch=epoch, now=now)
            record = ResultRecord(
                run=self._run,
                number=begun.number,
                step=step,
                attempt=begun.attempt,
                state=state,
                epoch=epoch,
                at=now,
                nonce=uuid.uuid4().hex,
                result=dict(result or {}),
            )
            key = record_key(self._run, record.kind, record.number)
            if create_once(self._store, key, write_record(record, key=self._key)) is not None:
                raise _lost(self._run)
            self._results[record.number] = record

    def end(self, end: RunEnd) -> None:
        """The run is over. Raises LeaseLost when another executor goes on with it, or ended it."""
        with self._turn:
            if any(numbers_after(self._store, self._run, self._last)):
                raise _lost(self._run)
            record = EndRecord(run=self._run, end=end, nonce=uuid.uuid4().hex)
            data = write_record(record, key=self._key)
            if create_once(self._store, record_key(self._run, record.kind), data) is not None:
                raise _lost(self._run)
            self._end = record

    @property
    def _last(self) -> int:
        return max(self._intents, default=0)

    def _begin(self, step: str, *, epoch: Epoch, now: datetime) -> IntentRecord:
        for _ in range(COLLISIONS):
            if any(intent.epoch > epoch for intent in self._intents.values()):
                raise _lost(self._run)
            record = IntentRecord(
                run=self._run,
                number=self._last + 1,
                step=step,
                attempt=1 + max((i.attempt for i in self._intents.values() if i.step == step), default=0),
                epoch=epoch,
                at=now,
                nonce=uuid.uuid4().hex,
            )
            key = record_key(self._run, record.kind, record.number)
            there = create_once(self._store, key, write_record(record, key=self._key))
            if there is None:
                self._intents[record.number] = record
                return record
            other = read_record(IntentRecord, there, what=key, key=self._key)
            if other.epoch >= epoch:
                raise _lost(self._run)
            # Someone whose time is over wrote once more before colliding; its step is tried again.
            self._intents[other.number] = other
        raise _lost(self._run)

    def _attempt(self, step: str, attempt: int) -> IntentRecord:
        for intent in self._intents.values():
            if (intent.step, intent.attempt) == (step, attempt):
                return intent
        raise ValueError(f"attempt {attempt} at {step} was never begun")


def _lost(run: str) -> LeaseLost:
    return LeaseLost(
        f"Another executor has taken over run {run}.", remedy=f"leave it to that one; drsync logs {run} shows it"
    )
