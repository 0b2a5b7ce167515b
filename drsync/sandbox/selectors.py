"""Label and field selectors of list, watch and delete-collection requests."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from drsync.model.resource import Manifest
from drsync.sandbox.answers import ApiError
from drsync.sandbox.kinds import ServedKind
from drsync.sandbox.tree import is_map

Predicate = Callable[[Manifest], bool]

_KEY = re.compile(r"(?:[a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?")
_VALUE = re.compile(r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?)?")
_REQUIREMENT = re.compile(
    r"\s*(?:(?P<absent>!\s*)?(?P<key>[^\s,!=()<>]+)\s*"
    r"(?:(?P<operator>===?|=|!=)\s*(?P<value>[^\s,!=()]*)\s*|(?P<set>in|notin)\s*\((?P<values>[^()]*)\)\s*)?)(?:,|$)"
)
_FIELD = re.compile(r"(?P<path>[A-Za-z.]+)(?P<operator>!=|==|=)(?P<value>.*)")

_OPERATORS = {"In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "absent"}

_EVERY_KIND = ("metadata.name", "metadata.namespace")
_FIELDS: Mapping[str, tuple[str, ...]] = {
    "pods": ("spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "status.phase"),
    "secrets": ("type",),
    "namespaces": ("status.phase",),
    "nodes": ("spec.unschedulable",),
    "services": ("spec.clusterIP", "spec.type"),
    "events": (
        "involvedObject.kind",
        "involvedObject.namespace",
        "involvedObject.name",
        "involvedObject.uid",
        "reason",
        "type",
    ),
    "replicasets.apps": ("status.replicas",),
    "jobs.batch": ("status.successful",),
    "certificatesigningrequests.certificates.k8s.io": ("spec.signerName",),
}


def predicate(served: ServedKind, labels: str, fields: str) -> Predicate | None:
    """What both selectors ask for; None when they ask for nothing."""
    asked = [*_label_tests(labels), *_field_tests(served, fields)]
    if not asked:
        return None
    return lambda manifest: all(test(manifest) for test in asked)


def label_selector(selector: Mapping[str, Any] | None) -> Predicate:
    """A LabelSelector as objects carry it (`matchLabels`, `matchExpressions`); none matches nothing."""
    if selector is None:
        return lambda _: False
    labels: dict[str, str] = selector.get("matchLabels") or {}
    expressions: list[dict[str, Any]] = selector.get("matchExpressions") or []
    tests = [_label_test(key, "=", {value}) for key, value in labels.items()]
    tests += [_label_test(e["key"], _OPERATORS[e["operator"]], set(e.get("values") or ())) for e in expressions]
    return lambda manifest: all(test(manifest) for test in tests)


def exact_name(fields: str) -> str | None:
    """The name, when the selector asks for one by `metadata.name` alone."""
    match = _FIELD.fullmatch(fields)
    return match["value"] if match and match["path"] == "metadata.name" and match["operator"] != "!=" else None


def _label_tests(text: str) -> list[Predicate]:
    tests: list[Predicate] = []
    position = 0
    while position < len(text):
        match = _REQUIREMENT.match(text, position)
        if match is None or match["operator"] == "===":
            raise ApiError(400, _parse_fault(text, position))
        tests.append(_requirement(match))
        position = match.end()
    return tests


def _requirement(match: re.Match[str]) -> Predicate:
    key = match["key"]
    if not _KEY.fullmatch(key):
        raise ApiError(400, f"unable to parse requirement: <nil>: Invalid value: {_quoted(key)}: not a label key")
    if match["absent"]:
        return _label_test(key, "absent", set())
    if match["set"]:
        return _label_test(key, match["set"], {value.strip() for value in match["values"].split(",")})
    if match["operator"]:
        value = match["value"]
        if not _VALUE.fullmatch(value) or len(value) > 63:
            raise ApiError(400, f"unable to parse requirement: values[0][{key}]: Invalid value: {_quoted(value)}")
        return _label_test(key, "notin" if match["operator"] == "!=" else "=", {value})
    return _label_test(key, "exists", set())


def _parse_fault(text: str, position: int) -> str:
    rest = text[position:]
    if "==" in rest:
        return "unable to parse requirement: found '=', expected: identifier"
    return f"unable to parse requirement: found {_quoted(rest[:40])}, expected: ',' or 'end of string'"


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '\\"') + '"'


def _label_test(key: str, operator: str, values: set[str]) -> Predicate:
    def test(manifest: Manifest) -> bool:
        labels: dict[str, str] = manifest["metadata"].get("labels") or {}
        present = key in labels
        match operator:
            case "exists":
                return present
            case "absent":
                return not present
            case "notin":
                return not present or labels[key] not in values
            case _:
                return present and labels[key] in values

    return test


def _field_tests(served: ServedKind, text: str) -> list[Predicate]:
    known = (*_EVERY_KIND, *_FIELDS.get(served.resource, ()))
    tests: list[Predicate] = []
    for part in filter(None, text.split(",")):
        match = _FIELD.fullmatch(part)
        if match is None:
            raise ApiError(400, f"invalid selector: '{part}'; can't understand '{part}'")
        if match["path"] not in known:
            listed = ", ".join(f'"{name}"' for name in _EVERY_KIND)
            path = match["path"]
            if served.custom:
                raise ApiError(400, f"field label not supported: {path}")
            raise ApiError(400, f'"{path}" is not a known field selector: only {listed}')
        tests.append(_field_test(match["path"].split("."), match["operator"] != "!=", match["value"]))
    return tests


def _field_test(path: list[str], wanted: bool, value: str) -> Predicate:  # noqa: FBT001
    def test(manifest: Manifest) -> bool:
        found: Any = manifest
        for part in path:
            found = found.get(part) if is_map(found) else None
        text = "" if found is None else str(found)
        return (text == value) is wanted

    return test
