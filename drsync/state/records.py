"""What a journal's keys hold, and how they fold into a run. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field

from drsync.model.epoch import Epoch
from drsync.model.plan import Plan
from drsync.model.run import Run, RunEnd, StepRecord, StepState
from drsync.state.documents import damaged, decode, encode
from drsync.state.envelope import seal, unseal


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRecord:
    """The plan, before anything is done."""

    run: str
    plan: Plan
    kind: Literal["plan"] = "plan"
    schema: Literal["drsync.journal/v1"] = "drsync.journal/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentRecord:
    """A step is about to be tried."""

    run: str
    number: int
    step: str
    attempt: Annotated[int, Field(ge=1)]
    epoch: Epoch
    at: datetime
    nonce: str
    kind: Literal["intent"] = "intent"
    schema: Literal["drsync.journal/v1"] = "drsync.journal/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultRecord:
    """How that attempt ended."""

    run: str
    number: int
    step: str
    attempt: int
    state: StepState
    epoch: Epoch
    at: datetime
    nonce: str
    result: dict[str, Any] = field(default_factory=dict[str, Any])
    kind: Literal["result"] = "result"
    schema: Literal["drsync.journal/v1"] = "drsync.journal/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class EndRecord:
    """The run is over."""

    run: str
    end: RunEnd
    nonce: str
    kind: Literal["end"] = "end"
    schema: Literal["drsync.journal/v1"] = "drsync.journal/v1"


Record = PlanRecord | IntentRecord | ResultRecord | EndRecord
R = TypeVar("R", PlanRecord, IntentRecord, ResultRecord, EndRecord)


def record_key(run: str, kind: str, number: int = 0) -> str:
    """Six digits, so that the keys of one run sort as they were written."""
    return f"runs/{run}/{number:06d}-{kind}.json" if number else f"runs/{run}/{kind}.json"


def write_record(record: Record, *, key: bytes | None) -> bytes:
    return seal(encode(record), key=key)


def read_record(type_: type[R], data: bytes, *, what: str, key: bytes | None) -> R:
    """`what` is the key it was read from. Raises IntegrityError."""
    record = decode(type_, unseal(data, key=key, what=what), what=what)
    number = record.number if isinstance(record, IntentRecord | ResultRecord) else 0
    if record_key(record.run, record.kind, number) != what:
        raise damaged(what, "it was written for another place")
    return record


def fold_records(intents: Mapping[int, IntentRecord], results: Mapping[int, ResultRecord]) -> dict[str, StepRecord]:
    """The newest that is known of each step; a later attempt outweighs whatever an earlier one says."""
    newest: dict[str, StepRecord] = {}
    for number in sorted(intents):
        record = results.get(number) or intents[number]
        newest[record.step] = StepRecord(
            step=record.step,
            state=record.state if isinstance(record, ResultRecord) else StepState.STARTED,
            attempt=record.attempt,
            at=record.at,
            epoch=record.epoch,
            result=record.result if isinstance(record, ResultRecord) else {},
        )
    return newest


def fold_run(
    plan: Plan, intents: Mapping[int, IntentRecord], results: Mapping[int, ResultRecord], end: EndRecord | None
) -> Run:
    records = tuple(fold_records(intents, results).values())
    return Run(plan=plan, records=records, end=end.end if end else None)
