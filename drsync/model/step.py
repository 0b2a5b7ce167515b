"""Steps: what a plan may consist of. A step is data; engine/actions does it."""

from dataclasses import dataclass
from typing import Literal

from drsync.model.volume import Claim, ClaimId


@dataclass(frozen=True, slots=True, kw_only=True)
class CutObjects:
    """List every selected kind as of one revision and store the objects."""

    id: str
    namespaces: tuple[str, ...]
    deadline_s: int = 600
    kind: Literal["cut-objects"] = "cut-objects"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureVolume:
    """Read one volume and store it."""

    id: str
    claim: Claim
    parent_session: str | None
    deadline_s: int = 86_400
    kind: Literal["capture-volume"] = "capture-volume"


@dataclass(frozen=True, slots=True, kw_only=True)
class SealPoint:
    """Write the log entry that makes the point exist."""

    id: str
    point: str
    parent: str | None
    missing: tuple[tuple[str, str], ...] = ()
    """What is known to be missing before the work begins: (what, reason)."""
    exclusions: tuple[tuple[str, str], ...] = ()
    notices: tuple[str, ...] = ()
    deadline_s: int = 120
    kind: Literal["seal-point"] = "seal-point"


@dataclass(frozen=True, slots=True, kw_only=True)
class EnsureNamespaces:
    """Create the namespaces that the objects go to."""

    id: str
    deadline_s: int = 600
    kind: Literal["ensure-namespaces"] = "ensure-namespaces"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyObjects:
    """Write one stage of objects; `stage` names a row of resources.order's table."""

    id: str
    stage: str
    deadline_s: int = 3_600
    kind: Literal["apply-objects"] = "apply-objects"


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreVolume:
    """Fill the volume behind a claim that this plan made; nothing runs on it yet."""

    id: str
    session: str
    source: ClaimId
    target: ClaimId
    paths: tuple[str, ...] = ()
    """Only these paths inside the volume; all of it when empty."""
    deadline_s: int = 86_400
    kind: Literal["restore-volume"] = "restore-volume"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkOwners:
    """Link objects to owners that had to be written after them."""

    id: str
    deadline_s: int = 600
    kind: Literal["link-owners"] = "link-owners"


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyRestore:
    """Look again: every object that was to be there is there."""

    id: str
    deadline_s: int = 600
    kind: Literal["verify-restore"] = "verify-restore"


Step = (
    CutObjects
    | CaptureVolume
    | SealPoint
    | EnsureNamespaces
    | ApplyObjects
    | RestoreVolume
    | LinkOwners
    | VerifyRestore
)
"""A union closed by `kind`; a test holds that each has an action."""
