"""What the conformance classes share: a client of the server in question, and a namespace for each test."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from drsync.kube.client import KubeClient
from drsync.model.resource import ResourceKind, ResourceObject
from tests.conformance.objects import CRDS, NAMESPACES, body, encode, kind, unique, widget_definition

T = TypeVar("T")


class OnServer:
    """Test classes get `client` from the module that runs them."""

    @pytest.fixture
    def namespace(self, client: KubeClient) -> str:
        """A new one; it is left, for deleting one takes seconds."""
        return client.create(NAMESPACES, "", encode(body(NAMESPACES, unique("conformance")))).name

    @pytest.fixture
    def widgets(self, client: KubeClient) -> ResourceKind:
        """A custom kind of its own, established and served."""
        return define_widgets(client, unique("g") + ".example.com")

    @pytest.fixture
    def make(self, client: KubeClient, namespace: str) -> Callable[..., ResourceObject]:
        """Creates an object of a kind: `make(CONFIG_MAPS, "a", data={…})`."""

        def create(of: ResourceKind, name: str, **fields: Any) -> ResourceObject:
            return client.create(of, namespace, encode(body(of, name, **fields)))

        return create


def define_widgets(client: KubeClient, group: str) -> ResourceKind:
    """A CRD, waited for until its kind is served."""
    definition = widget_definition(group)
    client.create(CRDS, "", encode(definition))
    widgets = kind(group, "v1", "widgets", "Widget")
    until(lambda: client.request("GET", f"/apis/{group}/v1/widgets").ok, "the new kind is served")
    return widgets


def until(condition: Callable[[], T], what: str, *, within_s: float = 30) -> T:
    """Asks again and again until the answer is truthy, and returns it; fails when it never is."""
    ends = time.monotonic() + within_s
    while not (answer := condition()):
        assert time.monotonic() < ends, f"not within {within_s:g} s: {what}"
        time.sleep(0.02)
    return answer
