"""Checks that everything a policy needs is there; what `drsync doctor` shows."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from drsync.clock import Cancellation, Clock
from drsync.engine.observe import NAMESPACES
from drsync.engine.opening import OpenedStore
from drsync.errors import DrsyncError, UnsafeStore
from drsync.kube.connect import connect
from drsync.kube.discovery import discover
from drsync.model.policy import ClusterTarget
from drsync.repository.keyring import read_identity
from drsync.state.journal import list_runs
from drsync.state.lease import LeaseState, Seen, read_lease
from drsync.state.log import CommitLog, policies
from drsync.stores.probe import probe
from drsync.units import print_duration

CLOCK_WARN: Final = timedelta(seconds=60)
CLOCK_FAIL: Final = timedelta(seconds=300)
"""Above this S3 itself soon refuses our requests, and no reported RPO is worth much."""
_UNFINISHED: Final = timedelta(days=7)


class Health(StrEnum):
    OK = "ok"
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one check came to."""

    what: str
    health: Health
    words: str
    remedy: str = ""
    exit_code: int = 0


def examine_store(name: str, opened: OpenedStore, clock: Clock, *, write: bool) -> Iterator[Finding]:
    """With `write`, conditional writes are raced under `probe/`."""
    yield from _guarded(f"store {name} identity", lambda: _identity(name, opened))
    yield from _guarded(f"store {name} key", lambda: _key(name, opened))
    if write:
        yield from _guarded(f"store {name} conditional writes", lambda: _probed(name, opened, clock))
    yield _clock(f"store {name} clock", opened.store.skew)
    yield from _guarded(f"store {name} logs", lambda: _logs(name, opened))
    yield from _guarded(f"store {name} runs", lambda: _runs(name, opened, clock))


def examine_cluster(target: ClusterTarget, clock: Clock, cancel: Cancellation) -> Iterator[Finding]:
    """Reachable, discoverable, and its clock."""
    what = f"cluster {target.name}"
    try:
        with connect(target, clock=clock, cancel=cancel) as cluster:
            found = discover(cluster)
            count = len(cluster.list(NAMESPACES).objects)
            yield Finding(what=what, health=Health.OK, words=f"{len(found.kinds)} kinds, {count} namespaces")
            for failure in found.failures:
                yield Finding(
                    what=f"{what} group {failure.group_version}",
                    health=Health.WARN,
                    words=failure.reason,
                    remedy="mend or remove the APIService; until then points that select its kinds are partial",
                )
            yield _clock(f"{what} clock", cluster.skew)
    except DrsyncError as error:
        yield _failed(what, error)


def _guarded(what: str, check: Callable[[], Finding]) -> Iterator[Finding]:
    try:
        yield check()
    except DrsyncError as error:
        yield _failed(what, error)


def _failed(what: str, error: DrsyncError) -> Finding:
    return Finding(what=what, health=Health.FAIL, words=error.problem, remedy=error.remedy, exit_code=error.exit_code)


def _identity(name: str, opened: OpenedStore) -> Finding:
    identity = read_identity(opened.store)
    what = f"store {name} identity"
    words = f"repository {identity.repository_id}, format {identity.format}, {len(identity.slots)} keys"
    if identity.single_key_accepted:
        return Finding(
            what=what,
            health=Health.WARN,
            words=f"{words}: only one key opens it, and that was accepted",
            remedy="if that key is lost every backup is lost; keep copies of it in two places",
        )
    return Finding(what=what, health=Health.OK, words=words)


def _key(name: str, opened: OpenedStore) -> Finding:
    opened.unlocked()
    return Finding(what=f"store {name} key", health=Health.OK, words="a key at hand opens it")


def _probed(name: str, opened: OpenedStore, clock: Clock) -> Finding:
    report = probe(opened.store, clock=clock)
    what = f"store {name} conditional writes"
    if report.safe:
        return Finding(what=what, health=Health.OK, words="honoured under a race")
    return Finding(
        what=what,
        health=Health.FAIL,
        words=report.faults[0],
        remedy="do not share this store between sites; use one that honours conditional writes",
        exit_code=UnsafeStore.exit_code,
    )


def _clock(what: str, skew: timedelta | None) -> Finding:
    if skew is None:
        return Finding(what=what, health=Health.OK, words="is this host's own")
    words = f"differs from this host's by {print_duration(abs(skew))}"
    if abs(skew) < CLOCK_WARN:
        return Finding(what=what, health=Health.OK, words=words)
    health = Health.FAIL if abs(skew) >= CLOCK_FAIL else Health.WARN
    return Finding(
        what=what,
        health=health,
        words=words,
        remedy="set this host's clock by NTP; reported ages grow by the difference until then",
        exit_code=1 if health is Health.FAIL else 0,
    )


def _logs(name: str, opened: OpenedStore) -> Finding:
    histories = [CommitLog(opened.store, p, key=opened.log_key).read() for p in policies(opened.store)]
    points = sum(len(history.points) for history in histories)
    return Finding(
        what=f"store {name} logs", health=Health.OK, words=f"{len(histories)} policies, {points} points, no gap"
    )


def _runs(name: str, opened: OpenedStore, clock: Clock) -> Finding:
    """Runs without an end whose lease nobody holds: they wait for the same command to be given again."""
    since = clock.now() - _UNFINISHED
    open_runs = [s.run for s in list_runs(opened.store, since=since) if not s.ended]
    held = {lease.document.holder.run for lease in _held(opened)}
    waiting = [run for run in open_runs if run not in held]
    what = f"store {name} runs"
    if not waiting:
        return Finding(what=what, health=Health.OK, words="none is left unfinished")
    return Finding(
        what=what,
        health=Health.WARN,
        words=f"{len(waiting)} unfinished, newest {waiting[-1]}",
        remedy=f"`drsync describe run {waiting[-1]}`; give its command again to go on",
    )


def _held(opened: OpenedStore) -> Iterator[Seen]:
    for info in opened.store.list("lease/"):
        lease = read_lease(opened.store, info.key.removeprefix("lease/"))
        if lease and lease.document.state is LeaseState.HELD:
            yield lease
