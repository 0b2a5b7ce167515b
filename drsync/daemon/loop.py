"""The daemon: a timer for each policy, a look around every few seconds, and an orderly end."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

import structlog

from drsync.clock import Cancellation, Clock
from drsync.daemon.board import Board
from drsync.daemon.captures import Captures
from drsync.daemon.events import run_events
from drsync.daemon.round import look
from drsync.daemon.timers import Timers
from drsync.engine.opening import read_config
from drsync.errors import DrsyncError, Interrupted
from drsync.model.event import Event
from drsync.model.policy import Config
from drsync.settings import Settings

LOOK_EVERY: Final = timedelta(seconds=15)
CAPTURES_AT_ONCE: Final = 4
"""Each may hold a mover of about 100 MiB."""
DRAIN_S: Final = 25.0
"""After SIGTERM: less than the 30 s that Kubernetes and systemd give."""

Tell = Callable[[Config, Sequence[Event]], None]


@dataclass(slots=True, kw_only=True)
class Daemon:
    """Its life is `run`, from a thread that may be interrupted by `cancel`."""

    settings: Settings
    clock: Clock
    cancel: Cancellation
    captures: Captures
    board: Board
    tell: Tell
    ping: Callable[[], None]
    _config: Config = field(default_factory=Config)
    _config_problem: str = ""

    def run(self) -> None:
        """Returns when it was asked to stop and its captures have ended or had their grace.

        Raises PolicyInvalid when the policy files are wrong at the start.
        """
        log = structlog.get_logger("drsync.daemon")
        self._config = read_config(self.settings)
        timers = Timers(at_once=CAPTURES_AT_ONCE)
        timers.start()
        log.info("daemon.started", policies=sorted(self._config.policies), site=self.settings.site)
        try:
            while True:
                self._reload(log)
                active = {p.name: p.schedule for p in self._config.policies.values() if not p.schedule.paused}
                timers.arrange(active, self._due)
                self._look(log)
                self.clock.sleep(LOOK_EVERY.total_seconds(), self.cancel)
        except Interrupted:
            log.info("daemon.stopping")
        finally:
            self.captures.stop()
            log.info("daemon.stopped", drained=timers.stop(DRAIN_S))

    def _reload(self, log: structlog.stdlib.BoundLogger) -> None:
        """Files are read anew at each look; wrong ones leave the old configuration in force, and are told."""
        try:
            config = read_config(self.settings)
        except DrsyncError as error:
            if error.problem != self._config_problem:
                log.error("config.refused", problem=error.problem)  # noqa: TRY400 - its trace says nothing more
            self._config_problem = error.problem
            return
        if config != self._config:
            log.info("config.changed", policies=sorted(config.policies))
        self._config, self._config_problem = config, ""

    def _due(self, name: str) -> None:
        config = self._config
        if name in config.policies:
            self.captures.run_if_due(config, name)

    def _look(self, log: structlog.stdlib.BoundLogger) -> None:
        now = self.clock.now()
        seen = look(self._config, self.settings, self.clock)
        for problem in seen.problems:
            log.warning("store.unreadable", problem=problem)
        runs = [event for run in self.board.last_runs().values() for event in run_events(run, now=now)]
        wrong = (self._config_problem,) if self._config_problem else ()
        self.board.ticked(seen.policies, seen.stores, (*wrong, *seen.problems))
        self.tell(self._config, (*seen.events, *runs))
        if not seen.problems and not wrong:
            self.ping()
