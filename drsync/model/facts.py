"""What was seen of the world before a plan was made; frozen, so that a plan can be made again from it."""

from dataclasses import dataclass

from drsync.model.recovery_point import Exclusion, Missing, RecoveryPoint, SealedPoint
from drsync.model.resource import ResourceId
from drsync.model.volume import Claim, ClaimId


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureFacts:
    """The source cluster as a capture finds it."""

    namespaces: tuple[str, ...]
    """Those that the policy selects and that exist."""
    vanished: tuple[str, ...] = ()
    """Namespaces that the policy names and the parent point holds, and that are gone."""
    claims: tuple[Claim, ...] = ()
    """Claims whose data is to be captured."""
    left_out: tuple[Exclusion, ...] = ()
    """Volumes that a rule skips."""
    missing: tuple[Missing, ...] = ()
    """Volumes that cannot be captured, known before the work begins."""
    notices: tuple[str, ...] = ()
    """What a person should look at although nothing is missing: a pattern that matches nothing."""
    parent: RecoveryPoint | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreFacts:
    """A point and the part of it that was asked for."""

    sealed: SealedPoint
    chosen: tuple[ResourceId, ...]
    """Objects that the request selects, by their names in the point."""
    stages: tuple[str, ...]
    """Stages that have at least one chosen object, in order."""
    late_owners: bool = False
    """Whether an object is written before an owner of it, and linked to it afterwards."""
    claims: tuple[ClaimId, ...]
    """Chosen claims, by their names in the point."""
    reaches_volumes: bool
    """Whether volumes of the target cluster can be reached from here."""
