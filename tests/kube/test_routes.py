"""URLs: where objects are, and that no name leaves its segment."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsync.errors import RequestRejected
from drsync.kube import routes
from tests.kube.conftest import CONFIG_MAPS, WIDGETS

ROLES = replace(WIDGETS, group="rbac.authorization.k8s.io", resource="clusterroles", namespaced=False)


def test_core_and_grouped_kinds_have_their_own_roots():
    assert routes.collection(CONFIG_MAPS, "shop") == "/api/v1/namespaces/shop/configmaps"
    assert routes.collection(WIDGETS) == "/apis/example.com/v1/widgets"


def test_a_namespace_is_ignored_for_cluster_scoped_kinds():
    assert routes.item(ROLES, "shop", "system:node") == "/apis/rbac.authorization.k8s.io/v1/clusterroles/system:node"


def test_a_subresource_follows_the_name():
    assert routes.item(WIDGETS, "shop", "w", "status").endswith("/namespaces/shop/widgets/w/status")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../../secrets", "a%2fb"])
def test_a_name_that_would_leave_its_segment_is_refused(name):
    with pytest.raises(RequestRejected):
        routes.item(CONFIG_MAPS, "shop", name)


@pytest.mark.parametrize("part", ["", "../v1", "v1/namespaces", "V1", "v1?x=1"])
def test_a_version_that_is_no_dns_name_is_refused(part):
    with pytest.raises(RequestRejected):
        routes.collection(replace(CONFIG_MAPS, version=part))


@given(st.text(min_size=1))
def test_whatever_the_name_the_path_keeps_its_depth(name):
    try:
        path = routes.item(CONFIG_MAPS, "shop", name)
    except RequestRejected:
        return
    assert path.count("/") == 6
    assert not set(path) & set("?# \n\r")


def test_empty_query_values_are_left_out():
    assert routes.with_query("/x", [("a", "1 2"), ("b", "")]) == "/x?a=1%202"
