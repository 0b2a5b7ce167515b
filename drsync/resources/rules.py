"""What each kind sheds beside its metadata and its status.

A rule gets a manifest that it may not change and returns another. It runs before the metadata are
cleaned, since what a person chose can be told from what the server allocated only while
`managedFields` are there. A manifest without a uid was not given by a server: nothing in it is allocated.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

from drsync.fields import (
    Fields,
    changed,
    edit,
    edit_each,
    items,
    last_applied,
    mapping,
    mappings,
    metadata,
    text,
    without,
)
from drsync.model.resource import Manifest

TOKEN_SECRET: Final = "kubernetes.io/service-account-token"  # noqa: S105 - the name of a type
_UID_LABELS: Final = ("controller-uid", "batch.kubernetes.io/controller-uid")
_TOKEN: Final = r"-token-[a-z0-9]{5}"  # noqa: S105 - the shape of a name


def made_for(secret: str, account: str) -> bool:
    """Whether a Secret's name is one that the control plane makes up for an account's token."""
    return re.fullmatch(re.escape(account) + _TOKEN, secret) is not None


def _service(manifest: Manifest) -> Manifest:
    return edit(manifest, ("spec",), lambda spec: _service_spec(spec, manifest))


def _service_spec(spec: Fields, manifest: Manifest) -> Fields:
    # An address of the source's network; asked for elsewhere, the Service would stay pending.
    spec = without(spec, ("loadBalancerIP",))
    if spec.get("clusterIP") != "None":
        spec = without(spec, ("clusterIP", "clusterIPs"))
    if "uid" not in metadata(manifest):
        return spec
    applied = mapping(last_applied(manifest).get("spec"))
    owned = list(_owned(manifest))
    if not applied.get("healthCheckNodePort") and not any("f:healthCheckNodePort" in fields for fields in owned):
        spec = without(spec, ("healthCheckNodePort",))
    if spec.get("ipFamilyPolicy") == "SingleStack" and not _chosen_family(applied, owned):
        # The source's own default; a cluster of the other family would refuse it.
        spec = without(spec, ("ipFamilyPolicy", "ipFamilies"))
    chosen = [port["nodePort"] for port in mappings(applied.get("ports")) if port.get("nodePort")]
    ports = [port for fields in owned for port in mapping(fields.get("f:ports")).items()]
    keys = {key for key, port in ports if "f:nodePort" in mapping(port)}
    return edit_each(spec, "ports", lambda port: _port(port, chosen, keys))


def _port(port: Fields, chosen: list[Any], keys: set[str]) -> Fields:
    key = msgspec.json.encode({"port": port.get("port"), "protocol": port.get("protocol", "TCP")}).decode()
    if port.get("nodePort") in chosen or f"k:{key}" in keys:
        return port
    return without(port, ("nodePort",))


def _chosen_family(applied: Fields, owned: list[Fields]) -> bool:
    names = ("ipFamilyPolicy", "ipFamilies")
    return any(name in applied for name in names) or any(f"f:{name}" in fields for fields in owned for name in names)


def _owned(manifest: Manifest) -> Iterator[Fields]:
    """The fields of `spec` that each manager has set."""
    for entry in mappings(metadata(manifest).get("managedFields")):
        yield mapping(mapping(entry.get("fieldsV1")).get("f:spec"))


def _claim(manifest: Manifest) -> Manifest:
    """A claim gets a new volume, and its data from the point, whatever it was first made of."""
    annotated = "volume.beta.kubernetes.io/storage-class" in mapping(metadata(manifest).get("annotations"))

    def spec(fields: Fields) -> Fields:
        fields = without(fields, ("volumeName", "dataSource", "dataSourceRef"))
        # Provisioners refuse a selector; it could only have matched a volume of the source.
        return without(fields, ("selector",)) if fields.get("storageClassName") or annotated else fields

    return edit(manifest, ("spec",), spec)


def _volume(manifest: Manifest) -> Manifest:
    return edit(manifest, ("spec", "claimRef"), lambda ref: without(ref, ("uid", "resourceVersion")))


def _pod(manifest: Manifest) -> Manifest:
    return edit(manifest, ("spec",), _pod_spec)


def _pod_spec(spec: Fields) -> Fields:
    # Priority and preemption are worked out from the class; the server refuses any other value.
    # Ephemeral containers cannot be there at birth.
    spec = without(spec, ("nodeName", "priority", "preemptionPolicy", "ephemeralContainers"))
    account = text(spec.get("serviceAccountName")) or "default"
    tokens = {
        text(volume.get("name"))
        for volume in mappings(spec.get("volumes"))
        if made_for(text(mapping(volume.get("secret")).get("secretName")), account)
    }
    if not tokens:
        return spec
    spec = _keep(spec, "volumes", lambda volume: volume.get("name") not in tokens)
    for containers in ("containers", "initContainers"):
        spec = edit_each(
            spec, containers, lambda box: _keep(box, "volumeMounts", lambda mount: mount.get("name") not in tokens)
        )
    return spec


def _account(manifest: Manifest) -> Manifest:
    name = text(metadata(manifest).get("name"))

    def kept(reference: Fields) -> bool:
        secret = text(reference.get("name"))
        return not made_for(secret, name) and not re.fullmatch(re.escape(name) + r"-dockercfg-[a-z0-9]{5}", secret)

    return _keep(_keep(manifest, "secrets", kept), "imagePullSecrets", kept)


def _secret(manifest: Manifest) -> Manifest:
    """The control plane fills a token Secret that a person made; the source's token is of no use."""
    if manifest.get("type") != TOKEN_SECRET:
        return manifest
    manifest = edit(manifest, ("data",), lambda data: without(data, ("token", "ca.crt", "namespace")))
    legacy = ("kubernetes.io/legacy-token-last-used", "kubernetes.io/legacy-token-invalid-since")
    return edit(manifest, ("metadata", "labels"), lambda labels: without(labels, legacy))


