"""A real control plane gives the answers that the conformance classes expect; admission included."""

import json
from collections.abc import Iterator

import pytest

from drsync.kube.client import KubeClient
from drsync.kube.connect import connect
from drsync.model.policy import ClusterTarget
from tests.conformance.admission import AdmissionConformance
from tests.conformance.controllers import ControllerConformance
from tests.conformance.reading import ReadingConformance
from tests.conformance.revisions import RevisionConformance
from tests.conformance.writing import WritingConformance

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def client(primary) -> Iterator[KubeClient]:
    with connect(ClusterTarget(name="primary", kubeconfig=str(primary.kubeconfig))) as opened:
        yield opened


class TestReading(ReadingConformance):
    @pytest.fixture
    def stranger(self, primary, tmp_path) -> Iterator[KubeClient]:
        config = json.loads(primary.kubeconfig.read_text())
        config["users"][0]["user"] = {"token": "of-nobody"}
        path = tmp_path / "kubeconfig"
        path.write_text(json.dumps(config))
        with connect(ClusterTarget(name="primary", kubeconfig=str(path))) as opened:
            yield opened


class TestWriting(WritingConformance):
    pass


class TestRevisions(RevisionConformance):
    pass


class TestControllers(ControllerConformance):
    pass


class TestAdmission(AdmissionConformance):
    pass
