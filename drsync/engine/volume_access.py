"""How the data of a claim is reached. One protocol; snapshots and Jobs on nodes come behind the same one."""

import os
import stat
from dataclasses import dataclass
from typing import Final, Protocol

from drsync.model.manifest import manifest_of, text
from drsync.model.resource import ResourceObject
from drsync.model.volume import Claim, ClaimId, VolumeMode

_NEVER: Final = ("/proc", "/sys", "/etc", "/boot", "/usr", "/bin", "/sbin", "/lib")
"""A PersistentVolume that points here is a mistake or an attack, and movers may run as root."""

_SUFFIXES: Final = {
    "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50,
    "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15, "": 1,
}  # fmt: skip


class VolumeAccess(Protocol):
    """Says of a claim where its data is, or in one sentence why it cannot be reached."""

    @property
    def reaches(self) -> bool:
        """Whether any volume of the cluster can be reached."""
        ...

    def reach(self, claim: ResourceObject, volume: ResourceObject | None) -> Claim: ...


@dataclass(frozen=True, slots=True)
class LocalVolumes:
    """hostPath and local volumes whose path exists on this host."""

    enabled: bool

    @property
    def reaches(self) -> bool:
        return self.enabled

    def reach(self, claim: ResourceObject, volume: ResourceObject | None) -> Claim:
        manifest = manifest_of(claim)
        mode = VolumeMode(text(manifest, "spec", "volumeMode") or VolumeMode.FILESYSTEM)
        path, why = self._path(volume, mode)
        return Claim(
            id=ClaimId(namespace=claim.namespace, name=claim.name),
            uid=claim.uid,
            volume=volume.name if volume else "",
            storage_class=text(manifest, "spec", "storageClassName"),
            mode=mode,
            size_bytes=parse_quantity(text(manifest, "spec", "resources", "requests", "storage")),
            path=path,
            unreachable=why,
        )

    def _path(self, volume: ResourceObject | None, mode: VolumeMode) -> tuple[str | None, str]:
        if volume is None:
            return None, "the claim is not bound to a volume"
        manifest = manifest_of(volume)
        path = text(manifest, "spec", "local", "path") or text(manifest, "spec", "hostPath", "path")
        if not path:
            return None, "only hostPath and local volumes can be read so far, and it is neither"
        if not self.enabled:
            return None, "connect.localVolumes is not set on its cluster"
        return _usable(path, mode)


def parse_quantity(text: str) -> int:
    """A Kubernetes quantity of bytes; 0 for what is not one, as a size here is only shown."""
    digits = text.rstrip("KMGTPikm")
    try:
        return int(float(digits) * _SUFFIXES.get(text[len(digits) :], 1))
    except ValueError:
        return 0


def _usable(path: str, mode: VolumeMode) -> tuple[str | None, str]:
    clean = os.path.normpath(path)
    if clean != path.rstrip("/") or clean == "/" or clean.startswith(tuple(f"{p}/" for p in _NEVER)) or clean in _NEVER:
        return None, f"its path {path} is not one that drsync reads or writes"
    try:
        kind = os.stat(clean).st_mode
    except OSError as error:
        return None, f"its path {path} is not on this host ({error.strerror})"
    if mode is VolumeMode.FILESYSTEM and not stat.S_ISDIR(kind):
        return None, f"its path {path} is not a directory"
    if mode is VolumeMode.BLOCK and not (stat.S_ISBLK(kind) or stat.S_ISREG(kind)):
        return None, f"its path {path} is neither a block device nor an image file"
    return clean, ""
