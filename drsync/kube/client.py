"""Reads and writes Kubernetes objects: typed calls over the wire, each with its errors."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Self

import msgspec

from drsync.clock import Deadline
from drsync.kube import paging, routes
from drsync.kube.answers import Answer, Call, call_of, error_of, good, is_absent
from drsync.kube.listing import Listing, ListQuery, parse_object, read_object
from drsync.kube.routes import Query
from drsync.kube.watch import WatchEvent, watch
from drsync.kube.wire import Request, Wire
from drsync.model.resource import ResourceKind, ResourceObject

MANAGER = "drsync"
MERGE_PATCH = "application/merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"


class KubeClient:
    """One API server. Safe to share between threads; `connections` of them can call at once."""

    def __init__(self, wire: Wire, *, connections: int) -> None:
        self._wire = wire
        self.connections = connections

    @property
    def server(self) -> str:
        return self._wire.server

    @property
    def skew(self) -> timedelta | None:
        """The server's clock less ours, good to a second; None before the first answer."""
        return self._wire.skew

    @property
    def wire(self) -> Wire:
        return self._wire

    def close(self) -> None:
        self._wire.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Query = (),
        body: bytes | None = None,
        content_type: str = "application/json",
        timeout_s: float | None = None,
    ) -> Answer:
        """Any call, whatever its answer's status. Only GET is tried again after a fault."""
        call = Call(verb=method.lower(), what=path, server=self.server, secret="/secrets" in path)
        full = routes.with_query(path, query)
        return self._wire.send(
            Request(method, full, call, body, content_type, timeout_s=timeout_s, idempotent=method == "GET")
        )

    def read(self, path: str, *, what: str, accept: str = "application/json") -> Answer:
        """A GET that must succeed, of something that is no object: discovery, health, version."""
        call = Call(verb="get", what=what, server=self.server)
        return good(self._wire.send(Request("GET", path, call, accept=accept)), call)

    def list(
        self,
        kind: ResourceKind,
        *,
        namespace: str = "",
        selector: str = "",
        fields: str = "",
        revision: str | None = None,
        page: int | None = None,
    ) -> Listing:
        """All objects of a kind; with `revision`, exactly as they were then.

        Asked for in pages of `page` objects, by default as many as keep a page at a few MiB.
        Raises RevisionGone, PermissionDenied, RequestRejected (404: the kind is not served), ClusterUnreachable.
        """
        query = ListQuery(kind=kind, namespace=namespace, selector=selector, fields=fields, revision=revision)
        return paging.whole(self._wire, query, page=page)

    def get(self, kind: ResourceKind, namespace: str, name: str) -> ResourceObject | None:
        """The object as it is now; None when it is not there. RequestRejected (404) when its kind is not served."""
        call = self._call("get", kind, namespace, name)
        answer = self._wire.send(Request("GET", routes.item(kind, namespace, name), call))
        if is_absent(answer):
            return None
        return read_object(kind, good(answer, call), call)

    def create(self, kind: ResourceKind, namespace: str, body: bytes, *, dry_run: bool = False) -> ResourceObject:
        """Raises ObjectExists, RequestRejected, PermissionDenied.

        ClusterUnreachable leaves open whether the object was made; look before trying again.
        """
        query = (("fieldManager", MANAGER), *_dry(dry_run=dry_run))
        path = routes.with_query(routes.collection(kind, namespace), query)
        call = self._call("create", kind, namespace)
        answer = self._wire.send(Request("POST", path, call, body, idempotent=False))
        if not answer.ok:
            # the name costs a parse, so only a failure pays for it
            raise error_of(answer, self._call("create", kind, namespace, _name_in(kind, body)))
        return read_object(kind, answer, call)

    def replace(
        self,
        kind: ResourceKind,
        namespace: str,
        name: str,
        body: bytes,
        *,
        subresource: str = "",
        dry_run: bool = False,
    ) -> ResourceObject:
        """Puts `body` in the object's place. VersionChanged when the resourceVersion in `body` is not the newest."""
        path = routes.item(kind, namespace, name, subresource)
        query = (("fieldManager", MANAGER), *_dry(dry_run=dry_run))
        call = self._call("update", kind, namespace, name)
        return self._write(kind, Request("PUT", routes.with_query(path, query), call, body))

    def apply(  # noqa: PLR0913 - the API's own parameters
        self,
        kind: ResourceKind,
        namespace: str,
        name: str,
        body: bytes,
        *,
        manager: str = MANAGER,
        force: bool = False,
        subresource: str = "",
        dry_run: bool = False,
    ) -> ResourceObject:
        """Server-side apply. RequestRejected with reason FieldManagerConflict when others own the fields."""
        path = routes.item(kind, namespace, name, subresource)
        query = (("fieldManager", manager), ("force", "true" if force else ""), *_dry(dry_run=dry_run))
        call = self._call("patch", kind, namespace, name)
        return self._write(kind, Request("PATCH", routes.with_query(path, query), call, body, APPLY_PATCH))

    def merge_patch(
        self,
        kind: ResourceKind,
        namespace: str,
        name: str,
        patch: bytes,
        *,
        subresource: str = "",
        dry_run: bool = False,
    ) -> ResourceObject:
        """JSON merge patch (RFC 7386)."""
        path = routes.item(kind, namespace, name, subresource)
        query = (("fieldManager", MANAGER), *_dry(dry_run=dry_run))
        call = self._call("patch", kind, namespace, name)
        return self._write(kind, Request("PATCH", routes.with_query(path, query), call, patch, MERGE_PATCH))

    def delete(
        self, kind: ResourceKind, namespace: str, name: str, *, uid: str | None = None, dry_run: bool = False
    ) -> bool:
        """Asks for deletion; False when it was not there. With `uid`, VersionChanged when another one has the name."""
        options: dict[str, object] = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
        if uid:
            options["preconditions"] = {"uid": uid}
        if dry_run:
            # in the body, for the server ignores the query where there is a body, and deletes
            options["dryRun"] = ["All"]
        path = routes.item(kind, namespace, name)
        call = self._call("delete", kind, namespace, name)
        answer = self._wire.send(Request("DELETE", path, call, msgspec.json.encode(options)))
        if is_absent(answer):
            return False
        good(answer, call)
        return True

    def watch(
        self,
        kind: ResourceKind,
        *,
        namespace: str = "",
        selector: str = "",
        fields: str = "",
        revision: str,
        until: Deadline,
    ) -> Iterator[WatchEvent]:
        """Changes after `revision` until the deadline. Raises RevisionGone: list again and watch from there."""
        query = ListQuery(kind=kind, namespace=namespace, selector=selector, fields=fields, revision=revision)
        return watch(self._wire, query, self._call("watch", kind, namespace), until=until)

    def _write(self, kind: ResourceKind, request: Request) -> ResourceObject:
        return read_object(kind, good(self._wire.send(request), request.call), request.call)

    def _call(self, verb: str, kind: ResourceKind, namespace: str, name: str = "") -> Call:
        return call_of(verb, kind, namespace, name, server=self._wire.server)


def _dry(*, dry_run: bool) -> tuple[tuple[str, str], ...]:
    return (("dryRun", "All"),) if dry_run else ()


def _name_in(kind: ResourceKind, body: bytes) -> str:
    try:
        return parse_object(kind, body).name
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
