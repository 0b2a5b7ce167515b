"""Verifying a volume's session: every pack it needs, and that its manifest refers to nothing else."""

from collections.abc import Callable

from drsync.clock import Cancellation
from drsync.errors import IntegrityError
from drsync.repository.chunk import PackId
from drsync.repository.reader import SessionReader
from drsync.repository.records import needed_pack, pack_of
from drsync.repository.repository import Repository
from drsync.repository.verify import verify_session
from drsync.volumes.entry import FileKind
from drsync.volumes.findings import Findings
from drsync.volumes.job import Progress, VerifyJob, VerifyResult
from drsync.volumes.manifest import VolumeManifest
from drsync.volumes.meter import Meter


def verify_volume(
    repository: Repository, job: VerifyJob, *, progress: Callable[[Progress], None], cancel: Cancellation
) -> VerifyResult:
    """Reads everything back. Damage is in the result; what cannot be opened at all raises."""
    meter = Meter(progress, cancel)
    report = verify_session(repository, job.session, cancel=cancel, on_read=meter.add)
    reader = repository.reader(job.session)
    found = Findings()
    try:
        _check_manifest(VolumeManifest(reader), _packs(reader), found, meter)
    except IntegrityError as error:
        found.add(b"", error.problem)
    return VerifyResult(
        chunks=report.chunks, bytes=report.bytes, files=meter.files, damaged=(*report.damaged, *found.lines())
    )


def _packs(reader: SessionReader) -> frozenset[PackId]:
    own = (pack_of(record, reader.id) for record in reader.end.packs)
    return frozenset([*own, *(needed_pack(record) for record in reader.end.needed)])


def _check_manifest(manifest: VolumeManifest, packs: frozenset[PackId], found: Findings, meter: Meter) -> None:
    count = 0
    for entry in manifest.entries():
        count += 1
        if entry.kind in {FileKind.FILE, FileKind.IMAGE}:
            if any(extent.chunk.place.pack not in packs for extent in manifest.extents(entry)):
                found.add(entry.path, "its content lies in a pack that the session does not name")
            meter.add(files=1)
    if count != manifest.root.entries:
        found.add(b"", f"the manifest holds {count} paths and declares {manifest.root.entries}")
