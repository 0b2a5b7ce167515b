"""What a full API server refuses on admission; a sandbox need not.

A restore meets all of these, and each is about one object, never about rights.
"""

import pytest

from drsync.errors import RequestRejected
from tests.conformance.objects import CONFIG_MAPS, DEPLOYMENTS, PODS, body, deployment, encode, kind
from tests.conformance.server import OnServer, until
from tests.conformance.writing import rejected

QUOTAS = kind("", "v1", "resourcequotas", "ResourceQuota")
SERVICES = kind("", "v1", "services", "Service")
WEBHOOKS = kind(
    "admissionregistration.k8s.io",
    "v1",
    "validatingwebhookconfigurations",
    "ValidatingWebhookConfiguration",
    namespaced=False,
)


def pod(name, **spec):
    return body(PODS, name, spec={"containers": [{"name": "main", "image": "example.com/app:1"}], **spec})


class AdmissionConformance(OnServer):
    def test_apply_refuses_what_create_accepts(self, client, namespace):
        twice = deployment("web", env=[{"name": "A", "value": "1"}, {"name": "A", "value": "2"}])

        client.create(DEPLOYMENTS, namespace, encode(twice))
        assert rejected(client.apply, DEPLOYMENTS, namespace, "web", encode(twice), force=True)[0] == 500

    def test_a_quota_refuses_with_403(self, client, namespace, make):
        make(QUOTAS, "small", spec={"hard": {"count/configmaps": "0"}})

        def refused():
            try:
                client.create(CONFIG_MAPS, namespace, encode(body(CONFIG_MAPS, "a")), dry_run=True)
            except RequestRejected as error:
                return (error.status, error.reason)
            return None

        assert until(refused, "the quota counts") == (403, "Forbidden")

    def test_an_unknown_priority_class_is_403(self, client, namespace):
        assert rejected(client.create, PODS, namespace, encode(pod("p", priorityClassName="absent"))) == (
            403,
            "Forbidden",
        )

    def test_a_priority_without_its_class_is_403(self, client, namespace):
        assert rejected(client.create, PODS, namespace, encode(pod("p", priority=7))) == (403, "Forbidden")

    def test_a_cluster_ip_is_taken_once(self, client, namespace, make):
        ports = [{"port": 80}]
        made = make(SERVICES, "a", spec={"ports": ports, "clusterIP": "10.96.77.7"})

        assert made.name == "a"
        assert rejected(make, SERVICES, "b", spec={"ports": ports, "clusterIP": "10.96.77.7"}) == (422, "Invalid")
        client.delete(SERVICES, namespace, "a")

    @pytest.mark.parametrize("dry_run", [False, True])
    def test_a_webhook_that_nobody_answers_refuses_with_500(self, client, namespace, dry_run):
        rule = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"], "operations": ["CREATE"]}
        hook = {
            "name": "absent.example.com",
            "rules": [rule],
            "clientConfig": {"url": "https://127.0.0.1:1/"},
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "failurePolicy": "Fail",
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        }
        client.create(WEBHOOKS, "", encode(body(WEBHOOKS, namespace, webhooks=[hook])))

        def refused():
            try:
                client.create(CONFIG_MAPS, namespace, encode(body(CONFIG_MAPS, "a")), dry_run=dry_run)
            except RequestRejected as error:
                return (error.status, "absent.example.com" in error.problem)
            client.delete(CONFIG_MAPS, namespace, "a")
            return None

        try:
            assert until(refused, "the webhook is in force") == (500, True)
        finally:
            client.delete(WEBHOOKS, "", namespace)
