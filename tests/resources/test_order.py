"""resources/order.py: every kind has a stage, and what others need comes first."""

import pytest

from drsync.resources.order import REASONS, STAGES, stage_of
from tests.resources import corpus
from tests.resources.builders import kind


def position(api_version: str, name: str) -> int:
    return STAGES.index(stage_of(kind(api_version, name)))


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (("v1", "Namespace"), ("v1", "ServiceAccount")),
        (("apiextensions.k8s.io/v1", "CustomResourceDefinition"), ("example.com/v1", "Widget")),
        (("storage.k8s.io/v1", "StorageClass"), ("v1", "PersistentVolumeClaim")),
        (("scheduling.k8s.io/v1", "PriorityClass"), ("v1", "Pod")),
        (("v1", "ServiceAccount"), ("rbac.authorization.k8s.io/v1", "RoleBinding")),
        (("rbac.authorization.k8s.io/v1", "ClusterRole"), ("apps/v1", "Deployment")),
        (("v1", "Secret"), ("apps/v1", "Deployment")),
        (("v1", "Secret"), ("cert-manager.io/v1", "Certificate")),
        (("v1", "Secret"), ("configuration.konghq.com/v1", "KongConsumer")),
        (("v1", "ConfigMap"), ("v1", "Pod")),
        (("v1", "LimitRange"), ("v1", "Pod")),
        (("v1", "PersistentVolumeClaim"), ("apps/v1", "StatefulSet")),
        (("v1", "PersistentVolumeClaim"), ("postgresql.cnpg.io/v1", "Cluster")),
        (("v1", "Service"), ("apps/v1", "Deployment")),
        (("networking.k8s.io/v1", "NetworkPolicy"), ("v1", "Pod")),
        (("resource.k8s.io/v1", "ResourceClaimTemplate"), ("v1", "Pod")),
        (("networking.istio.io/v1", "DestinationRule"), ("apps/v1", "Deployment")),
        (("apps/v1", "Deployment"), ("autoscaling/v2", "HorizontalPodAutoscaler")),
        (("apps/v1", "Deployment"), ("v1", "ResourceQuota")),
        (("apps/v1", "Deployment"), ("networking.k8s.io/v1", "Ingress")),
        (("apps/v1", "Deployment"), ("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration")),
        (("example.com/v1", "Widget"), ("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration")),
        (("apps/v1", "Deployment"), ("apiregistration.k8s.io/v1", "APIService")),
    ],
)
def test_what_is_needed_comes_first(first: tuple[str, str], then: tuple[str, str]) -> None:
    assert position(*first) < position(*then)


def test_every_stage_has_a_reason() -> None:
    assert all(REASONS[stage] for stage in STAGES)
    assert len(set(STAGES)) == len(STAGES)


def test_gateways_and_snapshots_are_custom_resources() -> None:
    assert stage_of(kind("gateway.networking.k8s.io/v1", "Gateway")) == "custom"


def test_every_kind_of_real_applications_has_a_stage() -> None:
    kinds = {(body["apiVersion"], body["kind"]) for body in corpus.manifests()}

    assert {stage_of(kind(*names)) for names in kinds} <= set(STAGES)
    assert len(kinds) > 30
