"""Progress of a job: told twice a second at most, and the place where it may be stopped."""

from collections.abc import Callable

from drsync.clock import Cancellation, Clock, SystemClock
from drsync.volumes.job import Progress

_EVERY_S = 0.5


class Meter:
    """Counts what is done."""

    def __init__(self, progress: Callable[[Progress], None], cancel: Cancellation, clock: Clock | None = None) -> None:
        self._progress = progress
        self._cancel = cancel
        self._clock = clock or SystemClock()
        self._told_s = float("-inf")
        self.done_bytes = 0
        self.total_bytes = 0
        self.files = 0

    def add(self, size: int = 0, *, files: int = 0) -> None:
        """So much more is done. Raises what the job was stopped for."""
        self.done_bytes += size
        self.files += files
        self._cancel.check()
        now_s = self._clock.boot_s()
        if now_s - self._told_s >= _EVERY_S:
            self._told_s = now_s
            self._progress(
                Progress(
                    done_bytes=self.done_bytes,
                    total_bytes=max(self.total_bytes, self.done_bytes) if self.total_bytes else 0,
                    files=self.files,
                )
            )
