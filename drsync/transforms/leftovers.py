"""What still names a namespace that was mapped: told to a person, never rewritten by guess."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from drsync.fields import LAST_APPLIED, Fields, Path, group_and_kind, items, mapping, mappings, spell
from drsync.model.resource import Manifest

_NAME_LABEL: Final = "kubernetes.io/metadata.name"
_HOST: Final = re.compile(r"(?<![\w-])([a-z0-9](?:[a-z0-9-]*[a-z0-9])?)\.([a-z0-9](?:[a-z0-9-]*[a-z0-9])?)\.svc\b")
_SERVED: Final = {
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"),
    ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"),
    ("apiextensions.k8s.io", "CustomResourceDefinition"),
    ("apiregistration.k8s.io", "APIService"),
}
_MOST: Final = 20
"""Of one object; a dashboard of a thousand lines is one finding, not a thousand."""


def leftovers(before: Manifest, after: Manifest, names: Mapping[str, str]) -> tuple[str, ...]:
    """One sentence for each place in `before` that names a key of `names` and is the same in `after`."""
    found = list(_walk((), before, after, names))
    kind = group_and_kind(before)
    if kind in _SERVED and after != before:
        found.append("The certificate behind this object's service names the service's old namespace.")
    return tuple(found[:_MOST])


def _walk(path: Path, before: Any, after: Any, names: Mapping[str, str]) -> Iterator[str]:
    if isinstance(before, dict):
        fields, turned = mapping(cast("object", before)), mapping(after)
        yield from _selector(path, fields, names)
        for key, value in fields.items():
            if key not in ("managedFields", LAST_APPLIED):
                yield from _walk((*path, key), value, turned.get(key), names)
    elif isinstance(before, list):
        old, new = items(cast("object", before)), items(after)
        for number, value in enumerate(old):
            yield from _walk((*path, number), value, new[number] if len(new) == len(old) else None, names)
    elif isinstance(before, str) and before == after:
        yield from _text(path, before, names)


def _selector(path: Path, fields: Fields, names: Mapping[str, str]) -> Iterator[str]:
    """A namespaceSelector by the label that carries the namespace's name."""
    if path[-1:] != ("namespaceSelector",):
        return
    named = [mapping(fields.get("matchLabels")).get(_NAME_LABEL)]
    for expression in mappings(fields.get("matchExpressions")):
        if expression.get("key") == _NAME_LABEL:
            named.extend(items(expression.get("values")))
    for name in named:
        if isinstance(name, str) and name in names:
            yield f"{spell(path)} selects the namespace {name}, which is restored as {names[name]}."


def _text(path: Path, value: str, names: Mapping[str, str]) -> Iterator[str]:
    if path[-1:] == ("namespace",) and value in names:
        yield f"{spell(path)} names {value}, which is restored as {names[value]}."
    if ".svc" not in value:
        return
    hosts = {match[0]: match[2] for match in _HOST.finditer(value)}
    for host, namespace in hosts.items():
        if namespace in names:
            yield f"{spell(path)} names the host {host}, whose namespace is restored as {names[namespace]}."
