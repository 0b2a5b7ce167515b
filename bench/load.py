"""A real cluster full of ConfigMaps, and the peers that drsync is compared with: curl, and a bare urllib3 loop."""

import json
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import urllib3

from tests.e2e.cluster import Cluster, start

CONNECTIONS = 8
_PAYLOAD = "0123456789abcdef" * 56
"""With its metadata and managed fields an object comes to about 1.3 KB."""
_AUDIT = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata", "users": ["admin"], "verbs": ["list", "create"]}, {"level": "None"}],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request as the API server saw it."""

    verb: str
    uri: str
    began: datetime
    ended: datetime


@contextmanager
def two_clusters() -> Iterator[tuple[Cluster, Cluster, Path]]:
    """The primary, the standby, and a folder that goes away with them. Both write down lists and creates."""
    with tempfile.TemporaryDirectory(prefix="drsync-bench-") as name:
        folder = Path(name)
        (folder / "audit.yaml").write_text(json.dumps(_AUDIT))
        pair = [_cluster(folder, which) for which in ("primary", "standby")]
        start(*pair)
        try:
            yield pair[0], pair[1], folder
        finally:
            for cluster in pair:
                cluster.stop()


def _cluster(folder: Path, name: str) -> Cluster:
    args = (f"--audit-policy-file={folder / 'audit.yaml'}", f"--audit-log-path={folder / name / 'audit.log'}")
    return Cluster(name, root=folder / name, apiserver_args=args)


def requests(cluster: Cluster, *, after: datetime) -> list[Request]:
    """What was asked of the server since an instant."""
    lines = (cluster.root / "audit.log").read_text().splitlines()
    found = [_request(json.loads(line)) for line in lines]
    return [request for request in found if request.began >= after]


def _request(event: dict[str, str]) -> Request:
    return Request(
        verb=event["verb"],
        uri=event["requestURI"],
        began=datetime.fromisoformat(event["requestReceivedTimestamp"]),
        ended=datetime.fromisoformat(event["stageTimestamp"]),
    )


def create(cluster: Cluster, namespace: str, count: int) -> None:
    """Creates the objects as fast as a bare loop can: threads, one pool, no thought."""
    pool = urllib3.PoolManager(maxsize=CONNECTIONS, ca_certs=str(cluster.authority), retries=False)
    headers = {"Authorization": f"Bearer {cluster.token}", "Content-Type": "application/json"}
    url = f"{cluster.server}/api/v1/namespaces/{namespace}/configmaps?fieldManager=bench"

    def post(number: int) -> None:
        answer = pool.request("POST", url, body=_body(number), headers=headers)
        if answer.status != 201:
            raise RuntimeError(f"{answer.status}: {answer.data[:300]!r}")

    with ThreadPoolExecutor(CONNECTIONS) as threads:
        for _ in threads.map(post, range(count)):
            pass
    pool.clear()


def _body(number: int) -> bytes:
    metadata = {"name": f"load-{number:06}", "labels": {"app": "load", "part": str(number % 7)}}
    data = {"number": str(number), "payload": _PAYLOAD}
    return json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}).encode()


def curl(cluster: Cluster, uris: list[str]) -> None:
    """The same requests by curl, one after the other on one connection, the bodies thrown away."""
    lines = [f'header = "Authorization: Bearer {cluster.token}"', f'cacert = "{cluster.authority}"']
    for uri in uris:
        lines += [f'url = "{cluster.server}{uri}"', 'output = "/dev/null"']
    done = subprocess.run(
        ["curl", "--silent", "--show-error", "--config", "-"],
        input="\n".join(lines).encode(),
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"curl: {done.stderr.decode()}")
