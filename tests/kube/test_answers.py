"""Statuses become errors by what the caller can do, in words that hold no secret."""

import json

import pytest

from drsync.errors import (
    ClusterUnreachable,
    ObjectExists,
    PermissionDenied,
    RequestRejected,
    RevisionGone,
    VersionChanged,
)
from drsync.kube.answers import Answer, Call, error_of, plain

RBAC = 'configmaps is forbidden: User "bob" cannot create resource "configmaps" in API group "" in the namespace "shop"'


def failed(code, *, reason="", message="", verb="create", secret=False, causes=()):
    status = {"kind": "Status", "reason": reason, "message": message, "details": {"causes": list(causes)}}
    call = Call(verb=verb, what="configmaps shop/settings", server="https://k:6443", secret=secret)
    return error_of(Answer(code, json.dumps(status).encode(), {}), call)


@pytest.mark.parametrize(
    ("code", "reason", "message", "error"),
    [
        (401, "Unauthorized", "Unauthorized", PermissionDenied),
        (403, "Forbidden", RBAC, PermissionDenied),
        (403, "Forbidden", 'pods "x" is forbidden: exceeded quota: small', RequestRejected),
        (403, "Forbidden", 'pods "x" is forbidden: no PriorityClass with name none was found', RequestRejected),
        (
            403,
            "Forbidden",
            "unable to create new content in namespace shop because it is being terminated",
            RequestRejected,
        ),
        (404, "NotFound", 'namespaces "shop" not found', RequestRejected),
        (409, "AlreadyExists", "", ObjectExists),
        (409, "Conflict", "the object has been modified", VersionChanged),
        (410, "Expired", "", RevisionGone),
        (422, "Invalid", "spec.clusterIP: in use", RequestRejected),
        (429, "TooManyRequests", "", ClusterUnreachable),
        (500, "InternalError", "failed calling webhook", RequestRejected),
        (500, "InternalError", "failed calling webhook: connection refused", RequestRejected),
        (500, "InternalError", "etcdserver: leader changed", ClusterUnreachable),
        (503, "ServiceUnavailable", "", ClusterUnreachable),
        (504, "Timeout", "", ClusterUnreachable),
    ],
)
def test_a_status_becomes_the_error_that_says_what_can_be_done(code, reason, message, error):
    assert type(failed(code, reason=reason, message=message)) is error


def test_a_500_on_a_read_is_an_outage():
    assert isinstance(failed(500, verb="list", message="conversion webhook failed"), ClusterUnreachable)


def test_a_403_on_a_read_is_always_about_rights():
    assert isinstance(failed(403, verb="list", message="decision made by a webhook"), PermissionDenied)


def test_a_403_from_something_that_is_no_api_server_is_about_rights():
    call = Call(verb="create", what="configmaps", server="https://k")
    assert isinstance(error_of(Answer(403, b"<html>", {}), call), PermissionDenied)


def test_an_apply_conflict_is_told_apart_from_a_changed_version():
    error = failed(409, reason="Conflict", message="owned by argocd", causes=[{"reason": "FieldManagerConflict"}])

    assert isinstance(error, RequestRejected)
    assert error.reason == "FieldManagerConflict"


@pytest.mark.parametrize("code", [400, 401, 403, 404, 409, 410, 422, 500, 503])
def test_the_servers_words_about_a_secret_are_not_repeated(code):
    error = failed(code, message='data[k]: Invalid value: "hunter2"', secret=True, causes=[{"field": "data[k]"}])

    assert "hunter2" not in str(error)


def test_a_rejected_secret_is_told_by_its_fields():
    error = failed(422, secret=True, causes=[{"field": "data[k]", "message": "hunter2"}])

    assert "(at data[k])" in error.problem


def test_a_rejection_keeps_status_and_reason_for_reports():
    error = failed(422, reason="Invalid", message="spec.x: required")

    assert (error.status, error.reason) == (422, "Invalid")
    assert "configmaps shop/settings" in error.problem
    assert "spec.x: required" in error.problem


def test_a_servers_words_stay_on_one_line_of_bounded_length():
    assert plain("a\x1b[31m\nb\x00") == "a [31m b"
    assert len(plain("x" * 10_000)) == 300
