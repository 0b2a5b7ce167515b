"""A log's entries, folded into what they mean. Pure; the same with and without checkpoints."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, assert_never

from drsync.model.epoch import Epoch
from drsync.model.recovery_point import MissedSlot, RecoveryPoint, SealedPoint
from drsync.state.entries import (
    CheckpointBody,
    FenceBody,
    HistoryRow,
    LogEntry,
    MissedBody,
    SealedBody,
    UnusableBody,
)

KEEP_ROWS: Final = timedelta(days=400)
"""A year of compliance, and the month that is being reported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What a log says."""

    policy: str
    sequence: int = 0
    """Of the last entry; 0 when there is none."""
    folded: CheckpointBody = field(default_factory=CheckpointBody)
    entries: tuple[LogEntry, ...] = ()
    """Those that count, from the newest checkpoint on."""
    authenticated: bool = False
    """Every entry that was read carries the seal of this store's key."""

    @property
    def epoch(self) -> Epoch:
        """The highest so far; whoever acts under a lower one is too late."""
        return self.folded.epoch

    @property
    def since(self) -> datetime | None:
        return self.folded.since

    @property
    def points(self) -> tuple[SealedPoint, ...]:
        """In the order of the log."""
        return self.folded.points

    @property
    def rows(self) -> tuple[HistoryRow, ...]:
        """One for each point of the last 400 days, kept when the point is pruned."""
        return self.folded.rows

    @property
    def missed(self) -> tuple[MissedSlot, ...]:
        return self.folded.missed

    def point(self, point: str) -> SealedPoint | None:
        return next((sealed for sealed in self.points if sealed.point.id == point), None)


def extend(history: History, entry: LogEntry) -> History:
    """The history with the next entry; an entry of a lower epoch takes its place and says nothing."""
    if entry.epoch < history.epoch:
        return replace(history, sequence=entry.sequence)
    begins = isinstance(entry.body, CheckpointBody)
    return replace(
        history,
        sequence=entry.sequence,
        folded=fold(history.folded, entry),
        entries=(entry,) if begins else (*history.entries, entry),
    )


def fold(state: CheckpointBody, entry: LogEntry) -> CheckpointBody:
    """`entry` must not be of a lower epoch than the state."""
    body = entry.body
    if isinstance(body, CheckpointBody):
        # It repeats what came before; only its writer's epoch is new.
        return replace(state, epoch=max(state.epoch, entry.epoch))
    state = replace(
        state,
        epoch=entry.epoch,
        since=state.since or entry.at,
        until=max(state.until or entry.at, entry.at),
    )
    match body:
        case SealedBody():
            state = _seal(state, entry, body.point)
        case FenceBody():
            pass
        case MissedBody():
            state = _miss(state, body.slot)
        case UnusableBody():
            state = _withdraw(state, body, entry.at)
        case _:
            assert_never(body)
    return _trim(state)


def _seal(state: CheckpointBody, entry: LogEntry, point: RecoveryPoint) -> CheckpointBody:
    if any(sealed.point.id == point.id for sealed in state.points):
        return state
    sealed = SealedPoint(point=point, sequence=entry.sequence, epoch=entry.epoch, sealed_at=entry.at)
    row = HistoryRow(
        point=point.id,
        consistent_at=point.consistent_at,
        usable_at=entry.at,
        complete=point.complete,
        consistency=point.consistency,
    )
    return replace(state, points=(*state.points, sealed), rows=(*state.rows, row))


def _miss(state: CheckpointBody, slot: MissedSlot) -> CheckpointBody:
    if any(known.due_at == slot.due_at for known in state.missed):
        return state
    return replace(state, missed=(*state.missed, slot))


def _withdraw(state: CheckpointBody, body: UnusableBody, at: datetime) -> CheckpointBody:
    """The first reason stays."""
    points = tuple(
        replace(sealed, unusable=body.reason) if sealed.point.id == body.point and not sealed.unusable else sealed
        for sealed in state.points
    )
    rows = tuple(
        replace(row, unusable_at=at) if row.point == body.point and row.unusable_at is None else row
        for row in state.rows
    )
    return replace(state, points=points, rows=rows)


def _trim(state: CheckpointBody) -> CheckpointBody:
    """By the log's own time, so that it does not matter who reads, and when."""
    if state.until is None:
        return state
    oldest = state.until - KEEP_ROWS
    if state.rows and state.rows[0].usable_at < oldest:
        state = replace(state, rows=tuple(row for row in state.rows if row.usable_at >= oldest))
    if state.missed and state.missed[0].due_at < oldest:
        state = replace(state, missed=tuple(slot for slot in state.missed if slot.due_at >= oldest))
    return state
