"""engine/restore.py on sandbox clusters: what comes back, what is left alone, and what a crash leaves."""

from dataclasses import replace

import pytest

from drsync.errors import Blocked, NothingToRestore
from drsync.model.policy import Selection
from drsync.model.request import Existing
from drsync.sandbox.serving import Served
from tests.engine.site import Site, api, names
from tests.fakes.faulty_store import Crashed, Faulty

MAPS = "/api/v1/namespaces/shop/configmaps"


def contents(site: Site, namespace: str = "shop") -> dict[str, object]:
    """What matters of the ConfigMaps in the standby, by name; uids are the cluster's own."""
    items = api(site.standby, "GET", f"/api/v1/namespaces/{namespace}/configmaps")["items"]
    uids = {item["metadata"]["uid"]: item["metadata"]["name"] for item in items}
    return {
        item["metadata"]["name"]: (
            item.get("data"),
            [uids.get(o["uid"]) for o in item["metadata"].get("ownerReferences", [])],
        )
        for item in items
        if item["metadata"]["name"] != "kube-root-ca.crt"
    }


def give_default_account(cluster: Served, fields: dict[str, object]) -> None:
    """Each namespace has one from the start."""
    path = "/api/v1/namespaces/shop/serviceaccounts/default"
    api(cluster, "PUT", path, api(cluster, "GET", path) | fields)


def test_a_restore_brings_every_object_back_and_relinks_owners(site: Site) -> None:
    site.backup()

    done = site.restore()

    assert done.end.exit_code == 0
    assert contents(site)["aa-owned"] == ({"x": "y"}, ["owner"])
    assert names(site.standby, "/api/v1/namespaces/shop/secrets") == ["login"]


def test_a_second_restore_changes_nothing(site: Site) -> None:
    site.backup()
    site.restore()
    before = api(site.standby, "GET", "/api/v1/configmaps")["metadata"]["resourceVersion"]

    done = site.restore()

    after = api(site.standby, "GET", "/api/v1/configmaps")["metadata"]["resourceVersion"]
    assert before == after
    assert done.end.exit_code == 0


def test_an_object_that_is_there_and_differs_is_left_alone_by_default(site: Site) -> None:
    site.backup()
    api(site.standby, "POST", "/api/v1/namespaces", {"metadata": {"name": "shop"}})
    api(site.standby, "POST", MAPS, {"metadata": {"name": "settings-0"}, "data": {"value": "mine"}})

    done = site.restore()

    assert contents(site)["settings-0"] == ({"value": "mine"}, [])
    fates = [d["fate"] for r in done.run.records for d in r.result.get("details", []) if "settings-0" in d["object"]]
    assert fates == ["skipped"]


@pytest.mark.parametrize(
    ("there", "expected"),
    [({}, [{"name": "login"}]), ({"imagePullSecrets": [{"name": "mine"}]}, [{"name": "mine"}])],
    ids=["untouched", "given-something"],
)
def test_a_default_service_account_is_filled_in_unless_somebody_has_touched_it(
    site: Site, there: dict[str, object], expected: object
) -> None:
    accounts = "/api/v1/namespaces/shop/serviceaccounts"
    give_default_account(site.primary, {"imagePullSecrets": [{"name": "login"}]})
    site.backup()
    api(site.standby, "POST", "/api/v1/namespaces", {"metadata": {"name": "shop"}})
    give_default_account(site.standby, there)

    site.restore()

    assert api(site.standby, "GET", f"{accounts}/default")["imagePullSecrets"] == expected


@pytest.mark.parametrize(
    ("existing", "expected"),
    [(Existing.MERGE, {"value": "0", "own": "x"}), (Existing.REPLACE, {"value": "0"})],
)
def test_an_object_that_is_there_is_merged_or_replaced_on_request(
    site: Site, existing: Existing, expected: dict[str, str]
) -> None:
    site.backup()
    api(site.standby, "POST", "/api/v1/namespaces", {"metadata": {"name": "shop"}})
    api(site.standby, "POST", MAPS, {"metadata": {"name": "settings-0"}, "data": {"value": "mine", "own": "x"}})

    site.restore(existing=existing)

    assert contents(site)["settings-0"] == (expected, [])


def test_a_namespace_can_be_restored_under_another_name(site: Site) -> None:
    site.backup()

    site.restore(namespace_map={"shop": "copy"})

    assert set(contents(site, "copy")) >= {"settings-0", "aa-owned"}
    assert "shop" not in names(site.standby, "/api/v1/namespaces")


def test_a_claim_that_its_stateful_set_owns_is_linked_to_the_new_one(site: Site) -> None:
    template = {"metadata": {"labels": {"app": "db"}}, "spec": {"containers": [{"name": "db", "image": "db"}]}}
    spec = {"serviceName": "db", "selector": {"matchLabels": {"app": "db"}}, "template": template, "replicas": 0}
    body = {"metadata": {"name": "db"}, "spec": spec}
    owner = api(site.primary, "POST", "/apis/apps/v1/namespaces/shop/statefulsets", body)
    reference = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "db", "uid": owner["metadata"]["uid"]}
    claim = {
        "metadata": {"name": "data-db-0", "ownerReferences": [reference]},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}},
    }
    api(site.primary, "POST", "/api/v1/namespaces/shop/persistentvolumeclaims", claim)
    point = site.backup().point

    done = site.restore(sealed=point, volumes=(), allow_partial=True)

    path = "/apis/apps/v1/namespaces/shop/statefulsets/db"
    new = api(site.standby, "GET", path)["metadata"]["uid"]
    found = api(site.standby, "GET", "/api/v1/namespaces/shop/persistentvolumeclaims/data-db-0")
    assert [o["uid"] for o in found["metadata"]["ownerReferences"]] == [new]
    assert "owners" in [record.step for record in done.run.records]


def test_only_chosen_kinds_and_labels_are_restored(site: Site) -> None:
    site.backup()

    site.restore(kinds=("secrets",))

    assert contents(site) == {}
    assert names(site.standby, "/api/v1/namespaces/shop/secrets") == ["login"]


def test_a_request_that_matches_nothing_is_an_error(site: Site) -> None:
    site.backup()

    with pytest.raises(NothingToRestore):
        site.restore(namespaces=("other",))


def test_a_partial_point_is_blocked_until_someone_accepts_it(site: Site) -> None:
    site.policy = replace(site.policy, select=Selection(namespaces=("shop", "gone")))
    partial = site.backup().point

    with pytest.raises(Blocked):
        site.restore(sealed=partial)
    accepted = site.restore(sealed=partial, allow_partial=True)

    assert accepted.end.exit_code == 0


@pytest.mark.slow
def test_a_kill_at_every_store_call_resumes_to_the_end_state_of_an_uninterrupted_run(site: Site) -> None:
    site.backup()
    counting = Faulty(site.store)
    site.restore(store=counting, namespace_map={"shop": "whole"})
    expected = contents(site, "whole")
    calls = len(counting.log)
    assert calls > 15

    for at in range(1, calls + 1):
        target = f"try-{at}"
        dead = Faulty(site.store).crash(at=at, after=at % 2 == 0)
        with pytest.raises(Crashed):
            site.restore(store=dead, dead_after=True, namespace_map={"shop": target})

        done = site.restore(namespace_map={"shop": target})

        assert contents(site, target) == expected
        assert done.end.exit_code == 0
