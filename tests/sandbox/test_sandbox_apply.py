"""Server-side apply: ownership, conflicts, taking over, letting go."""

import pytest

from tests.sandbox.conftest import APPLY, MERGE, config

DEPLOYMENTS = "/apis/apps/v1/namespaces/app/deployments"


def deployment(image: str = "web:1", *, env: list[dict[str, str]] | None = None, **spec):
    container = {"name": "web", "image": image, **({"env": env} if env is not None else {})}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}},
            **spec,
        },
    }


def apply(call, path, body, manager, *, force=False):
    query = f"fieldManager={manager}" + ("&force=true" if force else "")
    return call("PATCH", f"{path}?{query}", body, type=APPLY)


def owners(manifest, field):
    return [e["manager"] for e in manifest["metadata"]["managedFields"] if f"'{field}'" in str(e["fieldsV1"])]


def test_applying_the_same_again_writes_nothing(call, configmaps) -> None:
    first = apply(call, f"{configmaps}/one", config("one"), "argo")
    second = apply(call, f"{configmaps}/one", config("one"), "argo")

    assert (first.status, second.status) == (201, 200)
    assert second.body == first.body


def test_a_field_left_out_goes_unless_another_manager_owns_it(call, configmaps) -> None:
    apply(call, f"{configmaps}/one", config("one", {"mine": "1", "shared": "1"}), "argo")
    apply(call, f"{configmaps}/one", config("one", {"shared": "1"}), "flux")

    answer = apply(call, f"{configmaps}/one", config("one", {"new": "1"}), "argo")

    assert answer.body["data"] == {"shared": "1", "new": "1"}


def test_a_conflict_names_the_manager_and_the_field(call, configmaps) -> None:
    call("POST", f"{DEPLOYMENTS}?fieldManager=kubectl", deployment())

    answer = apply(call, f"{DEPLOYMENTS}/web", deployment("web:2"), "argo")

    assert answer.status == 409
    assert answer.body["message"] == (
        'Apply failed with 1 conflict: conflict with "kubectl" using apps/v1: '
        '.spec.template.spec.containers[name="web"].image'
    )
    assert answer.body["details"]["causes"][0]["reason"] == "FieldManagerConflict"


def test_force_takes_the_field_from_its_owner(call, configmaps) -> None:
    call("POST", f"{DEPLOYMENTS}?fieldManager=kubectl", deployment())

    answer = apply(call, f"{DEPLOYMENTS}/web", deployment("web:2"), "argo", force=True)

    assert answer.body["spec"]["template"]["spec"]["containers"][0]["image"] == "web:2"
    assert owners(answer.body, "f:image") == ["argo"]


def test_items_of_keyed_lists_merge(call, configmaps) -> None:
    apply(call, f"{DEPLOYMENTS}/web", deployment(env=[{"name": "A", "value": "1"}]), "argo")

    answer = apply(call, f"{DEPLOYMENTS}/web", deployment(env=[{"name": "B", "value": "2"}]), "flux")

    env = answer.body["spec"]["template"]["spec"]["containers"][0]["env"]
    assert env == [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]


def test_an_item_left_out_goes_as_a_whole(call, configmaps) -> None:
    both = [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]
    apply(call, f"{DEPLOYMENTS}/web", deployment(env=both), "argo")

    answer = apply(call, f"{DEPLOYMENTS}/web", deployment(env=both[:1]), "argo")

    assert answer.body["spec"]["template"]["spec"]["containers"][0]["env"] == both[:1]


def test_an_update_takes_what_it_changes(call, configmaps) -> None:
    apply(call, f"{configmaps}/one", config("one", {"a": "1", "b": "1"}), "argo")

    answer = call("PATCH", f"{configmaps}/one?fieldManager=hand", {"data": {"a": "2"}}, type=MERGE)

    assert owners(answer.body, "f:a") == ["hand"]
    assert owners(answer.body, "f:b") == ["argo"]


def test_apply_refuses_duplicate_keys_that_create_accepts(call, configmaps) -> None:
    twice = deployment(env=[{"name": "A", "value": "1"}, {"name": "A", "value": "2"}])

    created = call("POST", f"{DEPLOYMENTS}?dryRun=All", twice)
    applied = apply(call, f"{DEPLOYMENTS}/web", twice, "argo")

    assert (created.status, applied.status) == (201, 500)
    assert "duplicate entries for key" in applied.body["message"]


def test_ownership_can_be_handed_back(call, configmaps) -> None:
    """What a restore does so that the former manager's next apply has no conflict."""
    made = call("POST", f"{configmaps}?fieldManager=drsync", config("one")).body
    entry = {
        "manager": "argo",
        "operation": "Apply",
        "apiVersion": "v1",
        "time": "2026-01-01T00:00:00Z",
        "fieldsType": "FieldsV1",
        "fieldsV1": {"f:data": {"f:a": {}}},
    }
    made["metadata"]["managedFields"] = [entry]
    handed = call("PUT", f"{configmaps}/one?fieldManager=drsync", made)

    answer = apply(call, f"{configmaps}/one", config("one", {"a": "2"}), "argo")

    assert handed.body["metadata"]["managedFields"] == [entry]
    assert answer.status == 200


def test_a_dry_run_of_an_apply_stores_nothing(call, configmaps) -> None:
    answer = call("PATCH", f"{configmaps}/one?fieldManager=argo&dryRun=All", config("one"), type=APPLY)

    assert answer.status == 201
    assert call("GET", f"{configmaps}/one").status == 404


@pytest.mark.parametrize("media_type", ["application/strategic-merge-patch+json", "text/plain"])
def test_other_patches_are_refused(call, configmaps, media_type) -> None:
    call.create(configmaps, config("one"))

    answer = call("PATCH", f"{configmaps}/one", "{}", type=media_type)

    assert (answer.status, answer.body["reason"]) == (415, "UnsupportedMediaType")
