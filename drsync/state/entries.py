"""What an entry of a commit log may say, and how it is written."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from drsync.model.epoch import Epoch
from drsync.model.recovery_point import MissedSlot, RecoveryPoint, SealedPoint
from drsync.model.volume import Consistency
from drsync.state.documents import damaged, decode, encode
from drsync.state.envelope import seal, unseal


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRow:
    """One point as the record of what was promised keeps it, long after the point is pruned."""

    point: str
    consistent_at: datetime
    usable_at: datetime
    complete: bool
    consistency: Consistency
    unusable_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SealedBody:
    """From this entry on the point exists."""

    point: RecoveryPoint
    kind: Literal["point"] = "point"


@dataclass(frozen=True, slots=True)
class FenceBody:
    """From this entry on, whoever acts under a lower epoch is not heard."""

    reason: str = ""
    kind: Literal["fence"] = "fence"


@dataclass(frozen=True, slots=True)
class MissedBody:
    """A capture that was due did not happen."""

    slot: MissedSlot
    kind: Literal["missed"] = "missed"


@dataclass(frozen=True, slots=True)
class UnusableBody:
    """A sealed point turned out not to be restorable."""

    point: str
    reason: str
    kind: Literal["unusable"] = "unusable"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointBody:
    """All entries before this one, folded: a reader begins here."""

    epoch: Epoch = field(default_factory=Epoch)
    since: datetime | None = None
    """When the first entry was written."""
    until: datetime | None = None
    """The latest instant that an entry names as its own."""
    points: tuple[SealedPoint, ...] = ()
    rows: tuple[HistoryRow, ...] = ()
    missed: tuple[MissedSlot, ...] = ()
    kind: Literal["checkpoint"] = "checkpoint"


LogBody = SealedBody | FenceBody | MissedBody | UnusableBody | CheckpointBody
"""A union closed by `kind`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """One decision, at its place."""

    policy: str
    sequence: Annotated[int, Field(ge=1, lt=10**20)]
    epoch: Epoch
    nonce: str
    """New for each attempt to write, so that a writer knows its own entry again."""
    at: datetime
    tool: str
    body: Annotated[LogBody, Field(discriminator="kind")]
    schema: Literal["drsync.log/v1"] = "drsync.log/v1"

    @property
    def kind(self) -> str:
        return self.body.kind


def entry_key(policy: str, sequence: int) -> str:
    return f"log/{policy}/{sequence:020d}.json"


def write_entry(entry: LogEntry, *, key: bytes) -> bytes:
    return seal(encode(entry), key=key)


def read_entry(data: bytes, *, policy: str, sequence: int, key: bytes | None) -> LogEntry:
    """Without a key the entry's form is checked, its author is not. Raises IntegrityError."""
    what = entry_key(policy, sequence)
    entry = decode(LogEntry, unseal(data, key=key, what=what), what=what)
    if (entry.policy, entry.sequence) != (policy, sequence):
        raise damaged(what, "it was written for another place")
    return entry
