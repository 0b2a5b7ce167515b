"""Names of namespaces, turned wherever Kubernetes itself reads one; never inside of free text."""

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from drsync.fields import Fields, edit, edit_each, group_and_kind, mapping, metadata, text
from drsync.model.resource import Manifest

_HELM: Final = "meta.helm.sh/release-namespace"
_ACCOUNTS: Final = re.compile(r"(?P<head>system:serviceaccounts?:)(?P<namespace>[^:]+)(?P<tail>.*)")

_CONVERSION: Final = ("spec", "conversion", "webhook", "clientConfig", "service")

Names = Mapping[str, str]


def map_namespaces(names: Names) -> Callable[[Manifest], Manifest]:
    """Turns the object's own namespace, and the namespaces that its fields name, from key to value of `names`."""
    return partial(_turn, names)


def _turn(names: Names, manifest: Manifest) -> Manifest:
    fields = metadata(manifest)
    if text(fields.get("namespace")) in names:
        manifest = edit(manifest, ("metadata",), partial(_field, names, "namespace"))
    if _HELM in mapping(fields.get("annotations")):
        # Helm refuses to upgrade what this says is another release's.
        manifest = edit(manifest, ("metadata", "annotations"), partial(_field, names, _HELM))
    rule = _RULES.get(group_and_kind(manifest))
    return rule(names, manifest) if rule else manifest


def _field(names: Names, field: str, fields: Fields) -> Fields:
    new = names.get(text(fields.get(field)))
    return fields if new is None else {**fields, field: new}


def _namespace(names: Names, manifest: Manifest) -> Manifest:
    return edit(manifest, ("metadata",), partial(_field, names, "name"))


def _at(*path: str) -> "_Rule":
    """The rule for kinds that name a namespace in one place."""
    return lambda names, manifest: edit(manifest, path, partial(_field, names, "namespace"))


def _webhooks(names: Names, manifest: Manifest) -> Manifest:
    service = partial(_field, names, "namespace")
    return edit_each(manifest, "webhooks", lambda webhook: edit(webhook, ("clientConfig", "service"), service))


def _binding(names: Names, manifest: Manifest) -> Manifest:
    return edit_each(manifest, "subjects", partial(_subject, names))


def _subject(names: Names, fields: Fields) -> Fields:
    """An account by its namespace, and the user or group that stands for accounts."""
    match = _ACCOUNTS.fullmatch(text(fields.get("name"))) if fields.get("kind") != "ServiceAccount" else None
    if match and match["namespace"] in names:
        return {**fields, "name": match["head"] + names[match["namespace"]] + match["tail"]}
    return _field(names, "namespace", fields)


_Rule = Callable[[Names, Manifest], Manifest]

_RULES: Final[dict[tuple[str, str], _Rule]] = {
    ("", "Namespace"): _namespace,
    ("", "PersistentVolume"): _at("spec", "claimRef"),
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"): _webhooks,
    ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"): _webhooks,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _at(
        "spec", "conversion", "webhook", "clientConfig", "service"
    ),
    ("apiregistration.k8s.io", "APIService"): _at("spec", "service"),
    ("networking.k8s.io", "IngressClass"): _at("spec", "parameters"),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): _binding,
    ("rbac.authorization.k8s.io", "RoleBinding"): _binding,
}
