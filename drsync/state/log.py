"""The commit log of a policy: the one place that says which points exist, and in which order.

Entries are created at the next sequence number or lost; nothing is ever changed or removed. An
epoch that a later entry carries silences every lower one, so a run that wakes up late collides
at its number, reads who came after, and stops.
"""

import re
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Final

from drsync.errors import AlreadyRunning, IntegrityError, LeaseLost, UserError, WrongKey
from drsync.model.epoch import Epoch
from drsync.state.documents import REMEDY, create_once, damaged, fetch, fetch_all
from drsync.state.entries import (
    CheckpointBody,
    FenceBody,
    HistoryRow,
    LogBody,
    LogEntry,
    MissedBody,
    SealedBody,
    UnusableBody,
    entry_key,
    read_entry,
    write_entry,
)
from drsync.state.history import History, extend
from drsync.state.tool import tool_version
from drsync.stores.object_store import ObjectStore

__all__ = [
    "CheckpointBody",
    "CommitLog",
    "FenceBody",
    "History",
    "HistoryRow",
    "LogBody",
    "LogEntry",
    "MissedBody",
    "SealedBody",
    "UnusableBody",
    "policies",
]

CHECKPOINT_EVERY: Final = 64
"""So a reader gets at most this many entries, whatever the log's age."""
LONG: Final = 1_000
"""Entries that are listed before a reader looks for the end by other means: one page."""
COLLISIONS: Final = 100
"""Entries that others may squeeze in before an append gives up."""

_POLICY: Final = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?", re.ASCII)
_NUMBER: Final = re.compile(r"[0-9]{20}(?=\.json\Z)", re.ASCII)


