"""What must hold whatever happened: lost = unexpected = empty, one committer a number, no late voice."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence

from drsync.errors import DrsyncError
from drsync.model.epoch import Epoch
from drsync.state.entries import LogEntry, MissedBody, SealedBody, read_entry
from drsync.state.history import History, extend
from drsync.state.log import CommitLog
from tests.fakes.memory_store import MemoryStore
from tests.state.contenders import KEY, POLICY, Told
from tests.state.world import TTL_S, Did, World

FASTEST = 1.25
"""The clock that may count two ttls soonest."""


def violations(world: World, told: Told, store: MemoryStore) -> list[str]:
    """Empty when all is well."""
    try:
        history = CommitLog(store, POLICY, key=KEY, threads=1).read()
        entries = _entries(store.snapshot())
    except DrsyncError as error:
        return [f"unreadable: {error.problem}"]
    plain = History(policy=POLICY, authenticated=True)
    visible: list[LogEntry] = []
    for entry in entries:
        if entry.epoch >= plain.epoch:
            visible.append(entry)
        plain = extend(plain, entry)
    found = _operations(visible, told)
    if (plain.folded, plain.sequence) != (history.folded, history.sequence):
        found.append("checkpoints: the log reads differently from its beginning")
    found += _one_committer(world.did)
    found += _late_voices(world.did, visible, told)
    found += _leases(world.did)
    found += _reads(told, history)
    return found


def _operations(visible: Sequence[LogEntry], told: Told) -> list[str]:
    at: dict[str, int] = {}
    found: list[str] = []
    for entry in visible:
        operation = _operation(entry)
        if not operation:
            continue
        if operation in at:
            found.append(f"unexpected: {operation} is at {at[operation]} and at {entry.sequence}")
        if operation not in told.begun or operation in told.refused:
            found.append(f"unexpected: {operation} was refused and is at {entry.sequence}")
        at[operation] = entry.sequence
    found += [
        f"lost: {operation} was acknowledged at {sequence}, and {at.get(operation, 'nothing')} is there"
        for operation, sequence in told.acknowledged.items()
        if at.get(operation) != sequence
    ]
    return found


def _operation(entry: LogEntry) -> str:
    match entry.body:
        case SealedBody(point=point):
            return point.id
        case MissedBody(slot=slot):
            return slot.reason
        case _:
            return ""


def _one_committer(did: Sequence[Did]) -> list[str]:
    writes = Counter(one.key for one in did if one.ok and one.key.startswith("log/"))
    return [f"overwritten: {key} was written {times} times" for key, times in writes.items() if times > 1]


def _late_voices(did: Sequence[Did], visible: Sequence[LogEntry], told: Told) -> list[str]:
    """An entry of a lower epoch that arrived after a higher one had begun to act is not heard."""
    arrived = {one.key: index for index, one in enumerate(did) if one.ok and one.key.startswith("log/")}
    begun = sorted(told.claims, key=lambda claim: claim.writes_before)
    found: list[str] = []
    for entry in visible:
        index = arrived.get(f"log/{POLICY}/{entry.sequence:020d}.json", 0)
        higher = max((claim.epoch for claim in begun if claim.writes_before <= index), default=Epoch())
        if entry.epoch < higher:
            found.append(f"late voice: {entry.sequence} of epoch {entry.epoch} came after {higher} had begun")
    return found


def _leases(did: Sequence[Did]) -> list[str]:
    """Epochs rise with each holder, and nobody is pushed aside who renewed in time."""
    found: list[str] = []
    before: dict[str, object] = {}
    written_s = 0.0
    for one in did:
        if not one.ok or not one.key.startswith("lease/"):
            continue
        now = json.loads(one.data)
        same = before and now["holder"]["owner"] == before["holder"]["owner"]
        if before and now["epoch"] - before["epoch"] != (0 if same else 1):
            found.append(f"epoch: {before['epoch']} is followed by {now['epoch']}")
        takes_over = before and not same and before["state"] == "held"
        own_dead = takes_over and now["holder"]["host"] == before["holder"]["host"]
        if takes_over and not own_dead and one.at_s - written_s < 2 * TTL_S / FASTEST:
            found.append(f"pushed aside: epoch {before['epoch']} had renewed {one.at_s - written_s:.1f} s before")
        before, written_s = now, one.at_s
    return found


def _reads(told: Told, history: History) -> list[str]:
    final = tuple(sealed.point.id for sealed in history.points)
    return [f"vanished: {read[-1:]} was seen and is gone" for read in told.reads if final[: len(read)] != read]


def _entries(snapshot: Mapping[str, bytes]) -> list[LogEntry]:
    keys = [key for key in sorted(snapshot) if key.startswith("log/")]
    return [read_entry(snapshot[key], policy=POLICY, sequence=number, key=KEY) for number, key in enumerate(keys, 1)]