def _job(manifest: Manifest) -> Manifest:
    if mapping(manifest.get("spec")).get("manualSelector") is True:
        return manifest
    labels = (("metadata", "labels"), ("spec", "selector", "matchLabels"), ("spec", "template", "metadata", "labels"))
    for path in labels:
        manifest = edit(manifest, path, lambda fields: without(fields, _UID_LABELS))
    return manifest


def _stateful_set(manifest: Manifest) -> Manifest:
    def spec(fields: Fields) -> Fields:
        return edit_each(fields, "volumeClaimTemplates", lambda template: without(template, ("status",)))

    return edit(manifest, ("spec",), spec)


def _definition(manifest: Manifest) -> Manifest:
    """`preserveUnknownFields: true` cannot be created any more; the schema says the same."""
    spec = mapping(manifest.get("spec"))
    if spec.get("preserveUnknownFields") is not True:
        return manifest

    def version(fields: Fields) -> Fields:
        schema = mapping(mapping(fields.get("schema")).get("openAPIV3Schema"))
        return {**fields, "schema": {"openAPIV3Schema": {**schema, "x-kubernetes-preserve-unknown-fields": True}}}

    return {**manifest, "spec": edit_each({**spec, "preserveUnknownFields": False}, "versions", version)}


def _webhooks(manifest: Manifest) -> Manifest:
    """Two values that only the beta knew; an object that was made then still has them."""

    def webhook(fields: Fields) -> Fields:
        return {**fields, "sideEffects": "None"} if fields.get("sideEffects") in ("Unknown", "Some") else fields

    return edit_each(manifest, "webhooks", webhook)


def _cluster_role(manifest: Manifest) -> Manifest:
    """A controller fills in the rules of an aggregated role."""
    return without(manifest, ("rules",)) if manifest.get("aggregationRule") else manifest


def _namespace(manifest: Manifest) -> Manifest:
    # The server itself writes both: the label follows the name, the finalizer empties it on deletion.
    manifest = edit(manifest, ("spec",), lambda spec: without(spec, ("finalizers",)))
    return edit(manifest, ("metadata", "labels"), lambda labels: without(labels, ("kubernetes.io/metadata.name",)))


def _keep(fields: Fields, name: str, wanted: Callable[[Fields], bool]) -> Fields:
    before = items(fields.get(name))
    unwanted = [item for item in mappings(before) if not wanted(item)]
    after = [item for item in before if not any(item is other for other in unwanted)]
    return fields if len(after) == len(before) else changed(fields, name, after)


RULES: Final[dict[tuple[str, str], Callable[[Manifest], Manifest]]] = {
    ("", "Namespace"): _namespace,
    ("", "PersistentVolume"): _volume,
    ("", "PersistentVolumeClaim"): _claim,
    ("", "Pod"): _pod,
    ("", "Secret"): _secret,
    ("", "Service"): _service,
    ("", "ServiceAccount"): _account,
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"): _webhooks,
    ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"): _webhooks,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _definition,
    ("apps", "StatefulSet"): _stateful_set,
    ("batch", "Job"): _job,
    ("rbac.authorization.k8s.io", "ClusterRole"): _cluster_role,
}
"""(group, kind) → its rule; every other kind sheds only metadata and status."""
