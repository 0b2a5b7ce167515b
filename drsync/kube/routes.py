"""Which URL a call goes to. Pure; names come from stores and servers, so nothing in them is trusted."""

import re
from collections.abc import Iterable
from urllib.parse import quote, urlencode

from drsync.errors import RequestRejected
from drsync.model.resource import ResourceKind

Query = Iterable[tuple[str, str]]

# What the API server itself allows: groups and resources are DNS names, versions DNS labels.
_PART = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?", re.ASCII)


def collection(kind: ResourceKind, namespace: str = "") -> str:
    """Where objects of a kind are listed and created; all namespaces when none is named."""
    for part in (kind.version, kind.resource, *((kind.group,) if kind.group else ())):
        if not _PART.fullmatch(part):
            raise _refused(f"{part[:80]!r} cannot be part of a Kubernetes API path.")
    root = f"/apis/{kind.group}/{kind.version}" if kind.group else f"/api/{kind.version}"
    if namespace and kind.namespaced:
        return f"{root}/namespaces/{segment(namespace)}/{kind.resource}"
    return f"{root}/{kind.resource}"


def item(kind: ResourceKind, namespace: str, name: str, subresource: str = "") -> str:
    """Where one object is; `subresource` is `status`, `scale` and the like."""
    path = f"{collection(kind, namespace)}/{segment(name)}"
    return f"{path}/{segment(subresource)}" if subresource else path


def segment(text: str) -> str:
    """One path segment, escaped. A name that would leave its segment is refused."""
    if text in {"", ".", ".."} or "/" in text or "%" in text:
        raise _refused(f"{text[:80]!r} cannot be the name of a Kubernetes object.")
    return quote(text, safe=":@$&+,;=!*'()")


def with_query(path: str, query: Query) -> str:
    """The path with its query; pairs with an empty value are left out."""
    pairs = [(key, value) for key, value in query if value]
    return f"{path}?{urlencode(pairs, quote_via=quote)}" if pairs else path


def _refused(problem: str) -> RequestRejected:
    """As the API server would refuse it, so that one bad object is told and the others go on."""
    remedy = "look at where the name comes from; no API server accepts it"
    return RequestRejected(problem, remedy=remedy, status=400, reason="BadRequest")
