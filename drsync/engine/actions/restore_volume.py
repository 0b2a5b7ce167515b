"""Fill one volume: a mover writes the point's files behind a claim that nothing uses yet."""

from typing import Any, Final

from drsync.clock import Deadline
from drsync.engine.movers import run_mover
from drsync.engine.observe import CLAIMS, VOLUMES
from drsync.engine.restore_inputs import RestoreInputs
from drsync.engine.world import Work
from drsync.engine.writing import RESTORED_BY
from drsync.errors import Blocked, DeadlineExceeded, DrsyncError
from drsync.model.manifest import manifest_of, text
from drsync.model.request import Existing
from drsync.model.resource import ResourceObject
from drsync.model.step import RestoreVolume
from drsync.model.volume import Claim
from drsync.units import print_size
from drsync.volumes.job import RestoreJob, RestoreResult

_POLL_S: Final = 0.2
_NAMED: Final = 20
_BIND_S: Final = 300.0
"""How long a claim may take to be bound; a provisioner that takes longer is broken or absent."""


def restore_volume(step: RestoreVolume, work: Work[RestoreInputs], deadline: Deadline) -> dict[str, Any]:
    """Touches only a volume that this run made, unless `--existing replace` was asked for and confirmed."""
    world, request = work.world, work.inputs.request
    claim = _bound_claim(step, work, deadline)
    ours = text(manifest_of(claim), "metadata", "annotations", RESTORED_BY) == work.plan.run
    if not ours and request.existing is not Existing.REPLACE:
        if step.paths:
            raise Blocked(
                f"Claim {step.target} is there already, and its files may be in use.",
                remedy="give --existing replace --overwrite to write these paths into it, or --map-namespace "
                "to restore beside it",
                impact="No file was touched.",
            )
        return {
            "words": f"claim {step.target} was there already; its data was not touched",
            "untouched": True,
        }
    reached = _reach(claim, work)
    job = RestoreJob(
        store_url=world.store.url,
        key_files=world.key_files,
        session=step.session,
        path=reached.path or "",
        mode=reached.mode,
        paths=step.paths,
    )
    done = run_mover(
        job,
        clock=world.clock,
        cancel=world.cancel,
        deadline=deadline,
        on_progress=lambda p: world.report.moved(step.id, p.done_bytes, p.total_bytes),
    )
    if not isinstance(done, RestoreResult):
        raise DrsyncError("The mover answered a restore with something else.", remedy="run the restore again")
    return {
        "words": _words(done),
        "bytes": done.bytes,
        "files": done.files,
        "refused": list(done.refused),
        "extra": list(done.extra[:_NAMED]),
    }


def _words(done: RestoreResult) -> str:
    words = f"{print_size(done.bytes)} written, {done.files:,} files"
    if done.unchanged:
        words += f", {done.unchanged:,} unchanged"
    if done.refused:
        # Device nodes, setuid bits and the like are never restored unasked: told, but nothing is missing.
        words += f"; left out: {len(done.refused)} privileges, first {done.refused[0]}"
    if done.extra:
        words += f"; {len(done.extra)} files are there that the point has not, first {done.extra[0]}"
    return words


def _bound_claim(step: RestoreVolume, work: Work[RestoreInputs], deadline: Deadline) -> ResourceObject:
    world = work.world
    began_s = world.clock.boot_s()
    while True:
        claim = world.cluster.get(CLAIMS, step.target.namespace, step.target.name)
        if claim and text(manifest_of(claim), "spec", "volumeName") and _phase(claim) == "Bound":
            return claim
        if world.clock.boot_s() - began_s > _BIND_S or not deadline.left_s(world.clock):
            phase = _phase(claim) if claim else "absent"
            raise DeadlineExceeded(
                f"Claim {step.target} was not bound to a volume in time (it is {phase}).",
                remedy="map its storage class to one that the target provisions, with --map-storage-class OLD=NEW "
                "or maps.storageClass, then run the same command again",
                impact="Nothing that uses the volume was started.",
            )
        world.clock.sleep(_POLL_S, world.cancel)


def _reach(claim: ResourceObject, work: Work[RestoreInputs]) -> Claim:
    volume = work.world.cluster.get(VOLUMES, "", text(manifest_of(claim), "spec", "volumeName"))
    reached = work.inputs.access.reach(claim, volume)
    if not reached.path:
        raise Blocked(
            f"The volume of claim {claim.namespace}/{claim.name} cannot be filled: {reached.unreachable}.",
            remedy="make it reachable from here, or restore without data with --volumes none",
            impact="Nothing that uses the volume was started.",
        )
    return reached


def _phase(claim: ResourceObject) -> str:
    return text(manifest_of(claim), "status", "phase")
