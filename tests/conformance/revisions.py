"""Revisions: what a list at a revision holds, on which the cut rests."""

import json

import pytest

from drsync.clock import Cancellation, SystemClock
from drsync.errors import RequestRejected
from drsync.kube.cut import ListWant, take_cut
from drsync.kube.discovery import discover
from drsync.kube.listing import ListQuery
from drsync.kube.paging import complete, first_page
from tests.conformance.objects import CONFIG_MAPS, CRDS, LEASES, NAMESPACES, ROLES, body, encode, unique
from tests.conformance.server import OnServer, define_widgets, until


def exact(client, kind, revision, **query):
    return {each.name: each for each in client.list(kind, revision=revision, **query).objects}


def content(found):
    """All of an object but its type, which list items of built-in kinds lack."""
    return {key: value for key, value in json.loads(found.raw).items() if key not in {"apiVersion", "kind"}}


class RevisionConformance(OnServer):
    @pytest.fixture
    def kinds(self, widgets):
        return {"configmaps": CONFIG_MAPS, "roles": ROLES, "leases": LEASES, "widgets": widgets}

    @pytest.mark.parametrize("name", ["configmaps", "roles", "leases", "widgets"])
    @pytest.mark.parametrize("page", [None, 1])
    def test_a_list_at_a_revision_is_the_state_at_that_revision(self, client, namespace, make, kinds, name, page):
        kind = kinds[name]
        changed = make(kind, "changed", metadata={"labels": {"at": "before"}})
        deleted = make(kind, "deleted", metadata={"labels": {"at": "before"}})
        revision = client.list(kind, namespace=namespace).revision
        client.merge_patch(kind, namespace, "changed", b'{"metadata":{"labels":{"at":"after"}}}')
        client.delete(kind, namespace, "deleted")
        make(kind, "later")

        then = client.list(kind, namespace=namespace, revision=revision, page=page)

        found = {each.name: content(each) for each in then.objects if each.labels}
        assert found == {"changed": content(changed), "deleted": content(deleted)}
        assert then.revision == revision

    def test_namespaces_and_definitions_have_a_past_too(self, client):
        name = client.create(NAMESPACES, "", encode(body(NAMESPACES, unique("past")))).name
        revision = client.list(NAMESPACES).revision
        client.merge_patch(NAMESPACES, "", name, b'{"metadata":{"labels":{"later":"yes"}}}')
        widgets = define_widgets(client, unique("g") + ".example.com")

        assert exact(client, NAMESPACES, revision)[name].labels == {"kubernetes.io/metadata.name": name}
        assert f"widgets.{widgets.group}" not in exact(client, CRDS, revision)

    def test_a_continued_list_keeps_its_revision_while_others_write(self, client, namespace, make):
        for name in "abc":
            make(CONFIG_MAPS, name)
        query = ListQuery(kind=CONFIG_MAPS, namespace=namespace, selector="!kubernetes.io/x")
        first = first_page(client.wire, query, page=1)
        for name in ("aa", "zz"):
            make(CONFIG_MAPS, name)
        client.delete(CONFIG_MAPS, namespace, "c")

        found = complete(client.wire, query, first, page=1)

        assert {each.name for each in found.objects} - {"kube-root-ca.crt"} == {"a", "b", "c"}

    def test_a_get_at_a_revision_is_not_exact(self, client, namespace, make):
        made = make(CONFIG_MAPS, "a", data={"k": "old"})
        client.merge_patch(CONFIG_MAPS, namespace, "a", b'{"data":{"k":"new"}}')

        path = f"/api/v1/namespaces/{namespace}/configmaps/a"
        answer = client.request("GET", path, query=[("resourceVersion", made.resource_version)])

        assert json.loads(answer.body)["data"] == {"k": "new"}

    def test_a_kind_that_did_not_exist_at_the_revision_is_empty(self, client, namespace):
        revision = client.list(NAMESPACES).revision
        widgets = define_widgets(client, unique("g") + ".example.com")
        client.create(widgets, namespace, encode(body(widgets, "a")))

        assert client.list(widgets, revision=revision).objects == ()

    def test_a_kind_whose_definition_is_gone_is_404(self, client, namespace, widgets):
        client.create(widgets, namespace, encode(body(widgets, "a")))
        revision = client.list(widgets).revision
        client.delete(CRDS, "", f"widgets.{widgets.group}")
        path = f"/apis/{widgets.group}/v1/widgets"
        until(lambda: client.request("GET", path).status == 404, "the kind is no longer served")

        with pytest.raises(RequestRejected) as caught:
            client.list(widgets, revision=revision)
        assert caught.value.status == 404

    def test_a_revision_to_come_is_a_timeout(self, client):
        ahead = str(int(client.list(NAMESPACES).revision) + 1_000_000)
        query = [("resourceVersion", ahead), ("resourceVersionMatch", "Exact")]

        assert client.request("GET", "/api/v1/configmaps", query=query).status == 504

    @pytest.mark.parametrize(
        "query",
        [
            [("resourceVersion", "0"), ("resourceVersionMatch", "Exact")],
            [("resourceVersionMatch", "Exact")],
            [("resourceVersion", "1"), ("resourceVersionMatch", "Exactly")],
        ],
    )
    def test_revisions_that_make_no_sense_are_refused(self, client, query):
        assert client.request("GET", "/api/v1/configmaps", query=query).status == 422

    def test_a_token_beside_a_revision_is_refused(self, client, namespace, make):
        for name in "abc":
            make(CONFIG_MAPS, name)
        first = first_page(client.wire, ListQuery(kind=CONFIG_MAPS, namespace=namespace), page=1)
        query = [
            ("continue", first.token),
            ("limit", "1"),
            ("resourceVersionMatch", "Exact"),
            ("resourceVersion", first.revision),
        ]

        assert client.request("GET", f"/api/v1/namespaces/{namespace}/configmaps", query=query).status == 422

    def test_a_cut_of_everything_has_one_revision_and_no_failure(self, client, namespace, make, widgets):
        make(CONFIG_MAPS, "a")
        make(widgets, "w")
        kinds = [kind for kind in discover(client).kinds if "list" in kind.verbs]

        cut = take_cut(client, [ListWant(kind=kind) for kind in kinds], clock=SystemClock(), cancel=Cancellation())

        assert cut.failures == ()
        assert {skew.group_resource for skew in cut.skews} <= {"componentstatuses"}
        assert {listing.revision for listing in cut.listings} <= {cut.revision, ""}
        assert {("a", namespace), ("w", namespace)} <= {
            (each.name, each.namespace) for listing in cut.listings for each in listing.objects
        }
