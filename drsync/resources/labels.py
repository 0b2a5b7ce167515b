"""Kubernetes label selectors: read from text or from a manifest, matched, and printed."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from drsync.errors import UserError
from drsync.fields import items, mapping
from drsync.model.policy import LabelRequirement, LabelSelector

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
_KEY = re.compile(rf"(?:(?=[^/]{{1,253}}/)[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?/)?{_NAME}", re.ASCII)
_VALUE = re.compile(rf"(?:{_NAME})?", re.ASCII)
_SET = re.compile(r"(?P<key>\S+)\s+(?P<operator>in|notin)\s*\((?P<values>[^()]*)\)")
_EQUAL = re.compile(r"(?P<key>[^=!\s]+)\s*(?P<operator>==|!=|=)\s*(?P<value>.*)")
_OPERATORS = {"in": "In", "notin": "NotIn", "=": "In", "==": "In", "!=": "NotIn"}
_LONGEST = 4_096
"""Far more than any selector that means something, and little to scan."""


def parse_selector(text: str) -> LabelSelector:
    """`a=b,c!=d,e in (x,y),f notin (z),g,!h`, as kubectl reads it. Raises UserError."""
    if not text.strip():
        return ()
    if len(text) > _LONGEST:
        raise _refused(text[:40] + "…", f"is longer than {_LONGEST} characters")
    return tuple(_requirement(part.strip(), text) for part in _split(text))


def selector_of(structure: Mapping[str, Any]) -> LabelSelector:
    """From `matchLabels` and `matchExpressions`, as in a manifest. Raises UserError."""
    text = "this matchLabels/matchExpressions"
    labels, expressions = structure.get("matchLabels"), structure.get("matchExpressions")
    if not isinstance(labels, dict | None) or not isinstance(expressions, list | None):
        raise _refused(text, "must be a mapping and a list")
    found = [_checked(key, "In", (value,), text) for key, value in mapping(labels).items()]
    for expression in items(expressions):
        if not isinstance(expression, dict):
            raise _refused(text, "holds an expression that is no mapping")
        found.append(_expression(mapping(expression), text))
    return tuple(found)


def matches(selector: LabelSelector, labels: Mapping[str, str]) -> bool:
    """Whether every requirement holds; the empty selector matches everything."""
    return all(_holds(requirement, labels) for requirement in selector)


def print_selector(selector: LabelSelector) -> str:
    """The text that `parse_selector` reads back, and that an API server takes."""
    return ",".join(_print(requirement) for requirement in selector)


def _split(text: str) -> list[str]:
    """At commas outside of parentheses."""
    parts = [""]
    inside = False
    for character in text:
        if character == "," and not inside:
            parts.append("")
            continue
        inside = character == "(" or (inside and character != ")")
        parts[-1] += character
    return parts


def _requirement(part: str, text: str) -> LabelRequirement:
    if match := _SET.fullmatch(part):
        values = tuple(value.strip() for value in match["values"].split(","))
        return _checked(match["key"], _OPERATORS[match["operator"]], values, text)
    if match := _EQUAL.fullmatch(part):
        return _checked(match["key"], _OPERATORS[match["operator"]], (match["value"].strip(),), text)
    if part.startswith("!"):
        return _checked(part[1:].strip(), "DoesNotExist", (), text)
    return _checked(part, "Exists", (), text)


def _expression(expression: Mapping[str, Any], text: str) -> LabelRequirement:
    operator: Any = expression.get("operator")
    given: Any = expression.get("values")
    if not isinstance(given, list | None):
        raise _refused(text, "holds `values` that are no list")
    values = items(given)
    if operator in ("In", "NotIn"):
        if not values:
            raise _refused(text, f"says {operator} and gives no values")
    elif operator not in ("Exists", "DoesNotExist"):
        raise _refused(text, f"has the operator {operator!r}")
    elif values:
        raise _refused(text, f"says {operator} and gives values")
    return _checked(expression.get("key"), operator, tuple(values), text)


def _checked(key: Any, operator: str, values: Sequence[Any], text: str) -> LabelRequirement:
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise _refused(text, f"asks for {key!r}, which is no label key")
    for value in values:
        if not isinstance(value, str) or not _VALUE.fullmatch(value):
            raise _refused(text, f"asks for {value!r}, which is no label value")
    return LabelRequirement(key=key, operator=operator, values=tuple(values))


def _holds(requirement: LabelRequirement, labels: Mapping[str, str]) -> bool:
    present = requirement.key in labels
    match requirement.operator:
        case "In":
            return present and labels[requirement.key] in requirement.values
        case "NotIn":
            return not present or labels[requirement.key] not in requirement.values
        case "Exists":
            return present
        case "DoesNotExist":
            return not present
        case operator:
            raise AssertionError(operator)


def _print(requirement: LabelRequirement) -> str:
    match requirement.operator:
        case "Exists":
            return requirement.key
        case "DoesNotExist":
            return f"!{requirement.key}"
        case "In" if len(requirement.values) == 1:
            return f"{requirement.key}={requirement.values[0]}"
        case operator:
            return f"{requirement.key} {operator.lower()} ({','.join(requirement.values)})"


def _refused(text: str, why: str) -> UserError:
    return UserError(
        f"The label selector {text!r} {why}.", remedy="write it as kubectl takes it: app=shop,tier in (a,b),!old"
    )
