"""Lists page by page, each page of a few MiB whatever the objects' size."""

from drsync.kube import routes
from drsync.kube.answers import call_of, garbage, good
from drsync.kube.listing import Listing, ListQuery, Page, read_page
from drsync.kube.wire import Request, Wire

# The first page is small, for most kinds fit into it; its objects' size then sets how many fill a page.
_FIRST_PAGE = 250
_PAGE_BYTES = 8 << 20
_SMALLEST_PAGE, _LARGEST_PAGE = 50, 10_000
# A revision is kept for five minutes at least and ten at most by default; no list may outlast it.
_LIST_BUDGET_S = 600.0


def first_page(wire: Wire, query: ListQuery, *, page: int | None = None) -> Page:
    """The beginning of a list, of at most `page` objects; `complete` reads on from it."""
    return _page(wire, query, limit=page or _FIRST_PAGE)


def complete(wire: Wire, query: ListQuery, first: Page, *, page: int | None = None) -> Listing:
    """The whole list that begins with `first`."""
    objects = [*first.objects]
    ends_s = wire.clock.boot_s() + _LIST_BUDGET_S
    last = first
    while last.token:
        following = _page(wire, query, limit=page or _fitting(last), token=last.token)
        if following.token == last.token or wire.clock.boot_s() > ends_s:
            call = call_of("list", query.kind, query.namespace, server=wire.server)
            raise garbage(call, "the list does not end")
        objects.extend(following.objects)
        last = following
    return Listing(kind=query.kind, namespace=query.namespace, revision=first.revision, objects=tuple(objects))


def whole(wire: Wire, query: ListQuery, *, page: int | None = None) -> Listing:
    """All of a list."""
    return complete(wire, query, first_page(wire, query, page=page), page=page)


def _page(wire: Wire, query: ListQuery, *, limit: int, token: str = "") -> Page:
    wanted = [("labelSelector", query.selector), ("fieldSelector", query.fields), ("limit", str(limit))]
    if token:
        # beside a token the server refuses a revision; the token carries it
        wanted.append(("continue", token))
    elif query.revision is not None:
        wanted += [("resourceVersion", query.revision), ("resourceVersionMatch", "Exact")]
    call = call_of("list", query.kind, query.namespace, server=wire.server)
    path = routes.with_query(routes.collection(query.kind, query.namespace), wanted)
    return read_page(query.kind, good(wire.send(Request("GET", path, call)), call), call)


def _fitting(page: Page) -> int:
    """How many objects of this page's size fill a page."""
    if not page.objects:
        return _FIRST_PAGE
    return min(_LARGEST_PAGE, max(_SMALLEST_PAGE, _PAGE_BYTES * len(page.objects) // max(1, page.size_bytes)))
