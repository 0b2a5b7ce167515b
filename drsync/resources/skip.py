"""Which objects of a point are not written back, each with a sentence."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from drsync.model.resource import Manifest, ResourceId, ResourceObject


@dataclass(frozen=True, slots=True, kw_only=True)
class PointIndex:
    """What a rule may know of the other objects that a restore writes."""

    uids: Mapping[str, ResourceId] = field(default_factory=dict[str, ResourceId])
    """Who has which uid in the point."""
    services: frozenset[tuple[str, str]] = frozenset()
    """(namespace, name) of Services that select pods: their endpoints are made for them."""
    claims: frozenset[tuple[str, str]] = frozenset()
    """(namespace, name) of the claims: they get new volumes."""


def index_point(objects: Iterable[ResourceObject]) -> PointIndex:
    """Index what a restore has chosen, before any of it is skipped."""
    raise NotImplementedError


def skip_reason(item: ResourceObject, manifest: Manifest, index: PointIndex) -> str | None:
    """Why this object is not written back: one sentence; None when it is. `manifest` is as captured."""
    raise NotImplementedError
