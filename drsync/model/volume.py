"""Volumes: the claim that an application holds, and what was captured of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class VolumeMode(StrEnum):
    FILESYSTEM = "Filesystem"
    BLOCK = "Block"


class Consistency(StrEnum):
    """What may be believed of a volume's content, from least to most."""

    LIVE = "live"
    """Files read one after the other from a mounted, running volume. Never crash-consistent."""
    CRASH = "crash"
    GROUP = "group"
    APP = "app"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class ClaimId:
    """A PersistentVolumeClaim by name."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A claim as observed, and where its data can be reached."""

    id: ClaimId
    uid: str
    volume: str
    """The PersistentVolume's name; empty while unbound."""
    storage_class: str
    mode: VolumeMode
    size_bytes: int
    path: str | None
    """A path on this host, when the volume is reachable here."""
    unreachable: str = ""
    """Why there is no path: one sentence for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CapturedVolume:
    """One volume of a recovery point."""

    claim: ClaimId
    session: str
    """The repository session that holds its manifest."""
    mode: VolumeMode
    consistency: Consistency
    instant: datetime
    """Nothing written before this instant is missing; the clock bound is already taken off."""
    size_bytes: int
    added_bytes: int
    """Bytes that this capture had to upload."""
    files: int
    torn: tuple[str, ...] = ()
    """Paths that changed while they were read, and again on a second try."""
    unreadable: tuple[str, ...] = ()
    """Paths that could not be read; any of them makes the point partial."""
