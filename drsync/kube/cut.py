"""Lists many kinds as of one revision."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from drsync.clock import Cancellation, Clock
from drsync.kube.client import KubeClient
from drsync.kube.listing import Listing
from drsync.model.recovery_point import KindSkew
from drsync.model.resource import ResourceKind


@dataclass(frozen=True, slots=True, kw_only=True)
class ListWant:
    """What to list: a kind, everywhere or in one namespace, all of it or what a label selector matches."""

    kind: ResourceKind
    namespace: str = ""
    selector: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListFailure:
    """A list that could not be had, tried twice; it makes the cut partial."""

    want: ListWant
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """The lists of one attempt, in the order of the wants. A want has a listing, or a failure, never both.

    All listings are as of `revision`, but for the kinds in `skews`: those were listed fresh at the instant noted.
    """

    revision: str
    started_at: datetime
    """Just before the first request of the attempt that succeeded, by our clock."""
    listings: tuple[Listing, ...]
    skews: tuple[KindSkew, ...] = ()
    failures: tuple[ListFailure, ...] = ()
    attempts: int = 1


def take_cut(client: KubeClient, wants: Sequence[ListWant], *, clock: Clock, cancel: Cancellation) -> Cut:
    """Raises RevisionGone when the server forgot the revision each time, ClusterUnreachable, PermissionDenied."""
    raise NotImplementedError
