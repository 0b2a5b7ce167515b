"""Captures that are due: asked of the log, run one at a time for each policy, told to the board."""

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from drsync.clock import Cancellation, Clock
from drsync.daemon.board import Attempts, Board
from drsync.engine.backup import BackupOrder, BackupReport, backup
from drsync.engine.opening import access_to, find_cluster, opened_store, opened_world, store_of
from drsync.errors import AlreadyRunning, DeadlineExceeded, DrsyncError, Interrupted
from drsync.logs import bind_run
from drsync.model.ids import run_id
from drsync.model.plan import RunKind
from drsync.model.policy import Config, ProtectionPolicy
from drsync.policy.load import bundle
from drsync.schedule import due, slots
from drsync.settings import Settings
from drsync.state.holder import this_holder
from drsync.state.log import CommitLog, History
from drsync.units import print_instant, spell_duration
from drsync.web.view import RunView


@dataclass(slots=True, kw_only=True)
class Captures:
    """Everything that one capture round needs; `suffix` gives the random ends of ids."""

    settings: Settings
    clock: Clock
    board: Board
    tool_version: str
    suffix: Callable[[], str]
    attempts: Attempts = field(default_factory=Attempts)
    _running: dict[str, Cancellation] = field(default_factory=dict[str, Cancellation])
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stopping: bool = False

    def run_if_due(self, config: Config, name: str) -> None:
        """Never raises: a capture that fails is logged, counted and told, and the daemon goes on."""
        log = structlog.get_logger("drsync.daemon").bind(policy=name)
        with self._slot_of(name) as cancel:
            if cancel is None:
                return
            try:
                self._capture_if_due(config, config.policies[name], cancel)
            except AlreadyRunning as error:
                log.info("capture.skipped", reason=error.problem)
            except DrsyncError as error:
                # An error of ours says all there is to say; its trace would only bury it.
                words = {"error": type(error).__name__, "problem": error.problem, "remedy": error.remedy}
                log.error("capture.failed", **words)  # noqa: TRY400
            except Exception as error:
                log.exception("capture.failed", error=type(error).__name__, problem="internal error")

    def stop(self) -> None:
        """Asks every running capture to stop at its next safe place, and lets no other begin."""
        with self._lock:
            self._stopping = True
            running = list(self._running.values())
        for cancel in running:
            cancel.cancel(Interrupted("The daemon was asked to stop.", remedy="the next capture reuses its upload"))

    @contextmanager
    def _slot_of(self, name: str) -> Generator[Cancellation | None]:
        """None when a capture of this policy is at work in this process, or the daemon is stopping."""
        with self._lock:
            if self._stopping or name in self._running:
                mine = None
            else:
                mine = self._running[name] = Cancellation()
        try:
            yield mine
        finally:
            if mine is not None:
                with self._lock:
                    del self._running[name]

    def _capture_if_due(self, config: Config, policy: ProtectionPolicy, cancel: Cancellation) -> None:
        spec = store_of(config, policy)
        with opened_store(spec.url, self.settings, self.clock, spec) as opened:
            history = CommitLog(opened.store, policy.name, key=opened.log_key).read()
            last = latest(history, self.attempts.last(policy.name))
            slot = due(policy.schedule, policy.name, last=last, now=self.clock.now())
            if slot is None:
                return
            self.attempts.tried(policy.name, slot)
            target = find_cluster(config, policy.cluster)
            with opened_world(opened, target, self.clock, cancel) as world, self._timed(policy, cancel):
                order = self._order(config, policy, slot, _passed(policy, last, slot))
                self._run(order, lambda: backup(order, world, access_to(target)))

    def _order(
        self, config: Config, policy: ProtectionPolicy, slot: datetime, passed: tuple[datetime, ...]
    ) -> BackupOrder:
        run = run_id(RunKind.BACKUP, now=self.clock.now(), suffix=self.suffix())
        if passed:
            self.board.missed(policy.name, len(passed))
        return BackupOrder(
            policy=policy,
            document=bundle(config, policy.name),
            run=run,
            point_suffix=self.suffix(),
            holder=this_holder(run, self.settings.site),
            tool_version=self.tool_version,
            slot=slot,
            passed=passed,
        )

    def _run(self, order: BackupOrder, capture: Callable[[], BackupReport]) -> None:
        bind_run(run_id=order.run, policy=order.policy.name)
        log = structlog.get_logger("drsync.daemon")
        log.info("capture.started", slot=print_instant(order.slot) if order.slot else None)
        began_at = self.clock.now()
        code = 1
        try:
            done = capture()
            code = done.end.exit_code
            log.info(
                "capture.finished",
                result=done.end.outcome.value,
                point=done.point.point.id,
                added_bytes=done.added_bytes,
                missing=[m.what for m in done.point.point.missing],
                notices=list(done.point.point.notices),
            )
        except DrsyncError as error:
            code = error.exit_code
            raise
        finally:
            now = self.clock.now()
            self.board.ran(
                RunView(policy=order.policy.name, kind="backup", exit_code=code, ended_at=now, took=now - began_at)
            )

    @contextmanager
    def _timed(self, policy: ProtectionPolicy, cancel: Cancellation) -> Generator[None]:
        """The policy's own limit on a run."""
        limit = policy.schedule.timeout
        if limit is None:
            yield
            return
        late = DeadlineExceeded(
            f"The capture took longer than schedule.timeout {spell_duration(limit)}.",
            remedy="allow more time, or capture more often: what was uploaded is reused",
        )
        timer = threading.Timer(limit.total_seconds(), cancel.cancel, args=(late,))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


def latest(history: History, tried: datetime | None) -> datetime | None:
    """The newest slot that was dealt with: sealed, given up as missed, or tried by this process."""
    known = [sealed.point.started_at for sealed in history.points]
    known += [missed.due_at for missed in history.missed]
    return max((at for at in (*known, tried) if at is not None), default=None)


def _passed(policy: ProtectionPolicy, last: datetime | None, slot: datetime) -> tuple[datetime, ...]:
    """Slots between the last one dealt with and this one, which now runs for all of them."""
    if last is None:
        return ()
    return tuple(one for one in slots(policy.schedule, policy.name, after=last, until=slot) if one < slot)
