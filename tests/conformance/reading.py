"""Discovery, lists, selectors, pages and watches."""

import json
from datetime import timedelta
from itertools import islice

import pytest

from drsync.clock import Deadline, SystemClock
from drsync.errors import PermissionDenied, RequestRejected
from drsync.kube import discovery
from drsync.kube.client import KubeClient
from drsync.kube.listing import ListQuery
from drsync.kube.paging import first_page
from drsync.kube.watch import WatchType
from tests.conformance.objects import CONFIG_MAPS, DEPLOYMENTS, NAMESPACES, SECRETS, kind
from tests.conformance.server import OnServer


def until_in(seconds):
    return Deadline.after(SystemClock(), timedelta(seconds=seconds), "the watch")


class ReadingConformance(OnServer):
    @pytest.fixture
    def stranger(self) -> KubeClient:
        """A client with a token that the server does not know; the module that runs this gives it."""
        raise NotImplementedError

    def test_discovery_tells_kinds_scopes_and_verbs(self, client, widgets):
        found = discovery.discover(client)

        deployments = found.find("deployments.apps")
        assert (deployments.version, deployments.kind, deployments.namespaced) == ("v1", "Deployment", True)
        assert {"list", "create", "update", "patch", "delete", "watch"} <= deployments.verbs
        assert not found.find("namespaces").namespaced
        assert found.find(widgets.group_resource).kind == "Widget"
        assert all("/" not in each.resource for each in found.kinds)
        assert found.failures == ()

    def test_both_ways_of_discovery_tell_the_same(self, client, monkeypatch):
        found = discovery.discover(client)
        monkeypatch.setattr(discovery, "_ACCEPT", "application/json")

        assert set(discovery.discover(client).kinds) == set(found.kinds)

    def test_list_items_of_built_in_kinds_lack_their_type_and_others_have_it(self, client, namespace, make, widgets):
        make(CONFIG_MAPS, "a")
        make(widgets, "w")

        plain = json.loads(client.list(CONFIG_MAPS, namespace=namespace).objects[0].raw)
        custom = json.loads(client.list(widgets, namespace=namespace).objects[0].raw)

        assert not {"apiVersion", "kind"} & plain.keys()
        assert (custom["apiVersion"], custom["kind"]) == (widgets.api_version, "Widget")

    def test_a_get_has_its_type(self, client, namespace, make):
        make(CONFIG_MAPS, "a")

        found = json.loads(client.get(CONFIG_MAPS, namespace, "a").raw)

        assert (found["apiVersion"], found["kind"]) == ("v1", "ConfigMap")

    @pytest.mark.parametrize(
        ("selector", "names"),
        [
            ("app=web", {"a", "b"}),
            ("app==web,tier!=db", {"b"}),
            ("app in (web,x),tier", {"a"}),
            ("app notin (web)", {"c", "d"}),
            ("!app", {"d"}),
        ],
    )
    def test_label_selectors_choose(self, client, namespace, make, selector, names):
        labels = {"a": {"app": "web", "tier": "db"}, "b": {"app": "web"}, "c": {"app": "x"}, "d": {}}
        for name, given in labels.items():
            make(SECRETS, name, metadata={"labels": {"of": "test", **given}})

        found = client.list(SECRETS, namespace=namespace, selector=f"of=test,{selector}")

        assert {each.name for each in found.objects} == names

    def test_a_field_selector_chooses_by_name(self, client, namespace, make):
        make(SECRETS, "a")
        make(SECRETS, "b")

        found = client.list(SECRETS, namespace=namespace, fields="metadata.name=b")

        assert [each.name for each in found.objects] == ["b"]

    def test_a_list_over_all_namespaces_holds_each(self, client, namespace, make):
        make(SECRETS, "only-here")

        assert (namespace, "only-here") in {(each.namespace, each.name) for each in client.list(SECRETS).objects}

    @pytest.mark.parametrize("page", [None, 1, 2, 3, 500])
    def test_pages_add_up_to_the_list_in_order(self, client, namespace, make, page):
        for name in "abcde":
            make(SECRETS, name)

        found = client.list(SECRETS, namespace=namespace, page=page)

        assert [each.name for each in found.objects] == list("abcde")

    def test_a_namespace_that_is_not_there_lists_empty(self, client):
        assert client.list(SECRETS, namespace="no-such-namespace").objects == ()

    def test_what_is_not_there_is_none(self, client, namespace):
        assert client.get(SECRETS, namespace, "absent") is None
        assert client.get(NAMESPACES, "", "absent") is None

    def test_a_kind_that_is_not_served_is_404(self, client):
        with pytest.raises(RequestRejected) as caught:
            client.list(kind("absent.example.com", "v1", "things", "Thing"))

        assert caught.value.status == 404

    def test_unknown_credentials_are_refused(self, stranger):
        with pytest.raises(PermissionDenied, match="does not accept the credentials"):
            stranger.list(NAMESPACES)

    def test_the_servers_clock_is_told(self, client):
        client.list(NAMESPACES)

        assert abs(client.skew) < timedelta(seconds=5)

    def test_a_watch_tells_what_happens_after_a_revision(self, client, namespace, make):
        make(SECRETS, "before")
        revision = client.list(SECRETS, namespace=namespace).revision
        made = make(SECRETS, "a")
        client.merge_patch(SECRETS, namespace, "a", b'{"metadata":{"labels":{"x":"y"}}}')
        client.delete(SECRETS, namespace, "a")

        watch = client.watch(SECRETS, namespace=namespace, revision=revision, until=until_in(30))
        events = list(islice((each for each in watch if each.type is not WatchType.BOOKMARK), 3))

        assert [each.type for each in events] == [WatchType.ADDED, WatchType.MODIFIED, WatchType.DELETED]
        assert [each.object.name for each in events] == ["a"] * 3
        assert events[0].revision == made.resource_version
        assert int(events[2].revision) > int(events[1].revision)

    def test_a_watch_ends_at_its_deadline(self, client, namespace):
        revision = client.list(SECRETS, namespace=namespace).revision
        watch = client.watch(SECRETS, namespace=namespace, revision=revision, until=until_in(1))

        assert [each for each in watch if each.type is not WatchType.BOOKMARK] == []

    def test_a_watch_can_choose_one_object(self, client, namespace, make):
        revision = client.list(DEPLOYMENTS, namespace=namespace).revision
        make(SECRETS, "a")
        make(SECRETS, "b")
        fields = "metadata.name=b"

        watch = client.watch(SECRETS, namespace=namespace, fields=fields, revision=revision, until=until_in(30))

        assert next(each for each in watch if each.object).object.name == "b"

    def test_a_first_page_tells_the_revision_of_the_store(self, client, make):
        before = int(first_page(client.wire, ListQuery(kind=NAMESPACES), page=1).revision)
        made = int(make(SECRETS, "a").resource_version)

        after = int(first_page(client.wire, ListQuery(kind=NAMESPACES), page=1).revision)

        assert before < made <= after
