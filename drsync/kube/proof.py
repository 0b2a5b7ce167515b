"""Which kinds share the main store's revision counter, and so may be asked for a revision of it.

The argument is in cut.py.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TypeVar

import msgspec

from drsync.clock import Cancellation, Clock
from drsync.errors import ClusterUnreachable, PermissionDenied, RequestRejected
from drsync.kube.answers import Call, garbage
from drsync.kube.client import KubeClient
from drsync.kube.discovery import discover
from drsync.kube.listing import ListQuery, Page
from drsync.kube.paging import first_page
from drsync.model.resource import ResourceKind

_NAMESPACES = ResourceKind(group="", version="v1", resource="namespaces", kind="Namespace", namespaced=False)
_API_SERVICES = ResourceKind(
    group="apiregistration.k8s.io", version="v1", resource="apiservices", kind="APIService", namespaced=False
)

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListWant:
    """What to list: a kind, everywhere or in one namespace, all of it or what a label selector matches."""

    kind: ResourceKind
    namespace: str = ""
    selector: str = ""

    def query(self, revision: int | None = None) -> ListQuery:
        """As a request: afresh, or exactly as of a revision."""
        return ListQuery(
            kind=self.kind,
            namespace=self.namespace,
            selector=self.selector,
            revision=None if revision is None else str(revision),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What the fresh lists of one kind told: a first page, or no longer served, or why nothing."""

    want: ListWant
    """The want whose list it is."""
    asked_at: datetime
    page: Page | None = None
    vanished: bool = False
    failures: Mapping[ListWant, str] = field(default_factory=dict[ListWant, str])
    """Wants of the kind that were tried and could not be listed."""

    @property
    def revision(self) -> int | None:
        return _number(self.page.revision) if self.page else None

    def elsewhere(self, before: int, after: int) -> str:
        """Why the kind cannot share a store that counted from `before` to `after`; empty when it does."""
        if self.revision is None:
            return "its server tells no revision"
        if not before <= self.revision <= after:
            return f"it is kept in another store, whose revision is {self.revision}"
        return ""


class Anchor:
    """A list that tells the main store's revision."""

    def __init__(self, client: KubeClient, query: ListQuery) -> None:
        self._client = client
        self._query = query

    def revision(self) -> int:
        """As of now. Raises ClusterUnreachable, also when the server tells none."""
        told = first_page(self._client.wire, self._query, page=1).revision
        revision = _number(told)
        if revision is None:
            call = Call(verb="list", what=self._query.kind.group_resource, server=self._client.server)
            raise garbage(call, "the list tells no revision")
        return revision


def find_anchor(client: KubeClient, wants: Sequence[ListWant]) -> tuple[Anchor, int]:
    """Namespaces, or the first of the wants that we may list; and the revision it tells first."""
    denied: PermissionDenied | None = None
    for query in (ListQuery(kind=_NAMESPACES), *(want.query() for want in wants)):
        anchor = Anchor(client, query)
        try:
            return anchor, anchor.revision()
        except PermissionDenied as error:
            denied = denied or error
        except RequestRejected:
            continue
    raise denied or ClusterUnreachable(
        f"{client.server} lists nothing that was asked for.", remedy="check that it is a Kubernetes API server"
    )


def aggregated_apis(client: KubeClient) -> frozenset[str]:
    """The api versions that another server answers for. None are known where we may not list them."""
    try:
        found = client.list(_API_SERVICES).objects
        specs = [msgspec.json.decode(each.raw, type=_ApiService).spec for each in found]
    except (PermissionDenied, RequestRejected, ValueError):
        return frozenset()
    return frozenset(f"{spec.group}/{spec.version}" for spec in specs if spec.service is not None)


def prove(client: KubeClient, clock: Clock, cancel: Cancellation, wants: Sequence[ListWant]) -> Proof:
    """Lists one kind afresh, as the first of its wants that can be listed asks."""
    failures: dict[ListWant, str] = {}
    asked_at = clock.now()
    for want in wants:
        cancel.check()
        asked_at = clock.now()
        try:
            page = twice(partial(first_page, client.wire, want.query()))
        except RequestRejected as error:
            if error.status == 404 and _is_unserved(client, want.kind):
                return Proof(want=want, asked_at=asked_at, vanished=True)
            failures[want] = error.problem
        except (PermissionDenied, ClusterUnreachable) as error:
            failures[want] = error.problem
        else:
            return Proof(want=want, asked_at=asked_at, page=page, failures=failures)
    return Proof(want=wants[0], asked_at=asked_at, failures=failures)


def _is_unserved(client: KubeClient, kind: ResourceKind) -> bool:
    """Whether the server itself says so: a proxy's 404 would otherwise pass for an empty kind."""
    try:
        found = discover(client)
    except (ClusterUnreachable, PermissionDenied, RequestRejected):
        return False
    doubtful = any(failure.group_version == kind.api_version for failure in found.failures)
    return not doubtful and not any(served.group_resource == kind.group_resource for served in found.kinds)


def twice(read: Callable[[], _T]) -> _T:
    """Reads once more what was rejected. What did not answer at all has had its tries on the wire."""
    try:
        return read()
    except RequestRejected:
        return read()


class _Spec(msgspec.Struct):
    group: str = ""
    version: str = ""
    service: dict[str, msgspec.Raw] | None = None


class _ApiService(msgspec.Struct):
    spec: _Spec


def _number(revision: str) -> int | None:
    return int(revision) if revision.isascii() and revision.isdigit() else None
