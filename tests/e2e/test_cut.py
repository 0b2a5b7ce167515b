"""The rules of the cut on a real API server: one instant, kinds that vanish, are forbidden or fail."""

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import pytest

from drsync.kube.client import KubeClient
from drsync.kube.cut import ListWant
from drsync.kube.discovery import discover
from tests.conformance.objects import CONFIG_MAPS, CRDS, ROLES, SECRETS, body, encode, kind, unique
from tests.conformance.server import define_widgets
from tests.e2e.cluster import Cluster
from tests.e2e.cutting import Interposed, cut_of, names, opened, writing
from tests.e2e.wait import until

pytestmark = pytest.mark.e2e

API_SERVICES = kind("apiregistration.k8s.io", "v1", "apiservices", "APIService", namespaced=False)


@pytest.fixture
def client(primary: Cluster) -> Iterator[KubeClient]:
    with opened(primary.kubeconfig) as each:
        yield each


def everything(client: KubeClient) -> list[ListWant]:
    return [ListWant(kind=each) for each in discover(client).kinds if "list" in each.verbs]


def test_kinds_that_change_together_are_cut_at_one_instant(client, namespace):
    widgets = define_widgets(client, unique("g") + ".example.com")
    for of in (CONFIG_MAPS, SECRETS, widgets):
        client.create(of, namespace, encode(body(of, "n", metadata={"labels": {"n": "0"}})))

    def step(number: int) -> None:
        for of in (CONFIG_MAPS, SECRETS, widgets):
            client.merge_patch(of, namespace, "n", encode({"metadata": {"labels": {"n": str(number)}}}))

    wants = [ListWant(kind=of, namespace=namespace) for of in (widgets, SECRETS, CONFIG_MAPS)]
    with writing(step) as done:
        for rounds in range(20):
            until(partial(lambda least: done() > least, rounds), "another round of writes")
            cut = cut_of(client, *wants)
            last, middle, first = (
                next(int(each.labels["n"]) for each in listing.objects if each.name == "n") for listing in cut.listings
            )

            assert first >= middle >= last >= first - 1
            assert {listing.revision for listing in cut.listings} == {cut.revision}
            assert (cut.skews, cut.failures) == ((), ())


def test_a_cut_of_every_kind_of_a_busy_server_is_whole(client, namespace):
    wants = everything(client)
    with writing(lambda number: client.create(CONFIG_MAPS, namespace, encode(body(CONFIG_MAPS, f"c{number}")))) as done:
        until(lambda: done() > 20, "some writes")
        cut = cut_of(client, *wants)

    assert cut.failures == ()
    assert {skew.group_resource for skew in cut.skews} <= {"componentstatuses"}
    # one writer made them one after the other, so a state of the past has no gap
    wanted = next(want.kind for want in wants if want.kind.group_resource == "configmaps")
    numbers = sorted(int(name[1:]) for name in names(cut, wanted, namespace) if name[1:].isdigit())
    assert numbers == list(range(len(numbers)))
    assert len(numbers) > 20


def test_a_quiet_kind_costs_one_request(client, namespace):
    transport = Interposed(client)
    wants = [ListWant(kind=of, namespace=namespace) for of in (SECRETS, CONFIG_MAPS, ROLES)]

    costs = []
    for _ in range(5):
        transport.paths.clear()
        cut_of(client, *wants)
        costs.append(len(transport.paths))

    assert min(costs) == len(wants) + 3


def test_a_kind_that_is_gone_before_the_cut_has_no_objects(client, namespace):
    widgets = define_widgets(client, unique("g") + ".example.com")
    client.create(widgets, namespace, encode(body(widgets, "w")))
    client.delete(CRDS, "", f"widgets.{widgets.group}")
    path = f"/apis/{widgets.group}/v1/widgets"
    until(lambda: client.request("GET", path).status == 404, "the kind is no longer served")

    cut = cut_of(client, ListWant(kind=widgets), ListWant(kind=CONFIG_MAPS, namespace=namespace))

    assert cut.vanished == (widgets,)
    assert cut.failures == ()
    assert names(cut, widgets) == set()


