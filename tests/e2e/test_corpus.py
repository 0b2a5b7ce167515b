"""Real applications, as their authors publish them: applied, captured, restored into the other cluster, compared.

`$DRSYNC_CORPUS` names the folder: one folder of manifests an application, and `crds/` for definitions that
several of them need.
"""

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml

from tests.e2e.api import Api, Manifest, Refused, documents
from tests.e2e.cluster import Cluster, start
from tests.e2e.kubelet import Kubelet
from tests.e2e.oracle import assert_equal, compare, snapshot
from tests.e2e.provisioner import Provisioner
from tests.e2e.site import Site
from tests.e2e.wait import until

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(900)]

CORPUS = Path(os.environ.get("DRSYNC_CORPUS", "/nonexistent"))
APPLICATIONS = (
    "argo-cd",
    "istio-bookinfo",
    "kong",
    "kube-prometheus",
    "kubernetes-examples",
    "online-boutique",
)
NOT_APPLIED = ("APIService", "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
"""They name servers that nobody runs here, and break every request to what they stand before."""


_QUIET_S = 3


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Cluster, Cluster]]:
    """Two of their own, with nodes and storage: what the applications leave behind is no other test's affair."""
    if not CORPUS.is_dir():
        pytest.skip("DRSYNC_CORPUS names no folder of applications")
    primary, standby = (Cluster(name, root=tmp_path_factory.mktemp(name)) for name in ("primary", "standby"))
    start(primary, standby)
    with ExitStack() as stack:
        for cluster in (primary, standby):
            stack.callback(cluster.stop)
        for cluster in (primary, standby):
            stack.enter_context(Provisioner(cluster.api, root=cluster.root / "volumes"))
            stack.enter_context(Kubelet(cluster.api, log_folder=cluster.root / "pods"))
        for path in sorted((CORPUS / "crds").rglob("*.yaml")):
            _apply(primary.api, list(_read(path)), "default")
        yield primary, standby


@pytest.mark.parametrize("application", APPLICATIONS)
def test_an_application_is_the_same_on_the_standby(
    pair: tuple[Cluster, Cluster], tmp_path: Path, application: str
) -> None:
    primary, standby = pair
    namespace = primary.create_namespace(application)
    applied = _install(primary.api, CORPUS / application, namespace)
    namespaces = [namespace, *sorted(applied - {namespace, "default", "kube-system"})]
    _settle(primary.api, namespaces)
    site = Site(tmp_path)
    site.add_cluster("primary", primary)
    site.add_cluster("standby", standby)
    scoped = {"mode": "referenced", "include": ["customresourcedefinitions", "priorityclasses"]}
    resources = {"rbac": "include", "clusterScoped": scoped}
    site.protect("corpus", namespaces, select={"namespaces": {"names": namespaces}, "resources": resources})
    site.init()

    site.ok("backup", "corpus")
    before = snapshot(primary.api, namespaces)
    site.ok("restore", "corpus@latest", "--to", "standby")
    _settle(standby.api, namespaces)

    assert len(before) > len(namespaces)
    assert_equal(compare(before, snapshot(standby.api, namespaces)))


def _install(api: Api, folder: Path, namespace: str) -> set[str]:
    """Applies all manifests, definitions first; returns the namespaces that they name."""
    found = [manifest for path in sorted(folder.rglob("*.yaml")) for manifest in _read(path)]
    first = ("CustomResourceDefinition", "Namespace")
    ordered = [m for m in found if m["kind"] in first] + [m for m in found if m["kind"] not in first]
    return _apply(api, ordered, namespace)


def _apply(api: Api, manifests: list[Manifest], namespace: str) -> set[str]:
    """What a server of today refuses (removed versions, placeholders) is left out."""
    named: set[str] = set()
    for manifest in manifests:
        if manifest["kind"] in NOT_APPLIED:
            continue
        try:
            api.apply(manifest, namespace=namespace)
        except (Refused, KeyError):
            continue
        named |= {manifest["metadata"].get("namespace", "")} - {""}
        if manifest["kind"] == "CustomResourceDefinition":
            path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{manifest['metadata']['name']}"
            until(lambda path=path: _is_served(api, api.get(path)), f"the served {path}")
    return named


def _is_served(api: Api, definition: Manifest) -> bool:
    spec = definition["spec"]
    version = next(entry["name"] for entry in spec["versions"] if entry["served"])
    return api.request("GET", f"/apis/{spec['group']}/{version}/{spec['names']['plural']}?limit=1").status == 200


def _read(path: Path) -> Iterator[Manifest]:
    """A bare `=` is a value that some loaders refuse; such a file is read as plain text values."""
    text = path.read_text()
    try:
        loaded = list(documents(text))
    except yaml.YAMLError:
        loaded = [document for document in yaml.load_all(text, Loader=yaml.BaseLoader) if document]
    yield from (document for document in loaded if {"apiVersion", "kind", "metadata"} <= document.keys())


def _settle(api: Api, namespaces: list[str]) -> None:
    """Waits until the controllers have written nothing for a while. What can never run stays as it is."""
    seen: dict[str, str] = {}
    since = time.monotonic()

    def quiet() -> bool:
        nonlocal seen, since
        now = {
            str(key): item["metadata"]["resourceVersion"]
            for key, item in snapshot(api, namespaces).items()
            if not key.kind.startswith("Event")
        }
        if now != seen:
            seen, since = now, time.monotonic()
        return time.monotonic() - since > _QUIET_S

    until(quiet, "controllers at rest", within_s=120)
