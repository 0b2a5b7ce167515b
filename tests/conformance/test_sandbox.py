"""The sandbox answers as a real API server does."""

import json
from collections.abc import Iterator

import pytest

from drsync.kube.client import KubeClient
from drsync.kube.connect import connect
from drsync.model.policy import ClusterTarget
from drsync.sandbox import process
from tests.conformance.controllers import ControllerConformance
from tests.conformance.reading import ReadingConformance
from tests.conformance.revisions import RevisionConformance
from tests.conformance.writing import WritingConformance


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory) -> Iterator[process.SandboxCluster]:
    folder = tmp_path_factory.mktemp("sandbox")
    (cluster,) = process.up(folder, ("primary",))
    yield cluster
    process.remove(folder)


@pytest.fixture(scope="module")
def client(sandbox) -> Iterator[KubeClient]:
    with connect(ClusterTarget(name="sandbox", kubeconfig=str(sandbox.kubeconfig))) as opened:
        yield opened


class TestReading(ReadingConformance):
    @pytest.fixture
    def stranger(self, sandbox, tmp_path) -> Iterator[KubeClient]:
        config = json.loads(sandbox.kubeconfig.read_text())
        config["users"][0]["user"] = {"token": "of-nobody"}
        path = tmp_path / "kubeconfig"
        path.write_text(json.dumps(config))
        with connect(ClusterTarget(name="sandbox", kubeconfig=str(path))) as opened:
            yield opened


class TestWriting(WritingConformance):
    pass


class TestRevisions(RevisionConformance):
    pass


class TestControllers(ControllerConformance):
    pass
