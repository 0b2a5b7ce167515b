"""Create, replace, apply, patch and delete; and what the server says no to."""

import json

import pytest

from drsync.errors import ObjectExists, RequestRejected, VersionChanged
from tests.conformance.objects import (
    CONFIG_MAPS,
    CRDS,
    DEPLOYMENTS,
    NAMESPACES,
    SECRETS,
    SERVICE_ACCOUNTS,
    body,
    deployment,
    encode,
    unique,
    widget_definition,
)
from tests.conformance.server import OnServer, until


def rejected(call, *args, **keywords):
    """Status and reason of the refusal."""
    with pytest.raises(RequestRejected) as caught:
        call(*args, **keywords)
    return caught.value.status, caught.value.reason


class WritingConformance(OnServer):
    def test_a_created_object_gets_its_identity(self, client, namespace):
        found = client.create(CONFIG_MAPS, namespace, encode(body(CONFIG_MAPS, "a", data={"k": "v"})))

        manifest = json.loads(found.raw)
        assert (found.name, found.namespace) == ("a", namespace)
        assert found.uid
        assert int(found.resource_version) > 0
        assert manifest["metadata"]["creationTimestamp"].endswith("Z")
        assert manifest["data"] == {"k": "v"}
        assert manifest["metadata"]["managedFields"][0]["manager"] == "drsync"

    def test_identity_that_is_sent_is_not_kept(self, client, namespace):
        sent = body(
            CONFIG_MAPS, "a", metadata={"uid": "mine", "creationTimestamp": "2020-01-01T00:00:00Z", "generation": 9}
        )
        found = client.create(CONFIG_MAPS, namespace, encode(sent))

        assert found.uid != "mine"
        assert not json.loads(found.raw)["metadata"]["creationTimestamp"].startswith("2020")

    def test_managed_fields_that_are_sent_are_dropped(self, client, namespace):
        theirs = {
            "manager": "argocd",
            "operation": "Apply",
            "apiVersion": "v1",
            "fieldsType": "FieldsV1",
            "fieldsV1": {},
        }
        found = client.create(
            CONFIG_MAPS, namespace, encode(body(CONFIG_MAPS, "a", metadata={"managedFields": [theirs]}))
        )

        managers = {entry["manager"] for entry in json.loads(found.raw)["metadata"].get("managedFields", [])}
        assert "argocd" not in managers

    def test_a_name_is_taken_once(self, make, namespace):
        make(CONFIG_MAPS, "a")

        with pytest.raises(ObjectExists, match=f"configmaps {namespace}/a exists"):
            make(CONFIG_MAPS, "a")

    def test_a_dry_run_leaves_nothing(self, client, namespace):
        found = client.create(CONFIG_MAPS, namespace, encode(body(CONFIG_MAPS, "a")), dry_run=True)

        assert found.name == "a"
        assert client.get(CONFIG_MAPS, namespace, "a") is None

    def test_a_dry_run_finds_a_taken_name(self, client, namespace, make):
        make(CONFIG_MAPS, "a")

        with pytest.raises(ObjectExists):
            client.create(CONFIG_MAPS, namespace, encode(body(CONFIG_MAPS, "a")), dry_run=True)

    def test_what_cannot_be_created_is_rejected_with_its_reason(self, client, namespace):
        create = client.create

        assert rejected(create, CONFIG_MAPS, "no-such-namespace", encode(body(CONFIG_MAPS, "a"))) == (404, "NotFound")
        assert rejected(create, CONFIG_MAPS, namespace, encode(body(CONFIG_MAPS, "Not_A_Name"))) == (422, "Invalid")
        assert rejected(create, CONFIG_MAPS, namespace, b'{"kind":')[0] == 400
        elsewhere = body(CONFIG_MAPS, "a", metadata={"namespace": "other"})
        assert rejected(create, CONFIG_MAPS, namespace, encode(elsewhere)) == (400, "BadRequest")
        assert rejected(create, CONFIG_MAPS, namespace, encode(body(SECRETS, "a"))) == (400, "BadRequest")

    def test_a_resource_version_cannot_be_created_with(self, client, namespace):
        sent = body(CONFIG_MAPS, "a", metadata={"resourceVersion": "1"})

        assert rejected(client.create, CONFIG_MAPS, namespace, encode(sent))[0] in {400, 500}

    def test_a_terminating_namespace_takes_nothing_new(self, client, namespace, make):
        make(CONFIG_MAPS, "held", metadata={"finalizers": ["example.com/hold"]})
        client.delete(NAMESPACES, "", namespace)
        until(lambda: client.get(NAMESPACES, "", namespace).terminating, "the namespace is terminating")

        assert rejected(make, CONFIG_MAPS, "late") == (403, "Forbidden")
        client.merge_patch(CONFIG_MAPS, namespace, "held", b'{"metadata":{"finalizers":null}}')

    def test_a_replace_needs_the_newest_version(self, client, namespace, make):
        first = make(CONFIG_MAPS, "a", data={"n": "1"})
        second = client.replace(CONFIG_MAPS, namespace, "a", first.raw.replace(b'"1"', b'"2"', 1))

        assert json.loads(second.raw)["data"] == {"n": "2"}
        assert second.uid == first.uid
        with pytest.raises(VersionChanged):
            client.replace(CONFIG_MAPS, namespace, "a", first.raw)

    def test_a_replace_without_change_writes_nothing(self, client, namespace, make):
        made = make(CONFIG_MAPS, "a")

        assert client.replace(CONFIG_MAPS, namespace, "a", made.raw).resource_version == made.resource_version

    def test_a_replace_of_what_is_absent_is_404(self, client, namespace):
        absent = encode(body(CONFIG_MAPS, "a"))

        assert rejected(client.replace, CONFIG_MAPS, namespace, "a", absent) == (404, "NotFound")

    def test_a_dry_run_of_a_replace_changes_nothing(self, client, namespace, make):
        made = make(CONFIG_MAPS, "a", data={"n": "1"})
        client.replace(CONFIG_MAPS, namespace, "a", encode(body(CONFIG_MAPS, "a", data={"n": "2"})), dry_run=True)

        assert client.get(CONFIG_MAPS, namespace, "a").resource_version == made.resource_version

    def test_a_status_is_written_apart_from_the_rest(self, client, namespace, make, widgets):
        made = make(widgets, "w", spec={"size": 1}, status={"ready": True})
        assert "status" not in json.loads(made.raw)
        changed = json.loads(made.raw) | {"spec": {"size": 2}, "status": {"ready": True}}

        found = json.loads(client.replace(widgets, namespace, "w", encode(changed), subresource="status").raw)

        assert (found["spec"], found["status"]) == ({"size": 1}, {"ready": True})

    def test_a_merge_patch_sets_and_removes(self, client, namespace, make):
        make(CONFIG_MAPS, "a", data={"x": "1", "y": "2"})

        found = client.merge_patch(CONFIG_MAPS, namespace, "a", b'{"data":{"x":null,"z":"3"}}')

        assert json.loads(found.raw)["data"] == {"y": "2", "z": "3"}

    def test_a_merge_patch_may_name_its_version(self, client, namespace, make):
        made = make(CONFIG_MAPS, "a")
        client.merge_patch(CONFIG_MAPS, namespace, "a", b'{"data":{"x":"1"}}')
        stale = encode({"metadata": {"resourceVersion": made.resource_version}, "data": {"x": "2"}})

        with pytest.raises(VersionChanged):
            client.merge_patch(CONFIG_MAPS, namespace, "a", stale)

    def test_a_patch_of_what_is_absent_is_404(self, client, namespace):
        assert rejected(client.merge_patch, CONFIG_MAPS, namespace, "a", b"{}") == (404, "NotFound")

    def test_apply_creates_then_changes_what_it_owns(self, client, namespace):
        first = client.apply(CONFIG_MAPS, namespace, "a", encode(body(CONFIG_MAPS, "a", data={"x": "1", "y": "1"})))
        second = client.apply(CONFIG_MAPS, namespace, "a", encode(body(CONFIG_MAPS, "a", data={"x": "2"})))

        assert first.uid == second.uid
        assert json.loads(second.raw)["data"] == {"x": "2"}

    def test_apply_leaves_what_others_own_unless_forced(self, client, namespace):
        mine, theirs = (encode(body(CONFIG_MAPS, "a", data={"x": value})) for value in ("mine", "theirs"))
        client.apply(CONFIG_MAPS, namespace, "a", theirs, manager="argocd")

        with pytest.raises(RequestRejected, match="argocd") as caught:
            client.apply(CONFIG_MAPS, namespace, "a", mine)
        assert (caught.value.status, caught.value.reason) == (409, "FieldManagerConflict")
        forced = client.apply(CONFIG_MAPS, namespace, "a", mine, force=True)
        assert json.loads(forced.raw)["data"] == {"x": "mine"}

    def test_after_a_create_the_owners_next_apply_conflicts(self, client, namespace, make):
        make(CONFIG_MAPS, "a", data={"x": "ours"})
        theirs = encode(body(CONFIG_MAPS, "a", data={"x": "theirs"}))

        assert (
            rejected(client.apply, CONFIG_MAPS, namespace, "a", theirs, manager="argocd")[1] == "FieldManagerConflict"
        )

    def test_a_dry_run_of_an_apply_leaves_nothing(self, client, namespace):
        client.apply(CONFIG_MAPS, namespace, "a", encode(body(CONFIG_MAPS, "a")), dry_run=True)

        assert client.get(CONFIG_MAPS, namespace, "a") is None

    def test_a_delete_takes_only_the_object_that_is_meant(self, client, namespace, make):
        made = make(CONFIG_MAPS, "a")

        with pytest.raises(VersionChanged):
            client.delete(CONFIG_MAPS, namespace, "a", uid="00000000-0000-0000-0000-000000000000")
        assert client.delete(CONFIG_MAPS, namespace, "a", uid=made.uid)
        assert not client.delete(CONFIG_MAPS, namespace, "a", uid=made.uid)
        assert client.get(CONFIG_MAPS, namespace, "a") is None

    def test_a_dry_run_of_a_delete_deletes_nothing(self, client, namespace, make):
        make(CONFIG_MAPS, "a")
        assert client.delete(CONFIG_MAPS, namespace, "a", dry_run=True)

        assert client.get(CONFIG_MAPS, namespace, "a") is not None

    def test_a_finalizer_holds_an_object_until_it_is_removed(self, client, namespace, make):
        make(CONFIG_MAPS, "a", metadata={"finalizers": ["example.com/hold"]})
        client.delete(CONFIG_MAPS, namespace, "a")
        assert client.get(CONFIG_MAPS, namespace, "a").terminating

        client.merge_patch(CONFIG_MAPS, namespace, "a", b'{"metadata":{"finalizers":null}}')

        assert client.get(CONFIG_MAPS, namespace, "a") is None

    def test_secrets_take_string_data_and_answer_in_base64(self, make):
        found = make(SECRETS, "a", stringData={"k": "v"})

        manifest = json.loads(found.raw)
        assert (manifest["data"], manifest["type"]) == ({"k": "dg=="}, "Opaque")

    def test_a_deployment_counts_its_generations(self, client, namespace):
        made = json.loads(client.create(DEPLOYMENTS, namespace, encode(deployment("web"))).raw)
        changed = client.merge_patch(DEPLOYMENTS, namespace, "web", b'{"spec":{"paused":true}}')

        assert made["metadata"]["generation"] == 1
        assert json.loads(changed.raw)["metadata"]["generation"] == 2

    def test_a_definition_is_established_and_checks_its_objects(self, client, make, widgets):
        def established():
            manifest = json.loads(client.get(CRDS, "", f"widgets.{widgets.group}").raw)
            conditions = manifest.get("status", {}).get("conditions") or []
            return any((each["type"], each["status"]) == ("Established", "True") for each in conditions)

        until(established, "the definition is established")
        assert rejected(make, widgets, "w", spec={"size": "large"}) == (422, "Invalid")

    def test_fields_that_a_definition_does_not_name_are_pruned(self, make, widgets):
        found = make(widgets, "w", spec={"size": 1, "other": 2})

        assert json.loads(found.raw)["spec"] == {"size": 1}

    def test_a_definition_must_bear_its_own_name(self, client):
        wrong = widget_definition(unique("g") + ".example.com")
        wrong["metadata"]["name"] = "widgets.wrong.example.com"

        assert rejected(client.create, CRDS, "", encode(wrong)) == (422, "Invalid")

    def test_a_namespace_gets_its_default_account(self, client, namespace):
        until(lambda: client.get(SERVICE_ACCOUNTS, namespace, "default"), "the default account")
