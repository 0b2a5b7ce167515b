"""Lists many kinds as of one revision.

The rule. An API server keeps its kinds in one etcd, whose revision counts every write to any of
them; `resourceVersion=R&resourceVersionMatch=Exact` gives a kind exactly as it was at R. But a kind
may live elsewhere: in a second etcd (`--etcd-servers-overrides`), or behind an aggregated API. Its
list at R then still answers 200, still says R, and holds some other state. So R is asked only of
kinds that have proven that they share the main store.

The proof. Read the main store's revision (M), then list every kind afresh, then read the main
store's revision again (R). A fresh list tells its own store's revision r, taken while it was
served. A kind in the main store has M ≤ r ≤ R, since one counter only rises; a kind whose r lies outside is
elsewhere. A foreign counter inside the bracket would be a coincidence, so the bracket is kept as
narrow as the first page of each list. Aggregated APIs could pass by coincidence and are never asked.

The cut is at the *second* reading, R, which saves requests and settles what vanished:
- A fresh list with r = R is the list at R: same store, same revision. On a quiet cluster one
  request a kind is all. Only kinds with M ≤ r < R are listed again, Exact at R.
- A kind that answered 404 before R was read had no objects at R: its CRD was gone by then. (Had R
  been the first reading, its objects at R could be lost to the cut.)
- The bracket proves the kind, not the list, so further lists of the same kind go straight to R.

Kinds elsewhere are kept as listed afresh, with the instant in `skews`.

What goes wrong. 410: R or a page's token is no longer kept; everything is taken again from new
readings, a token out of a 410 is never used. 404 after R was read: the kind vanished with objects
that existed at R; taken again, too. A main store whose revision fell was restored from a backup:
again. Any other failure of a kind is tried again, by the wire or here, then told, and the other kinds go
on; unless the main store does not answer either, which ends the cut.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from drsync.clock import Cancellation, Clock
from drsync.errors import ClusterUnreachable, PermissionDenied, RequestRejected, RevisionGone
from drsync.kube.client import KubeClient
from drsync.kube.listing import Listing
from drsync.kube.paging import complete, whole
from drsync.kube.proof import Anchor, ListWant, Proof, aggregated_apis, find_anchor, prove, twice
from drsync.model.recovery_point import KindSkew
from drsync.model.resource import ResourceKind

# One, and three more after a lost revision: more would mean that lists take longer than the server remembers.
_ATTEMPTS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ListFailure:
    """A list that could not be had, tried twice; it makes the cut partial."""

    want: ListWant
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """The lists of one attempt, in the order of the wants. A want has a listing or a failure, never both.

    All listings are as of `revision`, but for the kinds in `skews`: those were listed fresh at the instant noted.
    """

    revision: str
    started_at: datetime
    """Just before the first request of the attempt that succeeded, by our clock."""
    listings: tuple[Listing, ...]
    skews: tuple[KindSkew, ...] = ()
    failures: tuple[ListFailure, ...] = ()
    attempts: int = 1
    vanished: tuple[ResourceKind, ...] = ()
    """Kinds that are no longer served, and so have an empty listing."""


def take_cut(client: KubeClient, wants: Sequence[ListWant], *, clock: Clock, cancel: Cancellation) -> Cut:
    """Raises RevisionGone when the server forgot the revision each time, ClusterUnreachable, PermissionDenied."""
    gone: RevisionGone | None = None
    with ThreadPoolExecutor(max(1, client.connections), thread_name_prefix="cut") as pool:
        for attempt in range(1, _ATTEMPTS + 1):
            cancel.check()
            try:
                return _attempt(client, wants, clock, cancel, pool, number=attempt)
            except RevisionGone as error:
                gone = error
    raise RevisionGone(
        f"{client.server} forgot the revision of the cut {_ATTEMPTS} times before all lists were done.",
        remedy="select fewer objects, or raise the API server's --etcd-compaction-interval",
    ) from gone


def _attempt(
    client: KubeClient, wants: Sequence[ListWant], clock: Clock, cancel: Cancellation, pool: Executor, *, number: int
) -> Cut:
    started_at = clock.now()
    foreign = aggregated_apis(client)
    own: dict[ResourceKind, list[ListWant]] = {}
    for want in wants:
        if want.kind.api_version not in foreign:
            own.setdefault(want.kind, []).append(want)
    main, before = find_anchor(client, [first for first, *_ in own.values()])
    proofs = dict(zip(own, pool.map(partial(prove, client, clock, cancel), own.values()), strict=True))
    after = main.revision()
    if after < before:
        raise RevisionGone(
            f"The revision of {client.server} fell while it was read.",
            remedy="look at whether its etcd was restored from a backup just now",
        )
    lists = _Lists(client, clock, cancel, main, proofs, before, after)
    taken = list(pool.map(lists.take, wants))
    return Cut(
        revision=str(after),
        started_at=started_at,
        listings=tuple(each.listing for each in taken if each.listing),
        skews=_latest([each.skew for each in taken if each.skew]),
        failures=tuple(ListFailure(want=each.want, reason=each.failure) for each in taken if not each.listing),
        attempts=number,
        vanished=tuple(kind for kind, proof in proofs.items() if proof.vanished),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Taken:
    """What became of one want."""

    want: ListWant
    listing: Listing | None = None
    skew: KindSkew | None = None
    failure: str = ""


@dataclass(frozen=True, slots=True)
class _Lists:
    """The second half of an attempt: every want, now that it is known which kinds share R (`after`)."""

    client: KubeClient
    clock: Clock
    cancel: Cancellation
    main: Anchor
    proofs: Mapping[ResourceKind, Proof]
    before: int
    after: int

    def take(self, want: ListWant) -> _Taken:
        self.cancel.check()
        proof = self.proofs.get(want.kind)
        if proof is None:
            return self._fresh(want, None, "it is behind an aggregated API")
        if proof.vanished:
            empty = Listing(kind=want.kind, namespace=want.namespace, revision=str(self.after), objects=())
            return _Taken(want=want, listing=empty)
        if want in proof.failures:
            return _Taken(want=want, failure=proof.failures[want])
        if elsewhere := proof.elsewhere(self.before, self.after):
            return self._fresh(want, proof, elsewhere)
        return self._exact(want, proof)

    def _exact(self, want: ListWant, proof: Proof) -> _Taken:
        query = want.query(self.after)
        try:
            if proof.want == want and proof.page and proof.revision == self.after:
                return _Taken(want=want, listing=complete(self.client.wire, query, proof.page))
            return _Taken(want=want, listing=twice(lambda: whole(self.client.wire, query)))
        except RequestRejected as error:
            if error.status == 404:
                raise RevisionGone(
                    f"{want.kind.group_resource} vanished from {self.client.server} while it was listed.",
                    remedy="try again when its CustomResourceDefinition is settled",
                ) from error
            return _Taken(want=want, failure=error.problem)
        except PermissionDenied as error:
            return _Taken(want=want, failure=error.problem)
        except ClusterUnreachable as error:
            self.main.revision()  # raises when it is the whole server that is gone
            return _Taken(want=want, failure=error.problem)

    def _fresh(self, want: ListWant, proof: Proof | None, why: str) -> _Taken:
        try:
            listing, asked_at = self._read_fresh(want, proof)
        except (RevisionGone, PermissionDenied, RequestRejected) as error:
            return _Taken(want=want, failure=error.problem)
        except ClusterUnreachable as error:
            self.main.revision()
            return _Taken(want=want, failure=error.problem)
        skew = KindSkew(group_resource=want.kind.group_resource, listed_at=asked_at, reason=why)
        return _Taken(want=want, listing=listing, skew=skew)

    def _read_fresh(self, want: ListWant, proof: Proof | None) -> tuple[Listing, datetime]:
        """The list of a kind elsewhere, and when it was asked for; its own 410 only means to list it once more."""
        query = want.query()
        asked_at = self.clock.now()
        try:
            if proof and proof.page and proof.want == want:
                return complete(self.client.wire, query, proof.page), proof.asked_at
            return whole(self.client.wire, query), asked_at
        except (RevisionGone, RequestRejected):
            asked_at = self.clock.now()
            return whole(self.client.wire, query), asked_at


def _latest(skews: Sequence[KindSkew]) -> tuple[KindSkew, ...]:
    """One for each kind: the list that is furthest from the cut."""
    latest: dict[str, KindSkew] = {}
    for skew in sorted(skews, key=lambda each: each.listed_at):
        latest[skew.group_resource] = skew
    return tuple(latest.values())
