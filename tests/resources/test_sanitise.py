"""resources/sanitise.py: what an object sheds, and that nothing else changes."""

import copy
from typing import Any

import msgspec
import pytest
from hypothesis import given

from drsync.resources.sanitise import SHED_ANNOTATIONS, sanitise
from tests.resources import corpus
from tests.resources.builders import manifest, owned_by, served
from tests.resources.generated import manifests

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


@given(manifests())
def test_sanitising_twice_is_sanitising_once(body: dict[str, Any]) -> None:
    once = sanitise(body)

    assert sanitise(once) == once


@given(manifests())
def test_the_captured_object_is_never_changed(body: dict[str, Any]) -> None:
    before = copy.deepcopy(body)

    sanitise(body)

    assert body == before


@given(manifests())
def test_no_trace_of_the_source_stays_in_the_metadata(body: dict[str, Any]) -> None:
    fields = sanitise(body)["metadata"]

    shed = {"uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "generateName"}
    assert not isinstance(fields, dict) or shed.isdisjoint(fields)
    assert "status" not in sanitise(body)


@given(manifests())
def test_names_labels_owners_and_unknown_fields_survive(body: dict[str, Any]) -> None:
    result = sanitise(body)

    before, after = body["metadata"], result["metadata"]
    if isinstance(before, dict):
        for name in ("name", "namespace", "ownerReferences", "unheard-of"):
            assert after.get(name) == before.get(name)
    assert result.get("anything") == body.get("anything")


def test_real_applications_stay_as_their_authors_wrote_them() -> None:
    for body in corpus.manifests():
        if body["kind"] in ("Service", "CustomResourceDefinition", "PersistentVolumeClaim", "ClusterRole"):
            continue
        expected = {name: value for name, value in body.items() if name != "status"}
        assert sanitise(body) == expected, body["metadata"]["name"]


def test_real_applications_come_back_from_what_a_server_makes_of_them() -> None:
    for body in corpus.manifests():
        once = sanitise(served(body))
        assert once == sanitise(sanitise(served({**body, "status": {"phase": "x"}}))), body["metadata"]["name"]
        assert msgspec.json.decode(msgspec.json.encode(once)) == once


def test_owner_references_stay_to_be_relinked() -> None:
    owners = [owned_by("apps/v1", "Deployment", "web", "u-1")]
    body = manifest("v1", "Secret", metadata={"ownerReferences": owners})

    assert sanitise(served(body))["metadata"]["ownerReferences"] == owners


def test_finalizers_of_controllers_stay_and_those_of_the_control_plane_go() -> None:
    finalizers = ["example.com/cleanup", "kubernetes.io/pvc-protection", "foregroundDeletion"]
    body = manifest("v1", "PersistentVolumeClaim", metadata={"finalizers": finalizers}, spec={"a": 1})

    assert sanitise(body)["metadata"]["finalizers"] == ["example.com/cleanup"]


def test_annotations_that_controllers_write_for_themselves_go() -> None:
    body = manifest("v1", "ConfigMap", metadata={"annotations": dict.fromkeys(SHED_ANNOTATIONS, "x") | {"note": "y"}})

    assert sanitise(body)["metadata"]["annotations"] == {"note": "y"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(
            {"clusterIP": "10.0.0.7", "clusterIPs": ["10.0.0.7"], "ports": [{"port": 80, "nodePort": 31000}]},
            {"ports": [{"port": 80}]},
            id="addresses and node ports that the server allocated",
        ),
        pytest.param(
            {"clusterIP": "None", "clusterIPs": ["None"]},
            {"clusterIP": "None", "clusterIPs": ["None"]},
            id="headless stays headless",
        ),
        pytest.param(
            {"type": "LoadBalancer", "loadBalancerIP": "198.51.100.7", "healthCheckNodePort": 32000},
            {"type": "LoadBalancer"},
            id="the source's load balancer",
        ),
        pytest.param(
            {"externalIPs": ["198.51.100.7"], "loadBalancerSourceRanges": ["10.0.0.0/8"], "sessionAffinity": "None"},
            {"externalIPs": ["198.51.100.7"], "loadBalancerSourceRanges": ["10.0.0.0/8"], "sessionAffinity": "None"},
            id="what a person chose",
        ),
        pytest.param(
            {"ipFamilyPolicy": "SingleStack", "ipFamilies": ["IPv4"], "selector": {"a": "b"}},
            {"selector": {"a": "b"}},
            id="the family that the source has by default",
        ),
        pytest.param(
            {"ipFamilyPolicy": "PreferDualStack", "ipFamilies": ["IPv4", "IPv6"]},
            {"ipFamilyPolicy": "PreferDualStack", "ipFamilies": ["IPv4", "IPv6"]},
            id="families that were asked for",
        ),
        pytest.param(
            {"type": "ExternalName", "externalName": "db.example.com"},
            {"type": "ExternalName", "externalName": "db.example.com"},
            id="external name",
        ),
    ],
)
def test_services(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert sanitise(served(manifest("v1", "Service", spec=before)))["spec"] == after


def test_a_node_port_that_kubectl_applied_is_kept() -> None:
    applied = '{"spec":{"ports":[{"port":80,"nodePort":31000}],"healthCheckNodePort":32000}}'
    ports = [{"port": 80, "nodePort": 31000}, {"port": 81, "nodePort": 31001}]
    body = manifest(
        "v1",
        "Service",
        metadata={"annotations": {LAST_APPLIED: applied}},
        spec={"ports": ports, "healthCheckNodePort": 32000},
    )

    assert sanitise(served(body))["spec"] == {
        "ports": [{"port": 80, "nodePort": 31000}, {"port": 81}],
        "healthCheckNodePort": 32000,
    }


def test_a_node_port_that_a_manager_set_is_kept() -> None:
    body = served(manifest("v1", "Service", spec={"ports": [{"port": 80, "protocol": "TCP", "nodePort": 31000}]}))
    owned = {"f:spec": {"f:ports": {'k:{"port":80,"protocol":"TCP"}': {"f:nodePort": {}}}}}
    body["metadata"]["managedFields"] = [{"manager": "argocd", "operation": "Apply", "fieldsV1": owned}]

    assert sanitise(body)["spec"]["ports"][0]["nodePort"] == 31000


@pytest.mark.parametrize("applied", ["", "{", "[]", '{"spec":7}', '{"spec":{"ports":"x"}}'])
def test_a_broken_memory_of_kubectl_is_no_memory(applied: str) -> None:
    body = manifest(
        "v1",
        "Service",
        metadata={"annotations": {LAST_APPLIED: applied}},
        spec={"ports": [{"port": 80, "nodePort": 31000}]},
    )

    assert sanitise(served(body))["spec"]["ports"] == [{"port": 80}]


def test_a_claim_forgets_its_volume_and_what_it_was_made_of() -> None:
    spec = {
        "volumeName": "pvc-1",
        "dataSource": {"kind": "VolumeSnapshot", "name": "s"},
        "dataSourceRef": {"kind": "VolumeSnapshot", "name": "s"},
        "selector": {"matchLabels": {"a": "b"}},
        "storageClassName": "fast",
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "8Gi"}},
        "volumeMode": "Filesystem",
    }
    annotations = {
        "pv.kubernetes.io/bind-completed": "yes",
        "volume.kubernetes.io/selected-node": "n1",
        "volume.beta.kubernetes.io/storage-class": "fast",
    }
    body = served(manifest("v1", "PersistentVolumeClaim", metadata={"annotations": annotations}, spec=spec))

    result = sanitise(body)

    kept = ("storageClassName", "accessModes", "resources", "volumeMode")
    assert result["spec"] == {name: spec[name] for name in kept}
    assert result["metadata"]["annotations"] == {"volume.beta.kubernetes.io/storage-class": "fast"}


