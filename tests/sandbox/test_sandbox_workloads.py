"""Workloads that become ready, and what they leave behind."""

import pytest

from tests.sandbox.conftest import MERGE
from tests.sandbox.test_sandbox_apply import DEPLOYMENTS, deployment

APPS = "/apis/apps/v1/namespaces/app"
PODS = "/api/v1/namespaces/app/pods"


def template(name: str, **spec):
    return {
        "metadata": {"labels": {"app": name}},
        "spec": {"containers": [{"name": "c", "image": "i:1"}], **spec},
    }


def stateful_set(replicas: int = 2):
    claims = {
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    selector = {"matchLabels": {"app": "db"}}
    return {
        "metadata": {"name": "db"},
        "spec": {
            "replicas": replicas,
            "serviceName": "db",
            "selector": selector,
            "template": template("db"),
            "volumeClaimTemplates": [claims],
        },
    }


def ready(call, path, wanted):
    return call.until(path, lambda answer: answer.body["status"].get("readyReplicas", 0) == wanted).body


def test_a_deployment_becomes_ready(call, configmaps) -> None:
    call.create(DEPLOYMENTS, deployment(replicas=3))

    found = ready(call, f"{DEPLOYMENTS}/web", 3)

    conditions = {one["type"]: one["status"] for one in found["status"]["conditions"]}
    assert conditions == {"Available": "True", "Progressing": "True"}
    assert found["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "1"
    (replica_set,) = call.get(f"{APPS}/replicasets")["items"]
    assert replica_set["metadata"]["ownerReferences"][0]["uid"] == found["metadata"]["uid"]
    pods = call.get(PODS)["items"]
    assert {pod["metadata"]["ownerReferences"][0]["uid"] for pod in pods} == {replica_set["metadata"]["uid"]}
    assert {pod["status"]["phase"] for pod in pods} == {"Running"}


def test_a_new_image_makes_a_new_replica_set(call, configmaps) -> None:
    call.create(DEPLOYMENTS, deployment(replicas=2))
    ready(call, f"{DEPLOYMENTS}/web", 2)

    body = call.get(f"{DEPLOYMENTS}/web")
    body["spec"]["template"]["spec"]["containers"][0]["image"] = "web:2"
    call("PUT", f"{DEPLOYMENTS}/web", body)
    call.until(
        PODS,
        lambda answer: [pod["spec"]["containers"][0]["image"] for pod in answer.body["items"]] == ["web:2"] * 2,
    )

    assert sorted(one["spec"]["replicas"] for one in call.get(f"{APPS}/replicasets")["items"]) == [0, 2]


def test_a_restored_replica_set_is_taken_over_and_not_doubled(call, configmaps) -> None:
    """As after a restore that brings the ReplicaSet back without its owner."""
    call.create(DEPLOYMENTS, deployment(replicas=1))
    ready(call, f"{DEPLOYMENTS}/web", 1)
    (kept,) = call.get(f"{APPS}/replicasets")["items"]
    call("DELETE", f"{DEPLOYMENTS}/web", {"propagationPolicy": "Orphan"})
    call.until_gone(f"{DEPLOYMENTS}/web")

    made = call.create(DEPLOYMENTS, deployment(replicas=1))
    ready(call, f"{DEPLOYMENTS}/web", 1)

    (found,) = call.get(f"{APPS}/replicasets")["items"]
    assert found["metadata"]["uid"] == kept["metadata"]["uid"]
    assert found["metadata"]["ownerReferences"][0]["uid"] == made["metadata"]["uid"]


def test_scaling_down_ends_pods(call, configmaps) -> None:
    call.create(DEPLOYMENTS, deployment(replicas=3))
    ready(call, f"{DEPLOYMENTS}/web", 3)

    call("PATCH", f"{DEPLOYMENTS}/web", {"spec": {"replicas": 0}}, type=MERGE)

    call.until(PODS, lambda answer: answer.body["items"] == [])


def test_deleting_a_deployment_takes_all_of_it(call, configmaps) -> None:
    call.create(DEPLOYMENTS, deployment(replicas=2))
    ready(call, f"{DEPLOYMENTS}/web", 2)

    call("DELETE", f"{DEPLOYMENTS}/web")

    call.until(PODS, lambda answer: answer.body["items"] == [])
    call.until(f"{APPS}/replicasets", lambda answer: answer.body["items"] == [])


def test_a_stateful_set_has_numbered_pods_with_claims_that_outlive_it(call, configmaps) -> None:
    call.create(f"{APPS}/statefulsets", stateful_set())
    ready(call, f"{APPS}/statefulsets/db", 2)

    names = call.names(PODS)
    call("DELETE", f"{APPS}/statefulsets/db")
    call.until(PODS, lambda answer: answer.body["items"] == [])

    assert names == ["db-0", "db-1"]
    assert call.names("/api/v1/namespaces/app/persistentvolumeclaims") == ["data-db-0", "data-db-1"]
    call.until(f"{APPS}/controllerrevisions", lambda answer: answer.body["items"] == [])


def test_a_stateful_set_uses_the_claim_that_is_there(call, configmaps) -> None:
    """As after a restore, which brings claims back before their sets."""
    claims = "/api/v1/namespaces/app/persistentvolumeclaims"
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    kept = call.create(claims, {"metadata": {"name": "data-db-0"}, "spec": spec})

    call.create(f"{APPS}/statefulsets", stateful_set(1))
    ready(call, f"{APPS}/statefulsets/db", 1)

    assert call.get(f"{claims}/data-db-0")["metadata"]["uid"] == kept["metadata"]["uid"]


def test_a_daemon_set_has_one_pod_on_the_one_node(call, configmaps) -> None:
    body = {"metadata": {"name": "d"}, "spec": {"selector": {"matchLabels": {"app": "d"}}, "template": template("d")}}
    call.create(f"{APPS}/daemonsets", body)

    call.until(f"{APPS}/daemonsets/d", lambda answer: answer.body["status"].get("numberReady") == 1)

    assert len(call.get(PODS)["items"]) == 1


def test_a_job_completes(call, configmaps) -> None:
    path = "/apis/batch/v1/namespaces/app/jobs"
    call.create(path, {"metadata": {"name": "j"}, "spec": {"template": template("j", restartPolicy="Never")}})

    found = call.until(f"{path}/j", lambda answer: answer.body["status"].get("succeeded") == 1).body

    assert found["status"]["conditions"][0]["type"] == "Complete"
    assert call.get(PODS)["items"][0]["status"]["phase"] == "Succeeded"


def test_a_pod_of_an_account_that_is_missing_is_refused(call, configmaps) -> None:
    spec = {"serviceAccountName": "nobody", "containers": [{"name": "c", "image": "i"}]}

    answer = call("POST", PODS, {"metadata": {"name": "p"}, "spec": spec})

    assert answer.status == 403
    assert answer.body["message"] == (
        'pods "p" is forbidden: error looking up service account app/nobody: serviceaccount "nobody" not found'
    )


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"priorityClassName": "none"}, "no PriorityClass with name none was found"),
        ({"priority": 7}, "the integer value of priority (7) must not be provided in pod spec"),
    ],
)
def test_a_pod_of_a_priority_that_is_not_there_is_refused(call, configmaps, spec, words) -> None:
    call.until("/api/v1/namespaces/app/serviceaccounts/default", lambda answer: answer.status == 200)

    answer = call("POST", PODS, {"metadata": {"name": "p"}, "spec": {**template("p")["spec"], **spec}})

    assert answer.status == 403
    assert words in answer.body["message"]


