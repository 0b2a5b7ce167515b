"""Programs that contend for one policy with the real lease and log, and remember what they were told."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

from drsync.clock import Cancellation
from drsync.errors import AlreadyRunning, LeaseLost, StoreUnreachable
from drsync.model.epoch import Epoch
from drsync.model.recovery_point import CapturedObjects, MissedSlot, RecoveryPoint
from drsync.state import claim as claiming
from drsync.state.entries import LogBody, MissedBody, SealedBody
from drsync.state.holder import Holder
from drsync.state.lease import HeldLease
from drsync.state.log import CommitLog
from drsync.stores.object_store import ObjectStore
from tests.state.world import BASE, TTL_S, Actor, Killed, SimStore, World

KEY = b"k" * 32
POLICY = "shop"
NO_SUCH_PID = 2**31 - 1

Claim = Callable[..., HeldLease]


@dataclass(frozen=True, slots=True)
class Claimed:
    """From this store call on, lower epochs must not be heard."""

    epoch: Epoch
    writes_before: int


@dataclass(slots=True)
class Told:
    """What all contenders were told, by operation."""

    begun: set[str] = field(default_factory=set)
    acknowledged: dict[str, int] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    claims: list[Claimed] = field(default_factory=list)
    reads: list[tuple[str, ...]] = field(default_factory=list)


class Contender:
    """Claims, commits, releases or dies, again and again until the hour is over."""

    def __init__(self, world: World, actor: Actor, told: Told, *, until_s: float, claim: Claim | None = None) -> None:
        self._world = world
        self._actor = actor
        self._told = told
        self._until_s = until_s
        self._claim = claim or claiming.claim
        self._operations = 0
        self._incarnation = 0

    def run(self) -> None:
        log = self._new_log()
        while self._world.now_s < self._until_s:
            try:
                self._hold(log)
            except Killed:
                log = self._new_log()
            except (AlreadyRunning, LeaseLost, StoreUnreachable) as error:
                self._world.counts[type(error).__name__] += 1
            try:
                self._sleep(0, 2 * TTL_S)
                self._look()
            except (Killed, StoreUnreachable):
                log = self._new_log()

    def _hold(self, log: CommitLog) -> None:
        clock = self._actor
        lease = self._claim(self._store, log, self._holder(), clock=clock, cancel=Cancellation())
        self._told.claims.append(Claimed(lease.epoch, len(self._world.did)))
        renewed_s = clock.boot_s()
        try:
            for _ in range(self._world.dice.randint(1, 12)):
                self._sleep(0, TTL_S / 6)
                if clock.boot_s() - renewed_s >= TTL_S / 3:
                    renewed_s = clock.boot_s()
                    lease.renew()
                # Some look at their lease no more before they commit, as one that is paused in between does.
                if self._world.dice.random() < 0.7:
                    lease.check()
                self._append(log, lease.epoch)
        finally:
            # Also by one that is killed: a run that is interrupted still releases on its way out.
            if self._world.dice.random() < 0.7:
                lease.release()

    def _append(self, log: CommitLog, epoch: Epoch) -> None:
        self._operations += 1
        operation = f"{self._actor.name}-{self._operations}"
        self._told.begun.add(operation)
        body = self._body(operation)
        tries = self._world.dice.randint(1, 3)
        for left in reversed(range(tries)):
            try:
                entry = log.append(body, epoch=epoch, now=self._actor.now())
            except LeaseLost:
                # An earlier try may have arrived: then this one found the point and did not end here.
                if left == tries - 1:
                    self._told.refused.add(operation)
                raise
            except StoreUnreachable:
                # Only a point knows itself again.
                if not left or not isinstance(body, SealedBody):
                    raise
            else:
                self._told.acknowledged[operation] = entry.sequence
                return

    def _body(self, operation: str) -> LogBody:
        if self._world.dice.random() < 0.3:
            # The instant names the operation: a slot that is noted twice would count once.
            due = BASE + timedelta(seconds=self._operations, microseconds=int(self._actor.name))
            return MissedBody(MissedSlot(due_at=due, reason=operation))
        return SealedBody(sealed_point(operation))

    def _look(self) -> None:
        """What someone who comes anew sees; the end must begin with it."""
        if self._world.dice.random() < 0.1:
            history = self._new_log().read()
            self._told.reads.append(tuple(sealed.point.id for sealed in history.points))

    def _sleep(self, least: float, most: float) -> None:
        self._actor.sleep(self._world.dice.uniform(least, most), Cancellation())

    def _new_log(self) -> CommitLog:
        return CommitLog(self._store, POLICY, key=KEY, threads=1)

    @property
    def _store(self) -> ObjectStore:
        return SimStore(self._world, self._actor)

    def _holder(self) -> Holder:
        """On a host of its own, where only its earlier selves can be seen to be gone."""
        self._incarnation += 1
        return Holder(
            owner=f"{self._actor.name}.{self._incarnation}",
            host=f"host-{self._actor.name}",
            boot_id="boot",
            pid_space="pids",
            pid=NO_SUCH_PID,
            pid_started=1,
            run=f"run-{self._incarnation}",
            site="here",
        )


_POINT = RecoveryPoint(
    id="",
    policy=POLICY,
    policy_sha256="0" * 64,
    cluster="primary",
    run="b-20260821T030804Z-k3f9",
    parent=None,
    objects=CapturedObjects(session="s1", cut_at=BASE, revision="17", counts={"configmaps": 3}, namespaces=("shop",)),
    clock_bound=timedelta(seconds=1),
    started_at=BASE,
    tool_version="test",
)


def sealed_point(point: str) -> RecoveryPoint:
    return replace(_POINT, id=point)
