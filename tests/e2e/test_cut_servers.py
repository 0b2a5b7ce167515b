"""The rules of the cut on real servers of a special kind: two stores, quick compaction, a stop in the middle."""

import json
from collections.abc import Callable, Iterator

import pytest

from drsync.errors import ClusterUnreachable, RevisionGone
from drsync.kube.client import KubeClient
from drsync.kube.cut import ListWant
from tests.conformance.objects import CONFIG_MAPS, NAMESPACES, ROLES, SECRETS, body, encode, unique
from tests.e2e.cluster import Cluster
from tests.e2e.cutting import Interposed, cut_of, names, opened
from tests.e2e.wait import until

pytestmark = pytest.mark.e2e


# --- ConfigMaps in a second etcd, whose revisions have nothing to do with the first's


@pytest.fixture(scope="module")
def split(tmp_path_factory) -> Iterator[Cluster]:
    root = tmp_path_factory.mktemp("split")
    with Cluster("split", root=root, etcd_overrides=["/configmaps"], controller_manager=False) as cluster:
        yield cluster


@pytest.fixture
def split_client(split: Cluster) -> Iterator[KubeClient]:
    with opened(split.kubeconfig) as each:
        yield each


@pytest.fixture(params=["behind", "ahead"])
def split_namespace(request, split_client) -> str:
    """A namespace with a ConfigMap, when the second store counts less than the first, or more."""
    name = split_client.create(NAMESPACES, "", encode(body(NAMESPACES, unique("t")))).name
    filler = CONFIG_MAPS if request.param == "ahead" else SECRETS
    split_client.create(CONFIG_MAPS, name, encode(body(CONFIG_MAPS, "first")))

    def second_is_ahead() -> bool:
        main, second = (
            int(split_client.list(of, fields="metadata.name=x").revision) for of in (NAMESPACES, CONFIG_MAPS)
        )
        return second > main + 50 if request.param == "ahead" else second < main - 50

    count = 0
    while not second_is_ahead():
        for _ in range(100):
            count += 1
            split_client.create(
                filler, name, encode(body(filler, f"filler-{count}", metadata={"labels": {"filler": ""}}))
            )
    return name


def test_an_exact_list_lies(split_client, split_namespace):
    """The reason for the bracket: the server claims a revision that the store never had."""
    revision = split_client.list(NAMESPACES).revision
    split_client.create(CONFIG_MAPS, split_namespace, encode(body(CONFIG_MAPS, "later")))
    path = f"/api/v1/namespaces/{split_namespace}/configmaps"
    query = [
        ("resourceVersion", revision),
        ("resourceVersionMatch", "Exact"),
        ("fieldSelector", "metadata.name=later"),
    ]
    answer = split_client.request("GET", path, query=query, timeout_s=10)

    if answer.status == 200:
        assert json.loads(answer.body)["metadata"]["resourceVersion"] == revision
    else:
        assert answer.status in {410, 504}


def test_the_kind_is_listed_afresh_and_its_skew_recorded(split_client, split_namespace):
    transport = Interposed(split_client)
    wants = [ListWant(kind=of, namespace=split_namespace) for of in (CONFIG_MAPS, SECRETS, ROLES)]

    cut = cut_of(split_client, *wants)

    assert [skew.group_resource for skew in cut.skews] == ["configmaps"]
    assert "another store" in cut.skews[0].reason
    assert cut.started_at <= cut.skews[0].listed_at
    assert "first" in names(cut, CONFIG_MAPS)
    assert cut.failures == ()
    asked = [path for path in transport.paths if "/configmaps" in path]
    assert not any("resourceVersion" in path for path in asked)


def test_all_pages_of_the_kind_are_read(split_client, split_namespace):
    for number in range(300):
        name = f"page-{number}"
        split_client.create(
            CONFIG_MAPS, split_namespace, encode(body(CONFIG_MAPS, name, metadata={"labels": {"of": "pages"}}))
        )

    cut = cut_of(split_client, ListWant(kind=CONFIG_MAPS, namespace=split_namespace, selector="of=pages"))

    assert len(cut.listings[0].objects) == 300


# --- a server that forgets revisions after seconds


@pytest.fixture(scope="module")
def forgetful(tmp_path_factory) -> Iterator[Cluster]:
    root = tmp_path_factory.mktemp("forgetful")
    args = ["--etcd-compaction-interval=1s"]
    with Cluster("forgetful", root=root, apiserver_args=args, controller_manager=False) as cluster:
        yield cluster