def test_a_kind_that_vanishes_in_the_middle_makes_the_cut_be_taken_again(primary, namespace):
    with opened(primary.kubeconfig, connections=1) as client:
        widgets = define_widgets(client, unique("g") + ".example.com")
        client.create(widgets, namespace, encode(body(widgets, "w")))
        transport = Interposed(client)
        vanished = []

        def before(path: str) -> None:
            if f"/apis/{widgets.group}" in path and "Exact" in path and not vanished:
                vanished.append(path)
                primary.api.request(
                    "DELETE", f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.{widgets.group}"
                )
                gone = f"/apis/{widgets.group}/v1/widgets"
                until(lambda: primary.api.request("GET", gone).status == 404, "the kind is no longer served")

        transport.before = before
        # the second list of a kind always asks for the revision
        cut = cut_of(client, ListWant(kind=widgets, namespace="default"), ListWant(kind=widgets, namespace=namespace))

    assert vanished
    assert (cut.attempts, cut.vanished, cut.failures) == (2, (widgets,), ())


def test_a_kind_made_in_the_middle_is_at_the_revision_of_the_cut(client, namespace):
    widgets = define_widgets(client, unique("g") + ".example.com")
    cut = cut_of(client, ListWant(kind=CRDS), ListWant(kind=widgets))

    assert f"widgets.{widgets.group}" in names(cut, CRDS)
    assert {listing.revision for listing in cut.listings} == {cut.revision}


@pytest.fixture
def limited(primary, client, namespace, tmp_path) -> Iterator[KubeClient]:
    """A client with the rights to list namespaces and ConfigMaps, and nothing else."""
    name = unique("limited")
    rules = [{"apiGroups": [""], "resources": ["configmaps", "namespaces"], "verbs": ["list"]}]
    roles = kind("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", namespaced=False)
    bindings = replace(roles, resource="clusterrolebindings", kind="ClusterRoleBinding")
    accounts = kind("", "v1", "serviceaccounts", "ServiceAccount")
    client.create(accounts, namespace, encode(body(accounts, name)))
    client.create(roles, "", encode(body(roles, name, rules=rules)))
    subject = {"kind": "ServiceAccount", "namespace": namespace, "name": name}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}
    client.create(bindings, "", encode(body(bindings, name, subjects=[subject], roleRef=reference)))
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    answer = client.request("POST", path, body=encode(request))
    config = json.loads(primary.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": json.loads(answer.body)["status"]["token"]}
    kubeconfig = tmp_path / "limited"
    kubeconfig.write_text(json.dumps(config))
    with opened(kubeconfig) as each:
        until(lambda: each.request("GET", "/api/v1/configmaps", query=[("limit", "1")]).ok, "the binding is in force")
        yield each


def test_a_forbidden_kind_is_told_and_the_others_go_on(limited, namespace):
    cut = cut_of(limited, ListWant(kind=SECRETS), ListWant(kind=CONFIG_MAPS, namespace=namespace))

    assert [failure.want.kind for failure in cut.failures] == [SECRETS]
    assert "forbids to list secrets" in cut.failures[0].reason
    assert [listing.kind for listing in cut.listings] == [CONFIG_MAPS]


@pytest.fixture
def aggregated(client) -> Iterator[object]:
    """A kind of an aggregated API whose service has nobody behind it."""
    group = unique("g") + ".example.com"
    service = {"name": "absent", "namespace": "default", "port": 443}
    spec = {
        "group": group,
        "version": "v1",
        "service": service,
        "groupPriorityMinimum": 1000,
        "versionPriority": 15,
        "insecureSkipTLSVerify": True,
    }
    client.create(API_SERVICES, "", encode(body(API_SERVICES, f"v1.{group}", spec=spec)))
    yield kind(group, "v1", "readings", "Reading")
    client.delete(API_SERVICES, "", f"v1.{group}")


def test_an_aggregated_api_that_is_down_is_told_and_the_others_go_on(client, namespace, aggregated):
    until(lambda: discover(client).failures, "discovery says that the group does not answer")
    transport = Interposed(client)

    cut = cut_of(client, ListWant(kind=aggregated), ListWant(kind=CONFIG_MAPS, namespace=namespace))

    assert [failure.want.kind for failure in cut.failures] == [aggregated]
    assert [listing.kind for listing in cut.listings] == [CONFIG_MAPS]
    assert not any("resourceVersion" in path for path in transport.paths if aggregated.group in path)
