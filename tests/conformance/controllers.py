"""What happens by itself: owners' ends, namespaces' ends."""

import json

import pytest

from tests.conformance.objects import CONFIG_MAPS, NAMESPACES, body, encode
from tests.conformance.server import OnServer, until


def owned_by(owner, kind, **more):
    reference = {"apiVersion": kind.api_version, "kind": kind.kind, "name": owner.name, "uid": owner.uid, **more}
    return {"ownerReferences": [reference]}


class ControllerConformance(OnServer):
    @pytest.mark.slow
    def test_an_object_whose_owners_uid_does_not_exist_is_collected(self, client, namespace, make):
        owner = make(CONFIG_MAPS, "owner")
        reference = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "name": "owner",
            "uid": "00000000-0000-0000-0000-00000000dead",
        }
        make(CONFIG_MAPS, "orphan", metadata={"ownerReferences": [reference]})
        make(CONFIG_MAPS, "kept", metadata=owned_by(owner, CONFIG_MAPS))

        until(lambda: client.get(CONFIG_MAPS, namespace, "orphan") is None, "the orphan is collected")
        assert client.get(CONFIG_MAPS, namespace, "kept") is not None

    @pytest.mark.slow
    def test_what_an_object_owned_goes_with_it(self, client, namespace, make):
        owner = make(CONFIG_MAPS, "owner")
        make(CONFIG_MAPS, "owned", metadata=owned_by(owner, CONFIG_MAPS, controller=True))
        client.delete(CONFIG_MAPS, namespace, "owner")

        until(lambda: client.get(CONFIG_MAPS, namespace, "owned") is None, "the owned object is collected")

    @pytest.mark.slow
    def test_a_namespace_goes_with_all_that_is_in_it(self, client, namespace, make):
        make(CONFIG_MAPS, "a")
        client.delete(NAMESPACES, "", namespace)

        until(lambda: client.get(NAMESPACES, "", namespace) is None, "the namespace is gone", within_s=60)
        assert client.list(CONFIG_MAPS, namespace=namespace).objects == ()

    @pytest.mark.slow
    def test_a_finalizer_holds_the_namespace_that_it_is_in(self, client, namespace, make):
        make(CONFIG_MAPS, "held", metadata={"finalizers": ["example.com/hold"]})
        client.delete(NAMESPACES, "", namespace)

        def remaining():
            found = client.get(NAMESPACES, "", namespace)
            conditions = json.loads(found.raw).get("status", {}).get("conditions") or []
            return any(
                (each["type"], each["status"]) == ("NamespaceFinalizersRemaining", "True") for each in conditions
            )

        until(remaining, "the namespace says what holds it", within_s=60)
        client.merge_patch(CONFIG_MAPS, namespace, "held", b'{"metadata":{"finalizers":null}}')
        until(lambda: client.get(NAMESPACES, "", namespace) is None, "the namespace is gone", within_s=60)

    def test_a_namespace_has_a_label_with_its_name(self, client, namespace):
        assert client.get(NAMESPACES, "", namespace).labels["kubernetes.io/metadata.name"] == namespace

    def test_a_new_namespace_is_active(self, client, namespace):
        found = json.loads(client.get(NAMESPACES, "", namespace).raw)

        assert found["status"]["phase"] == "Active"
        assert found["spec"]["finalizers"] == ["kubernetes"]

    def test_a_namespace_can_be_made_again(self, client, namespace):
        assert client.create(NAMESPACES, "", encode(body(NAMESPACES, f"{namespace}-2"))).name == f"{namespace}-2"
