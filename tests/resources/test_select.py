"""resources/select.py: what a policy takes, and what it leaves with a reason."""

import pytest

from drsync.model.policy import Selection
from drsync.resources.labels import parse_selector
from drsync.resources.select import (
    choose_kinds,
    excluded_namespaces,
    kind_matches,
    matching_namespaces,
    may_match_group,
    selects,
    unmatched_namespaces,
)
from tests.resources.builders import VERBS, kind, manifest, observed

EVERYTHING = Selection(namespaces=("*",))
NAMESPACES = [
    observed(manifest("v1", "Namespace", metadata={"name": name, "labels": labels}))
    for name, labels in {
        "web-2": {"team": "shop"},
        "web-1": {"team": "shop"},
        "bank": {"team": "pay"},
        "scratch": {"drsync.io/exclude": "true"},
        "kube-system": {},
    }.items()
]
SERVED = [
    kind("v1", "ConfigMap"),
    kind("v1", "Event"),
    kind("events.k8s.io/v1", "Event"),
    kind("v1", "Namespace"),
    kind("v1", "Node"),
    kind("v1", "PersistentVolume"),
    kind("v1", "Secret"),
    kind("v1", "ComponentStatus", verbs=frozenset({"get", "list"})),
    kind("apps/v1", "Deployment"),
    kind("authentication.k8s.io/v1", "TokenReview", verbs=frozenset({"create"})),
    kind("coordination.k8s.io/v1", "Lease"),
    kind("extensions/v1beta1", "Ingress"),
    kind("metrics.k8s.io/v1beta1", "Pod", verbs=frozenset({"get", "list"})),
    kind("networking.k8s.io/v1", "Ingress"),
    kind("networking.k8s.io/v1", "IngressClass"),
    kind("rbac.authorization.k8s.io/v1", "ClusterRole"),
    kind("rbac.authorization.k8s.io/v1", "Role"),
    kind("example.com/v1", "Report", verbs=frozenset({"get", "list"})),
    kind("example.com/v1", "Widget"),
    kind("cilium.io/v2", "CiliumEndpoint"),
    kind("velero.io/v1", "Backup"),
]


def taken(selection: Selection) -> set[str]:
    choice = choose_kinds(selection, SERVED)
    return {kind.group_resource for kind in (*choice.namespaced, *choice.cluster)}


def reason(selection: Selection, group_resource: str) -> str:
    return {it.what: it.reason for it in choose_kinds(selection, SERVED).excluded}[f"kind {group_resource}"]


@pytest.mark.parametrize(
    ("selection", "names"),
    [
        (Selection(namespaces=("bank",)), ("bank",)),
        (Selection(namespaces=("web-*",)), ("web-1", "web-2")),
        (Selection(namespaces=("web-?",), exclude_namespaces=("*-2",)), ("web-1",)),
        (Selection(namespaces=("web-[13]",)), ("web-1",)),
        (Selection(namespaces=("web-1",), namespace_labels=parse_selector("team=pay")), ("bank", "web-1")),
        (Selection(namespaces=(), namespace_labels=parse_selector("team in (shop,pay)")), ("bank", "web-1", "web-2")),
        (Selection(namespaces=("scratch",)), ()),
        (Selection(namespaces=("WEB-1",)), ()),
        (Selection(namespaces=()), ()),
    ],
)
def test_namespaces_by_name_glob_label_and_exclusion(selection: Selection, names: tuple[str, ...]) -> None:
    assert matching_namespaces(selection, NAMESPACES) == names


def test_tells_of_names_and_globs_that_match_nothing() -> None:
    selection = Selection(namespaces=("bank", "gone", "nope-*"))

    assert unmatched_namespaces(selection, NAMESPACES) == ("gone", "nope-*")


def test_tells_why_a_chosen_namespace_is_left_out() -> None:
    found = excluded_namespaces(Selection(namespaces=("*",), exclude_namespaces=("kube-*",)), NAMESPACES)

    assert [(it.what, it.reason) for it in found] == [
        ("namespace kube-system", "the policy excludes kube-*"),
        ("namespace scratch", "it carries drsync.io/exclude: true"),
    ]


@pytest.mark.parametrize(
    ("pattern", "wanted"),
    [
        ("deployments.apps", True),
        ("deployments", True),
        ("Deployment", True),
        ("deployment", True),
        ("*.apps", True),
        ("deploy*", True),
        ("*", True),
        ("deployments.extensions", False),
        ("apps", False),
    ],
)
def test_kinds_by_the_names_people_give_them(pattern: str, *, wanted: bool) -> None:
    assert kind_matches(pattern, kind("apps/v1", "Deployment")) is wanted


def test_takes_by_default_what_an_application_is_made_of() -> None:
    assert taken(EVERYTHING) == {
        "configmaps",
        "deployments.apps",
        "ingresses.networking.k8s.io",
        "ingressclasses.networking.k8s.io",
        "namespaces",
        "persistentvolumes",
        "secrets",
        "widgets.example.com",
    }