def test_a_claim_without_a_class_keeps_its_selector() -> None:
    spec = {"selector": {"matchLabels": {"a": "b"}}, "storageClassName": ""}

    assert sanitise(served(manifest("v1", "PersistentVolumeClaim", spec=spec)))["spec"] == spec


def test_a_pod_sheds_its_node_priority_and_token() -> None:
    token = {"name": "default-token-abc12", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}
    spec = {
        "nodeName": "n1",
        "priority": 7,
        "preemptionPolicy": "Never",
        "priorityClassName": "gold",
        "ephemeralContainers": [{"name": "debug"}],
        "volumes": [
            {"name": "default-token-abc12", "secret": {"secretName": "default-token-abc12"}},
            {"name": "mine", "secret": {"secretName": "shop-token-abc12"}},
        ],
        "containers": [{"name": "a", "volumeMounts": [token, {"name": "mine", "mountPath": "/m"}]}],
        "initContainers": [{"name": "b", "volumeMounts": [token]}],
        "tolerations": [{"key": "x"}],
    }

    assert sanitise(served(manifest("v1", "Pod", spec=spec)))["spec"] == {
        "priorityClassName": "gold",
        "volumes": [{"name": "mine", "secret": {"secretName": "shop-token-abc12"}}],
        "containers": [{"name": "a", "volumeMounts": [{"name": "mine", "mountPath": "/m"}]}],
        "initContainers": [{"name": "b"}],
        "tolerations": [{"key": "x"}],
    }


