"""Restoring a volume."""

from collections.abc import Callable

from drsync.clock import Cancellation
from drsync.repository.repository import Repository
from drsync.volumes.job import Progress, RestoreJob, RestoreResult


def restore_volume(
    repository: Repository, job: RestoreJob, *, progress: Callable[[Progress], None], cancel: Cancellation
) -> RestoreResult:
    """Makes `job.path` equal to what the session holds."""
    raise NotImplementedError