class CommitLog:
    """One policy's log. What was read once is not read again, since entries never change."""

    def __init__(self, store: ObjectStore, policy: str, *, key: bytes | None, threads: int = 8) -> None:
        """`key` is the keyring's for "log"; without it the log can be read, not believed, and not written."""
        if not _POLICY.fullmatch(policy):
            raise UserError(
                f"{policy!r} cannot be the name of a policy.", remedy="use lower case letters, digits and -"
            )
        self._store = store
        self._key = key
        self._threads = threads
        self._history = History(policy=policy, authenticated=key is not None)
        self._sent = 0
        self._settled = 0

    @property
    def policy(self) -> str:
        return self._history.policy

    @property
    def in_doubt(self) -> bool:
        """An entry was sent, and neither its fate nor anyone else at its number has been seen."""
        return self._sent > max(self._settled, self._history.sequence)

    def read(self) -> History:
        """Raises IntegrityError when an entry is missing, damaged or not sealed by this store's key."""
        history = self._history
        numbers = self._newest(history.sequence)
        if not numbers:
            return history
        newest = numbers[-1] - numbers[-1] % CHECKPOINT_EVERY
        if newest > history.sequence:
            numbers = [n for n in numbers if n >= newest]
            history = replace(history, sequence=newest - 1, entries=())
        keys = [entry_key(self.policy, number) for number in numbers]
        for number, data in zip(numbers, fetch_all(self._store, keys, threads=self._threads), strict=True):
            entry = read_entry(data, policy=self.policy, sequence=number, key=self._key)
            history = _begin(history, entry) if number == newest else extend(history, entry)
        self._history = history
        return history

    def append(self, body: LogBody, *, epoch: Epoch, now: datetime) -> LogEntry:
        """Writes the entry at the next number. A point that is sealed already is not sealed again.

        Raises LeaseLost when a higher epoch is in the log, StoreUnreachable when it cannot be
        told whether the entry arrived; the same call again finds out.
        """
        for _ in range(COLLISIONS):
            history = self.read()
            if isinstance(body, SealedBody) and (sealed := history.point(body.point.id)):
                return self._entry(sealed.sequence)
            if history.epoch > epoch:
                raise LeaseLost(
                    f"Epoch {history.epoch} has taken over the log of {self.policy}; this run has {epoch}.",
                    remedy="nothing was written; run the same command again",
                )
            sequence = history.sequence + 1
            turn = history.folded if sequence % CHECKPOINT_EVERY == 0 else body
            entry = self._create(turn, sequence=sequence, epoch=epoch, now=now)
            if entry and turn is body:
                return entry
        raise AlreadyRunning(
            f"Others wrote {COLLISIONS} entries to the log of {self.policy} while this run tried to write one.",
            remedy="find out who else writes to this store",
        )

    def _create(self, body: LogBody, *, sequence: int, epoch: Epoch, now: datetime) -> LogEntry | None:
        """None when the number is taken by someone else."""
        if self._key is None:
            raise WrongKey(
                f"The log of {self.policy} cannot be written without the store's key.",
                remedy="give the key file with --key",
            )
        entry = LogEntry(
            policy=self.policy,
            sequence=sequence,
            epoch=epoch,
            nonce=uuid.uuid4().hex,
            at=now,
            tool=tool_version(),
            body=body,
        )
        name = entry_key(self.policy, sequence)
        # Before it goes out: whatever is raised from here on, Ctrl-C included, it may have arrived.
        self._sent = max(self._sent, sequence)
        there = create_once(self._store, name, write_entry(entry, key=self._key))
        self._settled = max(self._settled, sequence)
        return entry if there is None else None

    def _entry(self, sequence: int) -> LogEntry:
        data = fetch(self._store, entry_key(self.policy, sequence)).data
        return read_entry(data, policy=self.policy, sequence=sequence, key=self._key)

    def _newest(self, after: int) -> list[int]:
        """The numbers after this one, or from some checkpoint on. Raises IntegrityError when one is missing."""
        numbers = list(islice(self._listed(after), LONG))
        if len(numbers) == LONG:
            start = self._late_checkpoint(numbers[-1])
            return self._contiguous([start, *self._listed(start)], start)
        # Old entries may retire one day, in whole stretches that a checkpoint stands for.
        retired = numbers and not after and numbers[0] % CHECKPOINT_EVERY == 0
        return self._contiguous(numbers, numbers[0] if retired else after + 1)

    def _contiguous(self, numbers: list[int], first: int) -> list[int]:
        for expected, number in enumerate(numbers, first):
            if number != expected:
                raise _missing(self.policy, expected)
        return numbers

    def _listed(self, after: int) -> Iterator[int]:
        prefix = f"log/{self.policy}/"
        for info in self._store.list(prefix, after=entry_key(self.policy, after) if after else ""):
            if match := _NUMBER.match(info.key.removeprefix(prefix)):
                yield int(match[0])

    def _late_checkpoint(self, known: int) -> int:
        """One of the last checkpoints of a long log, in a few looks instead of a page for each thousand entries.

        Only a place to list from: whatever it finds, the listing after it tells all that follows.
        """
        low, step = known // CHECKPOINT_EVERY, 1
        while self._has_checkpoint(low + step):
            low, step = low + step, step * 2
        while step > 1:
            step //= 2
            if self._has_checkpoint(low + step):
                low += step
        return low * CHECKPOINT_EVERY

    def _has_checkpoint(self, count: int) -> bool:
        return self._store.head(entry_key(self.policy, count * CHECKPOINT_EVERY)) is not None


def policies(store: ObjectStore) -> tuple[str, ...]:
    """The names that have a log, by one short listing each."""
    return tuple(sorted(_policies(store)))


def _policies(store: ObjectStore) -> Iterator[str]:
    after = ""
    while info := next(store.list("log/", after=after), None):
        name = info.key.split("/")[1]
        if _POLICY.fullmatch(name):
            yield name
        # "~" is greater than all that an entry's name begins with.
        after = f"log/{name}/~"


def _begin(history: History, entry: LogEntry) -> History:
    """The history as the checkpoint gives it."""
    if not isinstance(entry.body, CheckpointBody):
        raise damaged(entry_key(entry.policy, entry.sequence), "a checkpoint belongs at this number")
    folded = replace(entry.body, epoch=max(entry.body.epoch, entry.epoch))
    return replace(history, sequence=entry.sequence, folded=folded, entries=(entry,))


def _missing(policy: str, number: int) -> IntegrityError:
    return IntegrityError(f"Entry {number} of the log of {policy} is missing.", remedy=REMEDY)