@pytest.mark.parametrize(
    ("group_resource", "why"),
    [
        ("events", "events tell of what happened"),
        ("events.events.k8s.io", "events tell of what happened"),
        ("nodes", "machines"),
        ("componentstatuses", "control plane"),
        ("tokenreviews.authentication.k8s.io", "does not let anyone list it"),
        ("reports.example.com", "does not let anyone create it"),
        ("leases.coordination.k8s.io", "who leads"),
        ("pods.metrics.k8s.io", "measurements"),
        ("ingresses.extensions", "taken as ingresses.networking.k8s.io"),
        ("roles.rbac.authorization.k8s.io", "rbac: exclude"),
        ("clusterroles.rbac.authorization.k8s.io", "rbac: exclude"),
        ("ciliumendpoints.cilium.io", "network state"),
        ("backups.velero.io", "another backup tool"),
    ],
)
def test_every_kind_left_out_has_its_reason(group_resource: str, why: str) -> None:
    assert why in reason(EVERYTHING, group_resource)


def test_a_kind_left_out_by_default_is_taken_when_named_in_full() -> None:
    named = Selection(namespaces=("*",), include_resources=("leases.coordination.k8s.io", "leases", "events"))

    assert "leases.coordination.k8s.io" in taken(named)
    assert "events" not in taken(named)


def test_includes_only_what_is_named() -> None:
    assert taken(Selection(namespaces=("*",), include_resources=("secrets",), cluster_scoped="none")) == {
        "secrets",
        "namespaces",
    }


def test_an_exclusion_wins_over_an_inclusion() -> None:
    both = Selection(namespaces=("*",), include_resources=("secrets", "configmaps"), exclude_resources=("Secret",))

    assert "secrets" not in taken(both)
    assert reason(both, "secrets") == "the policy excludes Secret"


def test_rbac_is_taken_when_asked_for() -> None:
    asked = taken(Selection(namespaces=("*",), rbac="include"))

    assert {"roles.rbac.authorization.k8s.io", "clusterroles.rbac.authorization.k8s.io"} <= asked


def test_cluster_scoped_kinds_are_taken_whole_when_included() -> None:
    none = Selection(namespaces=("*",), cluster_scoped="none", cluster_scoped_include=("ingressclasses",))

    assert {kind.group_resource for kind in choose_kinds(none, SERVED).cluster} == {
        "ingressclasses.networking.k8s.io",
        "namespaces",
    }


def test_an_older_group_is_taken_where_there_is_no_newer() -> None:
    choice = choose_kinds(EVERYTHING, [kind("extensions/v1beta1", "Ingress")])

    assert [it.group_resource for it in choice.namespaced] == ["ingresses.extensions"]


def test_tells_of_kinds_that_match_nothing() -> None:
    selection = Selection(namespaces=("*",), include_resources=("secrets", "gadgets"), exclude_resources=("*.gone.io",))

    assert choose_kinds(selection, SERVED).unmatched == ("gadgets", "*.gone.io")


@pytest.mark.parametrize(
    ("metadata", "wanted"),
    [
        ({}, True),
        ({"labels": {"app": "a"}}, True),
        ({"labels": {"app": "b"}}, False),
        ({"labels": {"drsync.io/exclude": "true"}}, False),
        ({"labels": {"drsync.io/exclude": "false"}}, True),
        ({"annotations": {"drsync.io/exclude": "true"}}, False),
        ({"annotations": {"note": "drsync.io/exclude"}}, True),
    ],
)
def test_objects_by_label_and_mark(metadata: dict[str, object], *, wanted: bool) -> None:
    item = observed(manifest("v1", "ConfigMap", metadata=metadata))

    assert selects(Selection(namespaces=("*",), labels=parse_selector("app notin (b)")), item) is wanted


@pytest.mark.parametrize(
    ("selection", "group", "wanted"),
    [
        (EVERYTHING, "example.com", True),
        (EVERYTHING, "metrics.k8s.io", False),
        (EVERYTHING, "custom.metrics.k8s.io", False),
        (EVERYTHING, "velero.io", False),
        (Selection(namespaces=("*",), exclude_resources=("*.example.com",)), "example.com", False),
        (Selection(namespaces=("*",), include_resources=("deployments.apps",)), "example.com", False),
        (Selection(namespaces=("*",), include_resources=("widgets.example.com",)), "example.com", True),
        (Selection(namespaces=("*",), include_resources=("widgets",)), "example.com", True),
    ],
)
def test_a_group_that_does_not_answer_matters_only_if_it_could_match(
    selection: Selection, group: str, *, wanted: bool
) -> None:
    assert may_match_group(selection, group) is wanted


def test_kinds_do_not_depend_on_the_order_of_discovery() -> None:
    assert choose_kinds(EVERYTHING, SERVED) == choose_kinds(EVERYTHING, SERVED[::-1])
    assert all(item.verbs == VERBS for item in choose_kinds(EVERYTHING, SERVED).namespaced)
