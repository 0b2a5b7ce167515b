"""The server's noes: `kind: Status` bodies, worded as the real server words them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from drsync.sandbox.kinds import ServedKind

_REASONS = {400: "BadRequest", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 405: "MethodNotAllowed"}
_OPTIONS_GROUP = "meta.k8s.io"


@dataclass(frozen=True, slots=True)
class Cause:
    """One field that is wrong."""

    reason: str
    message: str
    field: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"


class ApiError(Exception):
    """One request is refused; becomes a Status."""

    def __init__(self, code: int, message: str, *, reason: str = "", details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason or _REASONS.get(code, "")
        self.details = details
        self.list_meta: Mapping[str, Any] = {}
        """The Status's own metadata; a token that goes on, after a list's revision has gone."""
        self.plain = False

    def body(self) -> dict[str, Any]:
        status: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": dict(self.list_meta),
            "status": "Failure",
            "message": str(self),
        }
        if self.reason:
            status["reason"] = self.reason
        if self.details is not None:
            status["details"] = self.details
        return {**status, "code": self.code}


def _details(served: ServedKind, name: str, *, by_kind: bool = False) -> dict[str, Any]:
    details = {"name": name} if name else {}
    if served.kind.group:
        details["group"] = served.kind.group
    return {**details, "kind": served.kind.kind if by_kind else served.kind.resource}


def not_found(served: ServedKind, name: str) -> ApiError:
    return ApiError(404, f'{served.resource} "{name}" not found', details=_details(served, name))


def no_such_resource() -> ApiError:
    return ApiError(404, "the server could not find the requested resource", details={})


def page_not_found() -> ApiError:
    """Below no group that is served; the one answer that is plain text."""
    error = ApiError(404, "404 page not found")
    error.plain = True
    return error


def method_not_allowed() -> ApiError:
    return ApiError(405, "the server does not allow this method on the requested resource", details={})


def already_exists(served: ServedKind, name: str) -> ApiError:
    message = f'{served.resource} "{name}" already exists'
    return ApiError(409, message, reason="AlreadyExists", details=_details(served, name))


def conflict(served: ServedKind, name: str, why: str) -> ApiError:
    message = f'Operation cannot be fulfilled on {served.resource} "{name}": {why}'
    return ApiError(409, message, reason="Conflict", details=_details(served, name))


def stale(served: ServedKind, name: str) -> ApiError:
    why = "the object has been modified; please apply your changes to the latest version and try again"
    return conflict(served, name, why)


def precondition(served: ServedKind, name: str, why: str) -> ApiError:
    """A delete's precondition failed: named by kind, not by resource."""
    kind = f"{served.kind.kind}.{served.kind.group}" if served.kind.group else served.kind.kind
    message = f'Operation cannot be fulfilled on {kind} "{name}": {why}'
    return ApiError(409, message, reason="Conflict", details=_details(served, name, by_kind=True))


def invalid(served: ServedKind, name: str, causes: Sequence[Cause]) -> ApiError:
    kind = f"{served.kind.kind}.{served.kind.group}" if served.kind.group else served.kind.kind
    details = _details(served, name, by_kind=True)
    return _invalid(f'{kind} "{name}" is invalid', causes, details)


def invalid_options(kind: str, causes: Sequence[Cause]) -> ApiError:
    """The query says what it may not say; `kind` is ListOptions, PatchOptions and so on."""
    details = {"group": _OPTIONS_GROUP, "kind": kind}
    return _invalid(f'{kind}.{_OPTIONS_GROUP} "" is invalid', causes, details)


def version_required(served: ServedKind, name: str) -> ApiError:
    cause = Cause("FieldValueInvalid", "Invalid value: 0: must be specified for an update", "metadata.resourceVersion")
    return _invalid(f'{served.resource} "{name}" is invalid', [cause], _details(served, name))


def _invalid(opening: str, causes: Sequence[Cause], details: Mapping[str, Any]) -> ApiError:
    said = str(causes[0]) if len(causes) == 1 else "[" + ", ".join(map(str, causes)) + "]"
    listed = [{"reason": cause.reason, "message": cause.message, "field": cause.field} for cause in causes]
    return ApiError(422, f"{opening}: {said}", reason="Invalid", details={**details, "causes": listed})


def forbidden(served: ServedKind, name: str, why: str, *, causes: Sequence[Cause] = ()) -> ApiError:
    details = _details(served, name)
    if causes:
        details["causes"] = [{"reason": c.reason, "message": c.message, "field": c.field} for c in causes]
    return ApiError(403, f'{served.resource} "{name}" is forbidden: {why}', details=details)


def terminating(served: ServedKind, name: str, namespace: str) -> ApiError:
    why = f"unable to create new content in namespace {namespace} because it is being terminated"
    cause = Cause("NamespaceTerminating", f"namespace {namespace} is being terminated", "metadata.namespace")
    return forbidden(served, name, why, causes=[cause])


def future_revision(asked: int, current: int) -> ApiError:
    cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
    message = f"Timeout: Too large resource version: {asked}, current: {current}"
    return ApiError(504, message, reason="Timeout", details={"causes": [cause], "retryAfterSeconds": 1})


def expired(message: str) -> ApiError:
    return ApiError(410, message, reason="Expired")


def unsupported(message: str) -> ApiError:
    """The media type, or something that a sandbox leaves to real servers."""
    return ApiError(415, message, reason="UnsupportedMediaType")
