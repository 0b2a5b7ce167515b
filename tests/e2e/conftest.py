"""What end-to-end tests share: two control planes for the whole run, and a namespace for each test."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.cluster import Cluster, start
from tests.e2e.kubelet import Kubelet
from tests.e2e.provisioner import Provisioner
from tests.fakes.s3_sites import S3Site
from tests.fakes.seaweed import seaweed_s3

__all__ = ["seaweed_s3"]


@pytest.fixture(scope="session")
def clusters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Cluster, Cluster]]:
    """The primary and the standby, started side by side."""
    pair = tuple(Cluster(name, root=tmp_path_factory.mktemp(name)) for name in ("primary", "standby"))
    start(*pair)
    yield pair[0], pair[1]
    for cluster in pair:
        cluster.stop()


@pytest.fixture(scope="session")
def primary(clusters: tuple[Cluster, Cluster]) -> Cluster:
    return clusters[0]


@pytest.fixture(scope="session")
def standby(clusters: tuple[Cluster, Cluster]) -> Cluster:
    return clusters[1]


@pytest.fixture
def namespace(primary: Cluster) -> str:
    """A new namespace of the primary."""
    return primary.create_namespace()


@pytest.fixture(scope="session")
def primary_storage(primary: Cluster) -> Iterator[Provisioner]:
    with Provisioner(primary.api, root=primary.root / "volumes") as provisioner:
        yield provisioner


@pytest.fixture(scope="session")
def standby_storage(standby: Cluster) -> Iterator[Provisioner]:
    with Provisioner(standby.api, root=standby.root / "volumes") as provisioner:
        yield provisioner


@pytest.fixture
def primary_kubelet(primary: Cluster) -> Iterator[Kubelet]:
    with Kubelet(primary.api, log_folder=primary.root / "pods") as kubelet:
        yield kubelet


@pytest.fixture
def standby_kubelet(standby: Cluster) -> Iterator[Kubelet]:
    with Kubelet(standby.api, log_folder=standby.root / "pods") as kubelet:
        yield kubelet


@pytest.fixture(scope="session")
def bucket(seaweed_s3: S3Site) -> dict[str, Any]:
    """A bucket: the spec for a policy file, its URL, and the environment that holds its credentials."""
    name = seaweed_s3.make_bucket()
    spec = {"bucket": name, "region": "us-east-1", "endpoint": seaweed_s3.endpoint, "pathStyle": True}
    env = {"AWS_ACCESS_KEY_ID": seaweed_s3.access_key, "AWS_SECRET_ACCESS_KEY": seaweed_s3.secret_key}
    return {"store": {"provider": "s3", "s3": spec}, "url": seaweed_s3.url(name), "env": env}
