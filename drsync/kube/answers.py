"""What an API server's answer means: which error it is, in words that name the object and hold none of its content."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from drsync.errors import (
    ClusterUnreachable,
    DrsyncError,
    ObjectExists,
    PermissionDenied,
    RequestRejected,
    RevisionGone,
    VersionChanged,
)
from drsync.model.resource import ResourceKind

_WORDS = 300
_UNPRINTABLE = re.compile(r"[^\x20-\x7e\u00a0-\uffff]+")
# RBAC's own words; admission, quota and terminating namespaces answer 403 too, and those are about one object.
_RBAC = re.compile(r'\b(?:User "|cannot \w+ resource)')
# A storage hiccup arrives as a plain 500; only its words tell it from a verdict on the object.
_STORAGE = re.compile(r"^(?:Internal error occurred: )?(?:etcdserver:|rpc error:|context deadline exceeded)")


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer, body decoded from any compression."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What was asked of whom, for messages."""

    verb: str
    """`list`, `create`, …; a word that fits "to … configmaps"."""
    what: str
    """`configmaps shop/settings`; never a query, which may carry a token."""
    server: str
    secret: bool = False
    """The object may hold a secret, so the server's own words about it are not repeated."""


class _Cause(msgspec.Struct, gc=False):
    reason: str = ""
    field: str = ""


class _Details(msgspec.Struct):
    causes: list[_Cause] | None = None
    retryAfterSeconds: int = 0  # noqa: N815 - the API's name


class Status(msgspec.Struct):
    """The API server's own account of a failure (`kind: Status`)."""

    kind: str = ""
    reason: str = ""
    message: str = ""
    code: int = 0
    details: _Details | None = None

    @property
    def causes(self) -> list[_Cause]:
        return (self.details and self.details.causes) or []


_STATUS = msgspec.json.Decoder(Status)


def call_of(verb: str, kind: ResourceKind, namespace: str = "", name: str = "", *, server: str) -> Call:
    """A call on objects of a kind: all, those of a namespace, or one."""
    place = f"{namespace}/{name}" if namespace and name else name or (namespace and f"in {namespace}")
    what = f"{kind.group_resource} {place}".rstrip()
    return Call(verb=verb, what=what, server=server, secret=kind.group_resource == "secrets")


def good(answer: Answer, call: Call) -> Answer:
    """The answer, if it is one of 2xx; else raises what it stands for."""
    if not answer.ok:
        raise error_of(answer, call)
    return answer


def status_of(answer: Answer) -> Status:
    """The Status in the answer; an empty one when something else than an API server answered."""
    try:
        status = _STATUS.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Status()
    return status if status.kind == "Status" else Status()


def error_of(answer: Answer, call: Call) -> DrsyncError:
    """The error that an answer outside 2xx stands for."""
    status = status_of(answer)
    code = answer.status
    if code == 401:
        return PermissionDenied(
            f"{call.server} does not accept the credentials.",
            remedy="renew the kubeconfig's credentials; `kubectl auth whoami` with it must work",
        )
    if code == 403 and (call.verb in {"list", "get", "watch"} or not status.kind or _RBAC.search(status.message)):
        return PermissionDenied(
            f"{call.server} forbids to {call.verb} {call.what}{_words(status, call)}.",
            remedy=f"allow {call.verb} on it in the role that drsync uses",
        )
    if code == 410:
        return RevisionGone(
            f"{call.server} no longer keeps the revision at which {call.what} were asked for.",
            remedy="list again from a fresh revision",
        )
    if code < 400:
        return garbage(call, f"it sends elsewhere with HTTP {code}, and credentials follow no redirect")
    if code == 409:
        return _conflict(status, call)
    if _is_outage(code, status, call):
        return ClusterUnreachable(
            f"{call.server} could not {call.verb} {call.what}: HTTP {code}{_words(status, call)}.",
            remedy="look at the API server's health, and at the aggregated API or webhook that it names",
        )
    return RequestRejected(
        f"{call.server} refused to {call.verb} {call.what}: {_name(code, status)}{_words(status, call)}.",
        remedy="change the object or the rule that refuses it, then try again",
        status=code,
        reason=status.reason,
    )


def is_absent(answer: Answer) -> bool:
    """Whether an API server says that the object is not there; a proxy or a path that is not served also answer 404."""
    return answer.status == 404 and status_of(answer).reason == "NotFound"


def garbage(call: Call, why: str) -> ClusterUnreachable:
    """Something answered, but not as an API server does."""
    return ClusterUnreachable(
        f"{call.server} gave no usable answer when asked to {call.verb} {call.what}: {why}.",
        remedy="check that the kubeconfig's server is an API server, and that no login page or proxy answers for it",
    )


def plain(text: str, limit: int = _WORDS) -> str:
    """A server's words on one line, without control characters, cut to a length that fits a message."""
    flat = " ".join(_UNPRINTABLE.sub(" ", text).split()).rstrip(".")
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def _conflict(status: Status, call: Call) -> DrsyncError:
    if status.reason == "AlreadyExists":
        return ObjectExists(f"{call.what} exists already in {call.server}.", remedy="compare, then replace or skip it")
    if any(cause.reason == "FieldManagerConflict" for cause in status.causes):
        return RequestRejected(
            f"{call.server} refused to {call.verb} {call.what}: another manager owns fields{_words(status, call)}.",
            remedy="force the apply, or leave these fields to their manager",
            status=409,
            reason="FieldManagerConflict",
        )
    return VersionChanged(
        f"{call.what} changed in {call.server} since it was read{_words(status, call)}.",
        remedy="read it again and compare",
    )


def _is_outage(code: int, status: Status, call: Call) -> bool:
    """Whether the server could not answer, as against having judged the request."""
    if code == 500:
        return call.verb in {"list", "get", "watch", "discover"} or bool(_STORAGE.search(status.message))
    return code in {408, 429} or code >= 502


def _name(code: int, status: Status) -> str:
    return f"HTTP {code} {plain(status.reason, 40)}".rstrip()


def _words(status: Status, call: Call) -> str:
    if call.secret:
        fields = ", ".join(plain(cause.field, 60) for cause in status.causes[:5] if cause.field)
        return f" (at {fields})" if fields else ""
    words = plain(status.message)
    return f" ({words})" if words else ""
