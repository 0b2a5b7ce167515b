"""Custom kinds: served soon after their definition, pruned by their schema, gone with it."""

from tests.sandbox.conftest import MERGE

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
THINGS = "/apis/example.com/v1/namespaces/app/things"
SCHEMA = {
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "required": ["size"],
            "properties": {
                "size": {"type": "integer", "minimum": 1, "maximum": 9},
                "colour": {"type": "string", "enum": ["red", "blue"], "default": "red"},
                "port": {"x-kubernetes-int-or-string": True},
                "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
            },
        },
        "status": {"type": "object", "properties": {"seen": {"type": "integer"}}},
    },
}


def definition(*versions: str, scope: str = "Namespaced"):
    served = [
        {
            "name": name,
            "served": True,
            "storage": name == "v1",
            "schema": {"openAPIV3Schema": SCHEMA},
            "subresources": {"status": {}},
        }
        for name in versions or ("v1",)
    ]
    names = {"plural": "things", "kind": "Thing"}
    return {
        "metadata": {"name": "things.example.com"},
        "spec": {"group": "example.com", "scope": scope, "names": names, "versions": served},
    }


def thing(name: str = "one", version: str = "v1", **spec):
    return {"apiVersion": f"example.com/{version}", "kind": "Thing", "metadata": {"name": name}, "spec": spec}


def define(call, *versions: str) -> None:
    call.create(DEFINITIONS, definition(*versions))
    call.until("/apis/example.com/v1/things", lambda answer: answer.status == 200)


def test_a_definition_is_established_and_discovered(call, configmaps) -> None:
    define(call)

    found = call.get(f"{DEFINITIONS}/things.example.com")

    established = {one["type"]: one["status"] for one in found["status"]["conditions"]}
    assert established == {"NamesAccepted": "True", "Established": "True"}
    resources = call.get("/apis/example.com/v1")["resources"]
    assert [one["name"] for one in resources] == ["things", "things/status"]
    assert "example.com" in [group["name"] for group in call.get("/apis")["groups"]]


def test_unknown_fields_are_pruned_and_defaults_filled_in(call, configmaps) -> None:
    define(call)

    made = call.create(THINGS, thing(size=1, nonsense=2, free={"kept": 1}, labels={"a": "b"}, port="http"))

    assert made["spec"] == {"size": 1, "colour": "red", "free": {"kept": 1}, "labels": {"a": "b"}, "port": "http"}


def test_what_the_schema_forbids_is_refused_field_by_field(call, configmaps) -> None:
    define(call)

    answer = call("POST", THINGS, thing(size=12, colour="green", labels={"a": 1}, port=[]))

    assert answer.status == 422
    fields = [cause["field"] for cause in answer.body["details"]["causes"]]
    assert sorted(fields) == ["spec.colour", "spec.labels.a", "spec.port", "spec.size"]


def test_spec_and_status_are_written_apart(call, configmaps) -> None:
    define(call)
    call.create(THINGS, {**thing(size=1), "status": {"seen": 9}})

    first = call("PATCH", f"{THINGS}/one/status", {"status": {"seen": 1}, "spec": {"size": 5}}, type=MERGE).body
    second = call("PATCH", f"{THINGS}/one", {"status": {"seen": 2}, "spec": {"size": 3}}, type=MERGE).body

    assert (first["spec"]["size"], first["status"], first["metadata"]["generation"]) == (1, {"seen": 1}, 1)
    assert (second["spec"]["size"], second["status"], second["metadata"]["generation"]) == (3, {"seen": 1}, 2)


def test_every_served_version_shows_the_same_object_under_its_own_name(call, configmaps) -> None:
    define(call, "v1", "v1beta1")
    call.create(THINGS, thing(size=1))

    old = call.get("/apis/example.com/v1beta1/namespaces/app/things/one")
    (group,) = [group for group in call.get("/apis")["groups"] if group["name"] == "example.com"]

    assert old["apiVersion"] == "example.com/v1beta1"
    assert group["preferredVersion"]["version"] == "v1"


def test_custom_objects_name_their_kind_in_lists(call, configmaps) -> None:
    define(call)
    call.create(THINGS, thing(size=1))

    listed = call.get(THINGS)

    assert listed["kind"] == "ThingList"
    assert (listed["items"][0]["apiVersion"], listed["items"][0]["kind"]) == ("example.com/v1", "Thing")


def test_a_kind_that_did_not_exist_at_a_revision_is_empty_then(call, configmaps) -> None:
    at = call.get(configmaps)["metadata"]["resourceVersion"]
    define(call)
    call.create(THINGS, thing(size=1))

    listed = call.get(f"{THINGS}?resourceVersion={at}&resourceVersionMatch=Exact")

    assert listed["items"] == []


def test_a_deleted_definition_takes_its_objects_and_its_routes(call, configmaps) -> None:
    define(call)
    held = thing(size=1)
    held["metadata"]["finalizers"] = ["example.com/hold"]
    call.create(THINGS, held)
    call.create(THINGS, thing("two", size=1))

    call("DELETE", f"{DEFINITIONS}/things.example.com")
    call.until_gone(f"{THINGS}/two")
    waiting = call("GET", f"{DEFINITIONS}/things.example.com").status
    call("PATCH", f"{THINGS}/one", {"metadata": {"finalizers": None}}, type=MERGE)
    call.until_gone(f"{DEFINITIONS}/things.example.com")

    assert waiting == 200
    assert call("GET", THINGS).status == 404
    assert "example.com" not in [group["name"] for group in call.get("/apis")["groups"]]
