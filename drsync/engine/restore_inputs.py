"""What the actions of a restore need to know beside their step: the objects to write, in order."""

from collections.abc import Mapping
from dataclasses import dataclass

from drsync.engine.volume_access import VolumeAccess
from drsync.model.request import RestoreRequest
from drsync.model.resource import Manifest, ResourceId, ResourceKind, ResourceObject
from drsync.transforms.transform import Transform

Waves = tuple[tuple[ResourceObject, ...], ...]
"""Objects whose owners are all in waves before theirs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """An object of the point that is not written back, and why."""

    id: ResourceId
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreInputs:
    """Made from the plan's request and the point, so that a resumed run has the same."""

    request: RestoreRequest
    stages: Mapping[str, Waves]
    namespaces: Mapping[str, Manifest | None]
    """Target namespaces, and the captured manifest that makes each; None where the point has none."""
    left_out: tuple[LeftOut, ...]
    late: tuple[ResourceObject, ...]
    """Objects that are written before an owner of theirs."""
    by_uid: Mapping[str, ResourceObject]
    """Every object that is written, by the uid that it had."""
    filled_claims: frozenset[ResourceId]
    """Claims, by their names in the target, whose volumes this run fills."""
    transform: Transform
    access: VolumeAccess
    kinds: Mapping[str, ResourceKind]
    """What the point's kinds are called by the target, by `group_resource`; it may serve another version."""
