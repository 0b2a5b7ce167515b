"""transforms: what is mapped, what is left alone, and what is told."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsync.model.request import RestoreRequest
from drsync.transforms.transform import build, notices, superseded
from tests.resources import corpus
from tests.resources.builders import manifest
from tests.resources.generated import manifests

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
RBAC = "rbac.authorization.k8s.io/v1"
ADMISSION = "admissionregistration.k8s.io/v1"


def request(**maps: dict[str, str]) -> RestoreRequest:
    return RestoreRequest(point="rp-1", policy="p", cluster="c", **maps)


NAMESPACES = request(namespace_map={"shop": "shop-2"})
CLASSES = request(storage_class_map={"gp3": "premium-rwo"})
BOTH = request(namespace_map={"shop": "shop-2"}, storage_class_map={"gp3": "premium-rwo"})


def service(namespace: str) -> dict[str, Any]:
    return {"name": "hook", "namespace": namespace, "port": 443}


def webhooks(namespace: str) -> dict[str, Any]:
    url = {"clientConfig": {"url": "https://shop.example.com"}}
    return manifest(
        ADMISSION,
        "MutatingWebhookConfiguration",
        webhooks=[{"name": "a", "clientConfig": {"service": service(namespace), "caBundle": "eA=="}}, url],
    )


def definition(namespace: str) -> dict[str, Any]:
    conversion = {"strategy": "Webhook", "webhook": {"clientConfig": {"service": service(namespace)}}}
    return manifest("apiextensions.k8s.io/v1", "CustomResourceDefinition", spec={"conversion": conversion})


def subjects(namespace: str) -> list[dict[str, Any]]:
    return [
        {"kind": "ServiceAccount", "name": "shop", "namespace": namespace},
        {"kind": "ServiceAccount", "name": "bot", "namespace": "other"},
        {"kind": "Group", "name": f"system:serviceaccounts:{namespace}"},
        {"kind": "User", "name": f"system:serviceaccount:{namespace}:bot"},
        {"kind": "User", "name": "shop"},
    ]


def claim(storage_class: str) -> dict[str, Any]:
    return {"metadata": {"name": "data"}, "spec": {"storageClassName": storage_class, "resources": {}}}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (manifest("v1", "Secret"), manifest("v1", "Secret", metadata={"namespace": "shop-2"})),
        (
            manifest("v1", "Namespace", metadata={"name": "shop"}),
            manifest("v1", "Namespace", metadata={"name": "shop-2"}),
        ),
        (
            manifest(RBAC, "ClusterRoleBinding", subjects=subjects("shop")),
            manifest(RBAC, "ClusterRoleBinding", subjects=subjects("shop-2")),
        ),
        (
            manifest(RBAC, "RoleBinding", subjects=subjects("shop")),
            manifest(RBAC, "RoleBinding", subjects=subjects("shop-2"), metadata={"namespace": "shop-2"}),
        ),
        (webhooks("shop"), webhooks("shop-2")),
        (definition("shop"), definition("shop-2")),
        (
            manifest("apiregistration.k8s.io/v1", "APIService", spec={"service": service("shop")}),
            manifest("apiregistration.k8s.io/v1", "APIService", spec={"service": service("shop-2")}),
        ),
        (
            manifest("v1", "PersistentVolume", spec={"claimRef": {"name": "a", "namespace": "shop"}}),
            manifest("v1", "PersistentVolume", spec={"claimRef": {"name": "a", "namespace": "shop-2"}}),
        ),
        (
            manifest("v1", "Service", metadata={"annotations": {"meta.helm.sh/release-namespace": "shop"}}),
            manifest(
                "v1",
                "Service",
                metadata={"namespace": "shop-2", "annotations": {"meta.helm.sh/release-namespace": "shop-2"}},
            ),
        ),
    ],
)
def test_namespaces_are_turned_where_kubernetes_reads_them(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert build(NAMESPACES)(before) == after


def test_free_text_and_other_names_are_left_alone() -> None:
    body = manifest(
        "v1",
        "ConfigMap",
        metadata={"name": "shop", "namespace": "other", "labels": {"namespace": "shop"}},
        data={"namespace": "shop", "url": "http://web.shop.svc"},
    )

    assert build(NAMESPACES)(body) == body


def test_maps_may_swap() -> None:
    swap = build(request(namespace_map={"a": "b", "b": "a"}))

    assert swap(manifest("v1", "Secret", metadata={"namespace": "a"}))["metadata"]["namespace"] == "b"
    assert swap(manifest("v1", "Secret", metadata={"namespace": "b"}))["metadata"]["namespace"] == "a"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            manifest("v1", "PersistentVolumeClaim", spec=claim("gp3")["spec"]),
            manifest("v1", "PersistentVolumeClaim", spec=claim("premium-rwo")["spec"]),
        ),
        (
            manifest("apps/v1", "StatefulSet", spec={"volumeClaimTemplates": [claim("gp3"), claim("other")]}),
            manifest("apps/v1", "StatefulSet", spec={"volumeClaimTemplates": [claim("premium-rwo"), claim("other")]}),
        ),
        (
            manifest("monitoring.coreos.com/v1", "Prometheus", spec={"storage": {"volumeClaimTemplate": claim("gp3")}}),
            manifest(
                "monitoring.coreos.com/v1",
                "Prometheus",
                spec={"storage": {"volumeClaimTemplate": claim("premium-rwo")}},
            ),
        ),
        (
            manifest(
                "v1",
                "PersistentVolumeClaim",
                metadata={"annotations": {"volume.beta.kubernetes.io/storage-class": "gp3", "note": "gp3"}},
            ),
            manifest(
                "v1",
                "PersistentVolumeClaim",
                metadata={"annotations": {"volume.beta.kubernetes.io/storage-class": "premium-rwo", "note": "gp3"}},
            ),
        ),
    ],
)
def test_storage_classes_are_turned_wherever_claims_are_made(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert build(CLASSES)(before) == after


def test_a_mapped_class_itself_is_not_written() -> None:
    storage_class = manifest("storage.k8s.io/v1", "StorageClass", metadata={"name": "gp3"})

    assert superseded(CLASSES, storage_class) == "Claims of this storage class get premium-rwo instead."
    assert superseded(CLASSES, manifest("v1", "Secret", metadata={"name": "gp3"})) is None
    assert superseded(NAMESPACES, storage_class) is None


def test_what_kubectl_remembers_is_turned_too() -> None:
    remembered = manifest("v1", "PersistentVolumeClaim", spec=claim("gp3")["spec"])
    body = {**remembered, "metadata": {**remembered["metadata"], "annotations": {LAST_APPLIED: json.dumps(remembered)}}}

    result = build(BOTH)(body)

    assert json.loads(result["metadata"]["annotations"][LAST_APPLIED]) == {
        **remembered,
        "metadata": {"name": "x", "namespace": "shop-2"},
        "spec": {"storageClassName": "premium-rwo", "resources": {}},
    }


@pytest.mark.parametrize("text", ["{", "[]", "7", ""])
def test_a_broken_memory_of_kubectl_stays_as_it_is(text: str) -> None:
    body = manifest("v1", "Secret", metadata={"annotations": {LAST_APPLIED: text}})

    assert build(NAMESPACES)(body)["metadata"]["annotations"] == {LAST_APPLIED: text}


@given(manifests())
def test_without_maps_nothing_changes(body: dict[str, Any]) -> None:
    assert build(request())(body) is body


@given(manifests(), st.sampled_from([NAMESPACES, CLASSES, BOTH]))
def test_the_argument_is_never_changed(body: dict[str, Any], maps: RestoreRequest) -> None:
    before = copy.deepcopy(body)

    build(maps)(body)
    notices(maps, body)

    assert body == before


@given(manifests(), st.sampled_from([NAMESPACES, CLASSES, BOTH]))
def test_turning_twice_is_turning_once(body: dict[str, Any], maps: RestoreRequest) -> None:
    once = build(maps)(body)

    assert build(maps)(once) == once


def test_real_applications_change_nothing_but_the_namespaces_that_they_name() -> None:
    for body in corpus.manifests():
        name = body["metadata"].get("namespace", "default")
        turned = build(request(namespace_map={name: "elsewhere"}))(body)
        back = build(request(namespace_map={"elsewhere": name}))(turned)
        assert back == body, body["metadata"]["name"]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (
            manifest(
                "networking.k8s.io/v1",
                "NetworkPolicy",
                spec={
                    "ingress": [
                        {"from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "shop"}}}]}
                    ]
                },
            ),
            "spec.ingress[0].from[0].namespaceSelector selects the namespace shop, which is restored as shop-2.",
        ),
        (
            manifest(
                "networking.k8s.io/v1",
                "NetworkPolicy",
                spec={
                    "namespaceSelector": {
                        "matchExpressions": [
                            {"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["a", "shop"]}
                        ]
                    }
                },
            ),
            "spec.namespaceSelector selects the namespace shop, which is restored as shop-2.",
        ),
        (
            manifest("v1", "Pod", spec={"env": [{"name": "URL", "value": "http://web.shop.svc.cluster.local:80/"}]}),
            "spec.env[0].value names the host web.shop.svc, whose namespace is restored as shop-2.",
        ),
        (
            manifest("v1", "ConfigMap", data={"app.yaml": "db: pg-0.db.shop.svc\n"}),
            'data["app.yaml"] names the host db.shop.svc, whose namespace is restored as shop-2.',
        ),
        (
            manifest("gateway.networking.k8s.io/v1", "HTTPRoute", spec={"backendRefs": [{"namespace": "shop"}]}),
            "spec.backendRefs[0].namespace names shop, which is restored as shop-2.",
        ),
        (webhooks("shop"), "The certificate behind this object's service names the service's old namespace."),
    ],
)
def test_tells_what_still_names_the_old_namespace(body: dict[str, Any], told: str) -> None:
    assert notices(NAMESPACES, body) == (told,)


@pytest.mark.parametrize(
    "body",
    [
        manifest("v1", "Secret"),
        manifest(RBAC, "RoleBinding", subjects=subjects("shop")),
        manifest("v1", "Pod", spec={"env": [{"name": "URL", "value": "http://web.other.svc"}]}),
        manifest("v1", "Pod", spec={"env": [{"name": "URL", "value": "shop"}]}),
        manifest("v1", "Pod", spec={"env": [{"name": "URL", "value": "web.shop.svcs"}]}),
        manifest("v1", "Namespace", metadata={"name": "shop"}),
    ],
)
def test_says_nothing_of_what_was_turned_or_names_nothing(body: dict[str, Any]) -> None:
    assert notices(NAMESPACES, body) == ()


def test_a_thousand_findings_in_one_object_are_cut() -> None:
    body = manifest("v1", "ConfigMap", data={str(number): "web.shop.svc" for number in range(1000)})

    assert len(notices(NAMESPACES, body)) <= 20
