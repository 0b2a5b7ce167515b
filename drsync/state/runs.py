"""Reading runs: one in full, or many by their keys alone."""

import heapq
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Final

from drsync.errors import IntegrityError, NotFound
from drsync.model.ids import is_run_id, parse_run_id, stamp
from drsync.model.plan import Plan, RunKind
from drsync.model.run import Run
from drsync.state.documents import REMEDY, fetch_all
from drsync.state.records import (
    EndRecord,
    IntentRecord,
    PlanRecord,
    ResultRecord,
    fold_run,
    read_record,
    record_key,
)
from drsync.stores.object_store import ObjectInfo, ObjectStore

_NAME: Final = re.compile(r"([0-9]{6}-(intent|result)|plan|end)\.json", re.ASCII)
_INTENT: Final = re.compile(r"([0-9]{6})-intent\.json", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """What the keys of a run tell without reading one of them."""

    run: str
    kind: RunKind
    started_at: datetime
    attempts: int
    ended: bool


@dataclass(slots=True, kw_only=True)
class Told:
    """All that a journal says."""

    plan: Plan
    intents: dict[int, IntentRecord] = field(default_factory=dict[int, IntentRecord])
    results: dict[int, ResultRecord] = field(default_factory=dict[int, ResultRecord])
    end: EndRecord | None = None


def read_run(store: ObjectStore, run: str, *, key: bytes | None = None) -> Run:
    """The run as its journal tells it. `key`: the keyring's for "journal"; without it the author is not checked.

    Raises NotFound (4), IntegrityError (9).
    """
    told = read_journal(store, run, key=key)
    return fold_run(told.plan, told.intents, told.results, told.end)


def list_runs(store: ObjectStore, since: datetime) -> Iterator[RunSummary]:
    """Runs that were planned since then, oldest first."""
    return heapq.merge(
        *(_of_kind(store, kind, since) for kind in RunKind), key=lambda summary: (summary.started_at, summary.run)
    )


def find_run(store: ObjectStore, ref: str) -> str:
    """The run whose id begins so. Raises NotFound when it is none, or could be several."""
    found: list[str] = []
    after = ""
    while len(found) < 2 and (info := next(store.list(f"runs/{ref}", after=after), None)):
        run = info.key.split("/")[1]
        if run == ref:
            return run
        found.append(run)
        after = f"runs/{run}/~"
    if len(found) == 1:
        return found[0]
    if found:
        raise NotFound(f"{ref} could be more than one run.", remedy=f"write more of it: {', '.join(found)}, …")
    raise _unknown(ref)


def read_journal(store: ObjectStore, run: str, *, key: bytes | None) -> Told:
    """Raises NotFound, IntegrityError."""
    if not is_run_id(run):
        raise _unknown(run)
    keys = [info.key for info in store.list(f"runs/{run}/") if _NAME.fullmatch(info.key.rpartition("/")[2])]
    plan_key = record_key(run, "plan")
    if plan_key not in keys:
        raise _unknown(run)
    data = dict(zip(keys, fetch_all(store, keys), strict=True))
    told = Told(plan=read_record(PlanRecord, data[plan_key], what=plan_key, key=key).plan)
    for name in keys:
        _take(told, name, data[name], key=key)
    _check(told, run)
    return told


def numbers_after(store: ObjectStore, run: str, number: int) -> Iterator[int]:
    """The intents that others wrote after this one."""
    prefix = f"runs/{run}/"
    for info in store.list(prefix, after=record_key(run, "result", number) if number else ""):
        match = _INTENT.fullmatch(info.key.removeprefix(prefix))
        if match and int(match[1]) > number:
            yield int(match[1])


def _take(told: Told, name: str, data: bytes, *, key: bytes | None) -> None:
    number, _, kind = name.rpartition("/")[2].removesuffix(".json").rpartition("-")
    match kind:
        case "intent":
            told.intents[int(number)] = read_record(IntentRecord, data, what=name, key=key)
        case "result":
            told.results[int(number)] = read_record(ResultRecord, data, what=name, key=key)
        case "end":
            told.end = read_record(EndRecord, data, what=name, key=key)
        case _:
            pass


def _check(told: Told, run: str) -> None:
    for expected, number in enumerate(sorted(told.intents), 1):
        if number != expected:
            raise IntegrityError(f"Record {expected} of run {run} is missing.", remedy=REMEDY)
    for number, result in told.results.items():
        intent = told.intents.get(number)
        if intent is None or (intent.step, intent.attempt) != (result.step, result.attempt):
            raise IntegrityError(f"Result {number} of run {run} belongs to no intent.", remedy=REMEDY)


def _of_kind(store: ObjectStore, kind: RunKind, since: datetime) -> Iterator[RunSummary]:
    listing = store.list(f"runs/{kind}-", after=f"runs/{kind}-{stamp(since)}")
    for run, infos in groupby(listing, key=_run_of):
        if is_run_id(run):
            yield _summary(run, infos)


def _run_of(info: ObjectInfo) -> str:
    return info.key.split("/")[1]


def _summary(run: str, infos: Iterator[ObjectInfo]) -> RunSummary:
    names = [info.key.rpartition("/")[2] for info in infos]
    identity = parse_run_id(run)
    return RunSummary(
        run=run,
        kind=identity.kind,
        started_at=identity.at,
        attempts=sum(name.endswith("-intent.json") for name in names),
        ended="end.json" in names,
    )


def _unknown(run: str) -> NotFound:
    return NotFound(f"No run is called {run}.", remedy="list them with drsync get runs")