@pytest.fixture
def forgetful_client(forgetful: Cluster) -> Iterator[KubeClient]:
    with opened(forgetful.kubeconfig, connections=1) as each:
        yield each


@pytest.fixture
def filled(forgetful_client) -> ListWant:
    """A list of more than one page."""
    namespace = forgetful_client.create(NAMESPACES, "", encode(body(NAMESPACES, unique("t")))).name
    for number in range(300):
        forgetful_client.create(CONFIG_MAPS, namespace, encode(body(CONFIG_MAPS, f"c{number}")))
    return ListWant(kind=CONFIG_MAPS, namespace=namespace)


@pytest.fixture
def forget(forgetful, filled) -> Callable[[str], None]:
    """Returns when the server no longer keeps, of one kind, what was its revision."""

    def wait(resource: str) -> None:
        revision = forgetful.api.get("/api/v1/namespaces?limit=1")["metadata"]["resourceVersion"]
        path = f"/api/v1/{resource}?limit=1&resourceVersion={revision}&resourceVersionMatch=Exact"

        def gone() -> bool:
            touch = body(CONFIG_MAPS, unique("touch"))
            forgetful.api.request("POST", f"/api/v1/namespaces/{filled.namespace}/configmaps", touch)
            return forgetful.api.request("GET", path).status == 410

        until(gone, "the revision is forgotten")

    return wait


def test_a_revision_lost_between_pages_makes_the_whole_cut_be_taken_again(forgetful_client, filled, forget):
    transport = Interposed(forgetful_client)
    lost = []

    def before(path: str) -> None:
        if "continue=" in path and not lost:
            lost.append(path)
            forget("configmaps")

    transport.before = before
    cut = cut_of(forgetful_client, filled, ListWant(kind=SECRETS))

    assert cut.attempts == 2
    assert {f"c{number}" for number in range(300)} <= names(cut, CONFIG_MAPS)
    assert {listing.revision for listing in cut.listings} == {cut.revision}
    # after the 410 the next request starts anew, it does not follow the token that the 410 offers
    assert "continue=" not in transport.paths[transport.paths.index(lost[0]) + 1]


def test_a_revision_lost_before_an_exact_list_makes_the_whole_cut_be_taken_again(forgetful_client, filled, forget):
    transport = Interposed(forgetful_client)
    lost = []

    def before(path: str) -> None:
        if "resourceVersionMatch=Exact" in path and not lost:
            lost.append(path)
            forget("secrets")

    transport.before = before
    wants = [ListWant(kind=SECRETS, namespace=name) for name in ("default", "kube-system")]
    cut = cut_of(forgetful_client, *wants)

    assert lost
    assert cut.attempts == 2
    assert {listing.revision for listing in cut.listings} == {cut.revision}


def test_a_revision_lost_each_time_ends_the_cut(forgetful_client, filled, forget):
    transport = Interposed(forgetful_client)
    transport.before = lambda path: forget("configmaps") if "continue=" in path else None

    with pytest.raises(RevisionGone, match="4 times"):
        cut_of(forgetful_client, filled)


def test_a_server_that_is_stopped_ends_the_cut_in_one_sentence(tmp_path):
    with (
        Cluster("stopped", root=tmp_path / "c", controller_manager=False) as cluster,
        opened(cluster.kubeconfig, connections=1) as client,
    ):
        transport = Interposed(client)
        stops = [cluster.stop_api_server]
        transport.before = lambda path: stops.pop()() if "secrets" in path and stops else None

        with pytest.raises(ClusterUnreachable, match="did not answer"):
            cut_of(client, ListWant(kind=SECRETS))


def test_a_server_that_restarts_in_the_middle_is_waited_for(tmp_path):
    with (
        Cluster("restarted", root=tmp_path / "c", controller_manager=False) as cluster,
        opened(cluster.kubeconfig, connections=1) as client,
    ):
        transport = Interposed(client)
        restart = [True]

        def before(path: str) -> None:
            if "secrets" in path and restart:
                restart.clear()
                cluster.stop_api_server()
                cluster.start_api_server(wait=False)

        transport.before = before
        cut = cut_of(client, ListWant(kind=SECRETS), ListWant(kind=CONFIG_MAPS))

    assert cut.failures == ()
    assert {listing.revision for listing in cut.listings} == {cut.revision}
