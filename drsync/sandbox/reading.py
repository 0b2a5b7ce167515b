"""What get and list answer: the newest state, the exact state at a revision, or a page of it."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from bisect import bisect_left
from collections.abc import Mapping, Sequence

import msgspec

from drsync.sandbox import answers, selectors
from drsync.sandbox.answers import ApiError, Cause
from drsync.sandbox.registry import Place
from drsync.sandbox.storage import Storage, Stored

_ANY_REVISION = -1
"""In a token: go on with whatever is there now."""
_EXACT, _NOT_OLDER = "Exact", "NotOlderThan"


class _Token(msgspec.Struct):
    """What a continue token holds."""

    rv: int
    start: str
    v: str = "meta.k8s.io/v1"


class ListQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The query of a list, parsed."""

    labels: str = ""
    fields: str = ""
    limit: int = 0
    token: str = ""
    revision: str = ""
    match: str = ""


def parse(query: Mapping[str, str]) -> ListQuery:
    limit = query.get("limit") or "0"
    if not limit.lstrip("-").isdigit():
        raise ApiError(400, f'strconv.ParseInt: parsing "{limit}": invalid syntax')
    parsed = ListQuery(
        labels=query.get("labelSelector", ""),
        fields=query.get("fieldSelector", ""),
        limit=int(limit),
        token=query.get("continue", ""),
        revision=query.get("resourceVersion", ""),
        match=query.get("resourceVersionMatch", ""),
    )
    _check_match(parsed)
    return parsed


def _check_match(query: ListQuery) -> None:
    why = ""
    if query.match and query.token:
        why = "Forbidden: resourceVersionMatch is forbidden when continue is provided"
    elif query.match and not query.revision:
        why = "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided"
    elif query.match not in ("", _EXACT, _NOT_OLDER):
        why = f'Unsupported value: "{query.match}": supported values: "{_EXACT}", "{_NOT_OLDER}", ""'
        raise answers.invalid_options("ListOptions", [Cause("FieldValueNotSupported", why, "resourceVersionMatch")])
    elif query.match == _EXACT and query.revision == "0":
        why = 'Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0"'
    if why:
        raise answers.invalid_options("ListOptions", [Cause("FieldValueForbidden", why, "resourceVersionMatch")])


def list_objects(storage: Storage, place: Place, query: ListQuery) -> bytes:
    """A whole list body."""
    revision, start = _from_where(storage, query)
    found = _within(place, storage, revision)
    if start:
        found = found[bisect_left(found, start, key=lambda one: _relative(place, one[0])) :]
    wanted = selectors.predicate(place.served, query.labels, query.fields)
    if wanted is not None:
        found = [one for one in found if wanted(one[1].manifest())]
    page, rest = (found[: query.limit], found[query.limit :]) if query.limit > 0 else (found, [])
    meta = {"resourceVersion": str(revision)}
    if rest:
        meta["continue"] = _encode(_Token(revision, _relative(place, page[-1][0]) + "\0"))
        if wanted is None:
            return _body(place, page, meta, remaining=len(rest))
    return _body(place, page, meta)


def _from_where(storage: Storage, query: ListQuery) -> tuple[int, str]:
    if query.token:
        token = _decode(query.token)
        if token.rv == _ANY_REVISION:
            return storage.revision, token.start
        if token.rv < storage.compacted:
            raise _expired_token(token)
        return token.rv, token.start
    asked = _number(query.revision) if query.revision else 0
    if asked > storage.revision:
        raise answers.future_revision(asked, storage.revision)
    exact = query.match == _EXACT or (query.limit > 0 and asked > 0 and not query.match)
    if not exact:
        return storage.revision, ""
    if asked < storage.compacted:
        raise answers.expired("The resourceVersion for the provided list is too old.")
    return asked, ""


def _number(revision: str) -> int:
    if not revision.isdigit():
        why = f'resourceVersion: Invalid value: "{revision}": strconv.ParseUint: parsing "{revision}": invalid syntax'
        raise ApiError(400, f"invalid resource version: {why}")
    return int(revision)


def _within(place: Place, storage: Storage, revision: int) -> Sequence[tuple[str, Stored]]:
    found = storage.at(place.served.resource, revision)
    if not (place.served.kind.namespaced and place.namespace):
        return found
    first, last = f"{place.namespace}/", f"{place.namespace}0"
    return found[bisect_left(found, first, key=_key) : bisect_left(found, last, key=_key)]


def _key(one: tuple[str, Stored]) -> str:
    return one[0]


def _relative(place: Place, key: str) -> str:
    """A key as the token keeps it: below what the request's path names."""
    return key.removeprefix(f"{place.namespace}/") if place.namespace else key


def _encode(token: _Token) -> str:
    return urlsafe_b64encode(msgspec.json.encode(token)).decode().rstrip("=")


def _decode(text: str) -> _Token:
    try:
        return msgspec.json.decode(urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=_Token)
    except (ValueError, msgspec.MsgspecError) as error:
        raise ApiError(400, "invalid continue token: continue key is not valid: not base64-encoded JSON") from error


def _expired_token(token: _Token) -> ApiError:
    error = answers.expired(
        "The provided continue parameter is too old to display a consistent list result. You can start a new list "
        "without the continue parameter, or use the continue token in this response to retrieve the remainder of the "
        "results. Continuing with the provided token results in an inconsistent list - objects that were created, "
        "modified, or deleted between the time the first chunk was returned and now may show up in the list."
    )
    fresh = _Token(_ANY_REVISION, token.start)
    error.list_meta = {"continue": _encode(fresh)}
    return error


def _body(place: Place, page: Sequence[tuple[str, Stored]], meta: dict[str, str], *, remaining: int = 0) -> bytes:
    served = place.served
    described = {**meta, **({"remainingItemCount": remaining} if remaining else {})}
    head = msgspec.json.encode({"kind": served.list_kind, "apiVersion": served.kind.api_version, "metadata": described})
    if served.custom:
        items = b",".join([served.head + stored.raw[1:] for _, stored in page])
    else:
        items = b",".join([stored.raw for _, stored in page])
    return head[:-1] + b',"items":[' + items + b"]}"
