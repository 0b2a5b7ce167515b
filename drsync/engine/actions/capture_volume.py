"""Capture one volume: a mover reads it into the repository."""

from typing import Any

from drsync.clock import Deadline
from drsync.engine.capture_inputs import CaptureInputs
from drsync.engine.movers import run_mover
from drsync.engine.world import Work
from drsync.errors import DrsyncError, UserError
from drsync.model.step import CaptureVolume
from drsync.model.volume import Consistency
from drsync.units import print_size
from drsync.volumes.job import BackupJob, BackupResult


def capture_volume(step: CaptureVolume, work: Work[CaptureInputs], deadline: Deadline) -> dict[str, Any]:
    """A volume that cannot be read makes the point partial; a store that fails ends the run."""
    world = work.world
    instant = world.clock.now() - work.inputs.clock_bound
    job = BackupJob(
        store_url=world.store.url,
        key_files=world.key_files,
        source=f"volume/{work.inputs.policy.name}/{step.claim.id}",
        parent=step.parent_session,
        path=step.claim.path or "",
        mode=step.claim.mode,
        writer=work.plan.run,
    )
    try:
        done = run_mover(
            job,
            clock=world.clock,
            cancel=world.cancel,
            deadline=deadline,
            on_progress=lambda p: world.report.moved(step.id, p.done_bytes, p.total_bytes),
        )
    except UserError as error:
        return {"problem": error.problem, "words": f"NOT captured: {error.problem}"}
    if not isinstance(done, BackupResult):
        raise DrsyncError("The mover answered a backup with something else.", remedy="run the backup again")
    return {
        "words": f"{print_size(done.size_bytes)} in {done.files:,} files, {print_size(done.added_bytes)} new",
        "session": done.session,
        "instant": instant.isoformat(),
        "consistency": Consistency.LIVE,
        "sizeBytes": done.size_bytes,
        "addedBytes": done.added_bytes,
        "files": done.files,
        "torn": list(done.torn),
        "unreadable": list(done.unreadable),
        "skipped": list(done.skipped),
    }