def test_a_service_account_sheds_the_tokens_made_for_it_alone() -> None:
    body = manifest(
        "v1",
        "ServiceAccount",
        secrets=[{"name": "x-token-abc12"}, {"name": "y-token-abc12"}, {"name": "mine"}],
        imagePullSecrets=[{"name": "x-dockercfg-abc12"}, {"name": "registry"}],
    )

    result = sanitise(body)

    assert result["secrets"] == [{"name": "y-token-abc12"}, {"name": "mine"}]
    assert result["imagePullSecrets"] == [{"name": "registry"}]


def test_a_token_secret_keeps_no_token() -> None:
    body = manifest(
        "v1",
        "Secret",
        type="kubernetes.io/service-account-token",
        metadata={
            "annotations": {"kubernetes.io/service-account.name": "bot", "kubernetes.io/service-account.uid": "u"}
        },
        data={"token": "dA==", "ca.crt": "Yw==", "namespace": "bg==", "mine": "bQ=="},
    )

    result = sanitise(served(body))

    assert result["data"] == {"mine": "bQ=="}
    assert result["metadata"]["annotations"] == {"kubernetes.io/service-account.name": "bot"}


def test_other_secrets_stay_to_the_byte() -> None:
    body = manifest("v1", "Secret", type="Opaque", data={"token": "dA==", "ca.crt": "Yw=="})

    assert sanitise(served(body)) == body


def test_a_job_loses_the_selector_that_was_made_for_it() -> None:
    uid = {"controller-uid": "u", "batch.kubernetes.io/controller-uid": "u"}
    spec = {
        "selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": "u"}},
        "template": {"metadata": {"labels": {**uid, "job-name": "x"}}, "spec": {}},
    }

    result = sanitise(served(manifest("batch/v1", "Job", metadata={"labels": uid}, spec=spec)))

    assert result["spec"] == {"template": {"metadata": {"labels": {"job-name": "x"}}, "spec": {}}}
    assert "labels" not in result["metadata"]


def test_a_job_with_a_selector_of_its_own_keeps_it() -> None:
    spec = {"manualSelector": True, "selector": {"matchLabels": {"controller-uid": "mine"}}}

    assert sanitise(served(manifest("batch/v1", "Job", spec=spec)))["spec"] == spec


def test_a_persistent_volume_may_be_claimed_again_by_name() -> None:
    claim = {"namespace": "shop", "name": "data", "uid": "u", "resourceVersion": "7"}
    body = served(manifest("v1", "PersistentVolume", spec={"claimRef": claim, "nfs": {"path": "/"}}))

    assert sanitise(body)["spec"]["claimRef"] == {"namespace": "shop", "name": "data"}


def test_an_old_definition_says_in_its_schema_that_it_keeps_unknown_fields() -> None:
    schema = {"openAPIV3Schema": {"type": "object"}}
    body = manifest(
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        spec={"preserveUnknownFields": True, "versions": [{"name": "v1", "schema": schema}]},
    )

    assert sanitise(body)["spec"] == {
        "preserveUnknownFields": False,
        "versions": [
            {
                "name": "v1",
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
            }
        ],
    }


@pytest.mark.parametrize(("before", "after"), [("Unknown", "None"), ("Some", "None"), ("NoneOnDryRun", "NoneOnDryRun")])
def test_webhooks_say_their_side_effects_in_words_that_are_still_known(before: str, after: str) -> None:
    body = manifest(
        "admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", webhooks=[{"sideEffects": before}]
    )

    assert sanitise(body)["webhooks"] == [{"sideEffects": after}]


def test_an_aggregated_role_gets_its_rules_from_its_parts() -> None:
    body = manifest("rbac.authorization.k8s.io/v1", "ClusterRole", aggregationRule={"a": []}, rules=[{"verbs": ["*"]}])

    assert "rules" not in sanitise(body)


def test_a_namespace_keeps_its_own_labels_and_annotations() -> None:
    labels = {"kubernetes.io/metadata.name": "x", "pod-security.kubernetes.io/enforce": "restricted"}
    annotations = {"openshift.io/sa.scc.uid-range": "1000/10"}
    body = manifest(
        "v1", "Namespace", metadata={"labels": labels, "annotations": annotations}, spec={"finalizers": ["kubernetes"]}
    )

    assert sanitise(served(body)) == {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": "x",
            "labels": {"pod-security.kubernetes.io/enforce": "restricted"},
            "annotations": annotations,
        },
    }
