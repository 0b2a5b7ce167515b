"""A recovery point: what a sealed entry of the commit log says was captured."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from drsync.model.epoch import Epoch
from drsync.model.volume import CapturedVolume, Consistency


@dataclass(frozen=True, slots=True, kw_only=True)
class KindSkew:
    """A kind that could not be listed as of the point's revision."""

    group_resource: str
    listed_at: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """Something that was selected and is not in the point, which makes it partial."""

    what: str
    """`volume shop/data`, `kind widgets.example.com`, `namespace shop`."""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion:
    """Something that a rule left out on purpose."""

    what: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CapturedObjects:
    """The Kubernetes objects of a point."""

    session: str
    """The repository session that holds them."""
    cut_at: datetime
    """Just before the first list was asked for, the clock bound taken off."""
    revision: str
    counts: Mapping[str, int]
    """Objects by `group_resource`."""
    namespaces: tuple[str, ...]
    skews: tuple[KindSkew, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryPoint:
    """Everything that is needed to find, judge and restore one point."""

    id: str
    policy: str
    policy_sha256: str
    cluster: str
    run: str
    parent: str | None
    objects: CapturedObjects
    volumes: tuple[CapturedVolume, ...] = ()
    missing: tuple[Missing, ...] = ()
    exclusions: tuple[Exclusion, ...] = ()
    notices: tuple[str, ...] = ()
    """What a person should look at although the point is complete: an empty volume, a sharp drop."""
    clock_bound: timedelta
    """How far this host's clock may have been off; already taken off every instant here."""
    started_at: datetime
    tool_version: str

    @property
    def complete(self) -> bool:
        return not self.missing

    @property
    def consistent_at(self) -> datetime:
        """The earliest instant of all its parts: what a restore brings back."""
        return min([self.objects.cut_at, *(v.instant for v in self.volumes)])

    @property
    def consistency(self) -> Consistency:
        """The least of its volumes' classes; `app` when there is no volume."""
        order = list(Consistency)
        return min((v.consistency for v in self.volumes), key=order.index, default=Consistency.APP)


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedPoint:
    """A point as the log holds it."""

    point: RecoveryPoint
    sequence: int
    epoch: Epoch
    sealed_at: datetime
    """When the log entry was written: from then on the point is usable from that store."""
    unusable: str = ""
    """Why a later log entry withdrew it; empty while it is good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MissedSlot:
    """A capture that was due and did not seal a point."""

    due_at: datetime
    reason: str
    run: str | None = None
