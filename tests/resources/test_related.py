"""resources/related.py: cluster-scoped objects that the selected ones cannot do without."""

from typing import Any

import pytest

from drsync.resources.related import referenced
from tests.resources.builders import manifest, observed

CLUSTER = [
    observed(manifest(api_version, kind, metadata={"name": name, **metadata}, **parts))
    for api_version, kind, name, metadata, parts in [
        ("v1", "Namespace", "shop", {}, {}),
        ("v1", "Namespace", "other", {}, {}),
        ("v1", "PersistentVolume", "pv-1", {}, {"spec": {"storageClassName": "slow"}}),
        ("v1", "PersistentVolume", "pv-2", {}, {"spec": {"storageClassName": "fast"}}),
        ("storage.k8s.io/v1", "StorageClass", "fast", {}, {}),
        ("storage.k8s.io/v1", "StorageClass", "slow", {}, {}),
        ("scheduling.k8s.io/v1", "PriorityClass", "gold", {}, {}),
        ("node.k8s.io/v1", "RuntimeClass", "gvisor", {}, {}),
        ("networking.k8s.io/v1", "IngressClass", "kong", {}, {}),
        ("gateway.networking.k8s.io/v1", "GatewayClass", "mesh", {}, {}),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition", "widgets.example.com", {}, {}),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition", "gadgets.example.com", {}, {}),
        ("rbac.authorization.k8s.io/v1", "ClusterRole", "reader", {"labels": {"part": "of-all"}}, {}),
        ("rbac.authorization.k8s.io/v1", "ClusterRole", "writer", {}, {}),
        (
            "rbac.authorization.k8s.io/v1",
            "ClusterRole",
            "all",
            {},
            {"aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"part": "of-all"}}]}},
        ),
        (
            "rbac.authorization.k8s.io/v1",
            "ClusterRoleBinding",
            "shop-all",
            {},
            {
                "roleRef": {"kind": "ClusterRole", "name": "all"},
                "subjects": [{"kind": "ServiceAccount", "name": "x", "namespace": "shop"}],
            },
        ),
        (
            "rbac.authorization.k8s.io/v1",
            "ClusterRoleBinding",
            "others",
            {},
            {
                "roleRef": {"kind": "ClusterRole", "name": "writer"},
                "subjects": [{"kind": "ServiceAccount", "name": "x", "namespace": "other"}],
            },
        ),
    ]
]


def kept(
    *objects: dict[str, Any], mode: str = "referenced", include: tuple[str, ...] = (), rbac: str = "exclude"
) -> set[str]:
    found = referenced([observed(it) for it in objects], CLUSTER, mode, include=include, rbac=rbac)
    return {str(item.id) for item in found} - {"namespaces shop"}


@pytest.mark.parametrize(
    ("item", "names"),
    [
        (
            manifest("v1", "PersistentVolumeClaim", spec={"volumeName": "pv-1", "storageClassName": "fast"}),
            {"persistentvolumes pv-1", "storageclasses.storage.k8s.io fast", "storageclasses.storage.k8s.io slow"},
        ),
        (
            manifest(
                "v1",
                "PersistentVolumeClaim",
                metadata={"annotations": {"volume.beta.kubernetes.io/storage-class": "slow"}},
            ),
            {"storageclasses.storage.k8s.io slow"},
        ),
        (
            manifest(
                "apps/v1",
                "Deployment",
                spec={"template": {"spec": {"priorityClassName": "gold", "runtimeClassName": "gvisor"}}},
            ),
            {"priorityclasses.scheduling.k8s.io gold", "runtimeclasses.node.k8s.io gvisor"},
        ),
        (
            manifest("apps/v1", "StatefulSet", spec={"volumeClaimTemplates": [{"spec": {"storageClassName": "fast"}}]}),
            {"storageclasses.storage.k8s.io fast"},
        ),
        (
            manifest("networking.k8s.io/v1", "Ingress", spec={"ingressClassName": "kong"}),
            {"ingressclasses.networking.k8s.io kong"},
        ),
        (
            manifest(
                "networking.k8s.io/v1", "Ingress", metadata={"annotations": {"kubernetes.io/ingress.class": "kong"}}
            ),
            {"ingressclasses.networking.k8s.io kong"},
        ),
        (
            manifest("example.com/v1", "Widget", spec={"storage": {"storageClassName": "fast"}}),
            {
                "customresourcedefinitions.apiextensions.k8s.io widgets.example.com",
                "storageclasses.storage.k8s.io fast",
            },
        ),
        (
            manifest("gateway.networking.k8s.io/v1", "Gateway", spec={"gatewayClassName": "mesh"}),
            {"gatewayclasses.gateway.networking.k8s.io mesh"},
        ),
        (manifest("v1", "ConfigMap", data={"a": '{"storageClassName": "fast"}'}), set()),
    ],
)
def test_keeps_what_an_object_names(item: dict[str, Any], names: set[str]) -> None:
    assert kept(item) == names


def test_keeps_the_namespaces_of_the_objects_in_every_mode() -> None:
    found = referenced([observed(manifest("v1", "Secret"))], CLUSTER, "none")

    assert [str(item.id) for item in found] == ["namespaces shop"]


def test_an_empty_namespace_is_kept_when_it_is_among_the_objects() -> None:
    found = referenced([CLUSTER[1]], CLUSTER, "none")

    assert [item.name for item in found] == ["other"]


def test_includes_kinds_whole() -> None:
    assert kept(mode="none", include=("storageclasses",)) == {
        "storageclasses.storage.k8s.io fast",
        "storageclasses.storage.k8s.io slow",
    }


def test_roles_are_kept_only_when_rbac_is_included() -> None:
    assert kept(manifest("v1", "Secret")) == set()


def test_keeps_the_cluster_roles_that_are_bound_for_the_namespaces() -> None:
    assert kept(manifest("v1", "Secret"), rbac="include") == {
        "clusterrolebindings.rbac.authorization.k8s.io shop-all",
        "clusterroles.rbac.authorization.k8s.io all",
        "clusterroles.rbac.authorization.k8s.io reader",
    }


def test_keeps_the_cluster_role_that_a_role_binding_names() -> None:
    binding = manifest(
        "rbac.authorization.k8s.io/v1", "RoleBinding", roleRef={"kind": "ClusterRole", "name": "writer"}, subjects=[]
    )

    assert "clusterroles.rbac.authorization.k8s.io writer" in kept(binding, rbac="include")
