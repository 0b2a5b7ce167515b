"""Restoring a volume: the target becomes what the point holds, whoever wrote the manifest.

No path is ever resolved: every call takes an open directory and one name and follows no symlink.
From the first write until everything is on the disk a mark in the target's root says that it is not
complete; a second run goes on, and writes nothing once all is there.
"""

import os
from collections import deque
from collections.abc import Callable, Iterator
from typing import assert_never

from drsync.clock import Cancellation
from drsync.errors import NotFound, NothingToRestore, QuotaExceeded, UserError
from drsync.model.volume import VolumeMode
from drsync.repository.chunk import PlacedRef
from drsync.repository.reader import SessionReader
from drsync.repository.repository import Repository
from drsync.volumes.filesystem import explain
from drsync.volumes.image_restore import restore_image
from drsync.volumes.job import Progress, RestoreJob, RestoreResult
from drsync.volumes.manifest import VolumeManifest
from drsync.volumes.meter import Meter
from drsync.volumes.paths import parse_path, print_path
from drsync.volumes.restore_plan import Enter, Keep, Leave, Link, Make, RestorePlan, Step, Write
from drsync.volumes.target import Target


def restore_volume(
    repository: Repository, job: RestoreJob, *, progress: Callable[[Progress], None], cancel: Cancellation
) -> RestoreResult:
    """Makes `job.path` equal to what the session holds, or the chosen paths of it.

    Raises NothingToRestore when none of the paths is there, QuotaExceeded when the target is full,
    Conflict when a directory that holds something stands where the point has a file.
    """
    reader = repository.reader(job.session)
    manifest = VolumeManifest(reader)
    meter = Meter(progress, cancel)
    if manifest.root.mode is not job.mode:
        raise UserError(
            f"Session {job.session} holds a {manifest.root.mode} volume, the target is {job.mode}.",
            remedy="restore it into a volume of the same mode",
        )
    if job.mode is VolumeMode.BLOCK:
        return restore_image(manifest, reader, job, meter)
    paths = tuple(parse_path(path) for path in job.paths)
    root = _open_target(job.path)
    target = Target(root, job, reader.id)
    try:
        if not paths:
            meter.total_bytes = manifest.root.size_bytes
            _check_room(root, manifest, job.path)
        plan = RestorePlan(manifest, reader, root, paths)
        _Restore(reader, target, meter).run(plan)
        if paths and len(plan.missing) == len(paths):
            raise NothingToRestore(
                f"The point has no {print_path(plan.missing[0])}.", remedy="see drsync ls POINT for the paths it has"
            )
        target.finish()
        return target.result(missing=tuple(print_path(path) for path in plan.missing))
    except OSError as error:
        raise explain(error, f"{job.path} cannot be restored") from error
    finally:
        target.close()
        os.close(root)


class _Restore:
    """Carries the steps out while the chunks that they need are fetched ahead."""

    def __init__(self, reader: SessionReader, target: Target, meter: Meter) -> None:
        self._reader = reader
        self._target = target
        self._meter = meter
        self._planned: Iterator[Step] = iter(())
        self._queue: deque[Step] = deque()
        self._wanted: deque[PlacedRef] = deque()
        self._asked: bytes | None = None
        self._held: tuple[bytes, bytes] = (b"", b"")
        self._chunks: Iterator[bytes] = iter(())

    def run(self, plan: RestorePlan) -> None:
        self._planned = plan.steps()
        self._chunks = self._reader.read(self._refs())
        while self._queue or self._plan_next():
            self._do(self._queue.popleft())

    def _plan_next(self) -> bool:
        step = next(self._planned, None)
        if step is None:
            return False
        if isinstance(step, Write):
            for extent in step.extents:
                # Neighbours share a segment; it is fetched once.
                if extent.chunk.ref.id != self._asked:
                    self._wanted.append(extent.chunk)
                    self._asked = extent.chunk.ref.id
        self._queue.append(step)
        return True

    def _refs(self) -> Iterator[PlacedRef]:
        while self._wanted or self._plan_next():
            if self._wanted:
                yield self._wanted.popleft()

    def _do(self, step: Step) -> None:
        match step:
            case Enter():
                self._target.enter(step.entry)
            case Leave():
                self._target.leave(step.entry, step.names, selected=step.selected)
            case Write():
                written = self._target.write(step.entry, self._pieces(step), compare=step.compare)
                self._meter.add(step.entry.size_bytes if written else 0, files=1)
            case Keep():
                self._target.keep(step.entry)
                self._meter.add(step.entry.size_bytes, files=1)
            case Link():
                self._target.link(step.entry)
                self._meter.add(files=1)
            case Make():
                self._target.make(step.entry)
                self._meter.add(files=1)
            case _:
                assert_never(step)

    def _pieces(self, step: Write) -> Iterator[tuple[int, memoryview]]:
        for extent in step.extents:
            if extent.chunk.ref.id != self._held[0]:
                self._held = (extent.chunk.ref.id, next(self._chunks))
            yield extent.offset, memoryview(self._held[1])[extent.start : extent.start + extent.length]


def _open_target(path: str) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFound(
            f"There is no directory at {path}.", remedy="look whether the target volume is mounted on this host"
        ) from error
    except OSError as error:
        raise explain(error, f"{path} cannot be opened") from error


def _check_room(root: int, manifest: VolumeManifest, path: str) -> None:
    """Fails at once where an empty target is too small; with content there, only the end can tell."""
    if any(name != b"lost+found" for name in map(os.fsencode, os.listdir(root))):
        return
    free = os.statvfs(root)
    if free.f_bavail * free.f_frsize < manifest.root.data_bytes:
        raise QuotaExceeded(
            f"{path} has {free.f_bavail * free.f_frsize} bytes free; the volume needs {manifest.root.data_bytes}.",
            remedy="restore into a larger volume",
        )