def test_a_quota_is_kept(call, configmaps) -> None:
    call.until(f"{configmaps}/kube-root-ca.crt", lambda answer: answer.status == 200)
    quota = {"metadata": {"name": "q"}, "spec": {"hard": {"configmaps": "1"}}}
    call.create("/api/v1/namespaces/app/resourcequotas", quota)

    answer = call("POST", configmaps, {"metadata": {"name": "one"}})

    assert answer.status == 403
    assert (
        "exceeded quota: q, requested: configmaps=1, used: configmaps=1, limited: configmaps=1"
        in answer.body["message"]
    )


def test_a_service_has_endpoints_of_its_ready_pods(call, configmaps) -> None:
    service = {"metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}}
    call.create("/api/v1/namespaces/app/services", service)
    call.create(DEPLOYMENTS, deployment(replicas=2))

    found = call.until(
        "/apis/discovery.k8s.io/v1/namespaces/app/endpointslices/web-sandb",
        lambda answer: answer.status == 200 and len(answer.body["endpoints"]) == 2,
    ).body

    assert found["metadata"]["labels"]["kubernetes.io/service-name"] == "web"
    call("DELETE", "/api/v1/namespaces/app/services/web")
    call.until_gone("/apis/discovery.k8s.io/v1/namespaces/app/endpointslices/web-sandb")
