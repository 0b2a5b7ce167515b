"""How objects die: finalizers, owners, namespaces."""

import pytest

from tests.sandbox.conftest import MERGE, config

NAMESPACE = "/api/v1/namespaces/app"


def owned_by(*owners, block=False):
    return [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "name": owner["metadata"]["name"],
            "uid": owner["metadata"]["uid"],
            **({"blockOwnerDeletion": True} if block else {}),
        }
        for owner in owners
    ]


def finalizers_of(call, path):
    return call.get(path)["metadata"].get("finalizers", [])


def test_a_finalizer_holds_an_object_until_it_is_taken_off(call, configmaps) -> None:
    call.create(configmaps, config("held", finalizers=["example.com/hold"]))

    dying = call("DELETE", f"{configmaps}/held")
    held = call.get(f"{configmaps}/held")
    call("PATCH", f"{configmaps}/held", {"metadata": {"finalizers": []}}, type=MERGE)

    assert dying.body["metadata"]["deletionGracePeriodSeconds"] == 0
    assert "deletionTimestamp" in held["metadata"]
    assert call("GET", f"{configmaps}/held").status == 404


def test_what_names_an_owner_that_does_not_exist_is_collected(call, configmaps) -> None:
    owner = call.create(configmaps, config("owner"))
    call.create(configmaps, config("child", ownerReferences=owned_by(owner)))
    lost = {**owned_by(owner)[0], "uid": "00000000-0000-0000-0000-000000000000"}
    call.create(configmaps, config("orphan", ownerReferences=[lost]))

    call.until_gone(f"{configmaps}/orphan")

    assert call("GET", f"{configmaps}/child").status == 200


def test_dependents_go_with_their_owner(call, configmaps) -> None:
    owner = call.create(configmaps, config("owner"))
    child = call.create(configmaps, config("child", ownerReferences=owned_by(owner)))
    call.create(configmaps, config("grandchild", ownerReferences=owned_by(child)))

    call("DELETE", f"{configmaps}/owner")

    call.until_gone(f"{configmaps}/grandchild")


def test_one_owner_left_is_enough_and_the_lost_one_is_struck_off(call, configmaps) -> None:
    first, second = (call.create(configmaps, config(name)) for name in ("first", "second"))
    call.create(configmaps, config("child", ownerReferences=owned_by(first, second)))

    call("DELETE", f"{configmaps}/first")
    child = call.until(f"{configmaps}/child", lambda answer: len(answer.body["metadata"]["ownerReferences"]) == 1).body

    assert child["metadata"]["ownerReferences"][0]["name"] == "second"


def test_foreground_deletion_waits_for_blocking_dependents(call, configmaps) -> None:
    owner = call.create(configmaps, config("owner"))
    held = config("child", ownerReferences=owned_by(owner, block=True), finalizers=["example.com/hold"])
    call.create(configmaps, held)

    call("DELETE", f"{configmaps}/owner", {"propagationPolicy": "Foreground"})
    call.until(f"{configmaps}/child", lambda answer: "deletionTimestamp" in answer.body["metadata"])
    waiting = finalizers_of(call, f"{configmaps}/owner")
    call("PATCH", f"{configmaps}/child", {"metadata": {"finalizers": None}}, type=MERGE)
    call.until_gone(f"{configmaps}/owner")

    assert waiting == ["foregroundDeletion"]


def test_orphaned_dependents_stay_and_forget_their_owner(call, configmaps) -> None:
    owner = call.create(configmaps, config("owner"))
    call.create(configmaps, config("child", ownerReferences=owned_by(owner)))

    call("DELETE", f"{configmaps}/owner", {"propagationPolicy": "Orphan"})
    call.until_gone(f"{configmaps}/owner")

    assert "ownerReferences" not in call.get(f"{configmaps}/child")["metadata"]


def test_an_owner_of_a_kind_that_is_not_served_keeps_its_dependents(call, configmaps) -> None:
    reference = {"apiVersion": "example.com/v1", "kind": "Thing", "name": "x", "uid": "1"}
    call.create(configmaps, config("child", ownerReferences=[reference]))
    call.create(configmaps, config("orphan", ownerReferences=[{**reference, "apiVersion": "v1", "kind": "Secret"}]))

    call.until_gone(f"{configmaps}/orphan")

    assert call("GET", f"{configmaps}/child").status == 200


def test_a_namespace_has_an_account_and_a_certificate(call, configmaps) -> None:
    call.until(f"{NAMESPACE}/serviceaccounts/default", lambda answer: answer.status == 200)
    call.until(f"{configmaps}/kube-root-ca.crt", lambda answer: answer.status == 200)


def test_a_deleted_namespace_is_emptied_and_goes(call, configmaps) -> None:
    call.create(configmaps, config("one"))

    answer = call("DELETE", NAMESPACE)
    call.until_gone(NAMESPACE)

    assert answer.body["status"]["phase"] == "Terminating"
    assert call.get("/api/v1/configmaps?fieldSelector=metadata.namespace%3Dapp")["items"] == []


def test_a_finalizer_holds_its_namespace_which_says_so(call, configmaps) -> None:
    call.create(configmaps, config("held", finalizers=["example.com/hold"]))
    call("DELETE", NAMESPACE)

    told = call.until(NAMESPACE, lambda answer: len(answer.body["status"].get("conditions", [])) == 5).body
    late = call("POST", configmaps, config("late"))
    call("PATCH", f"{configmaps}/held", {"metadata": {"finalizers": None}}, type=MERGE)
    call.until_gone(NAMESPACE)

    conditions = {one["type"]: one for one in told["status"]["conditions"]}
    assert conditions["NamespaceFinalizersRemaining"]["status"] == "True"
    assert "example.com/hold in 1 resource instances" in conditions["NamespaceFinalizersRemaining"]["message"]
    assert (late.status, late.body["details"]["causes"][0]["reason"]) == (403, "NamespaceTerminating")


def test_a_name_can_be_used_again_under_another_uid(call, configmaps) -> None:
    first = call.create(configmaps, config("one"))
    call("DELETE", f"{configmaps}/one")

    second = call.create(configmaps, config("one"))

    assert first["metadata"]["uid"] != second["metadata"]["uid"]


@pytest.mark.parametrize("selector", ["labelSelector=mine", "fieldSelector=metadata.name%3Done"])
def test_a_collection_is_deleted_by_selector(call, configmaps, selector) -> None:
    call.create(configmaps, config("one", labels={"mine": "yes"}))
    call.create(configmaps, config("two"))

    call("DELETE", f"{configmaps}?{selector}")

    assert "one" not in call.names(configmaps)
    assert "two" in call.names(configmaps)
