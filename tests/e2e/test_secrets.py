"""Canaries in a Secret, a volume, the key, the token and the store's credential: none comes out anywhere.

Everything that drsync writes is searched: what commands print, the daemon's log, and every byte of the
store, raw and encoded and with compression undone.
"""

import base64
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import boto3.session
import pytest
from botocore.config import Config

from tests.e2e.cluster import Cluster
from tests.e2e.leaks import find
from tests.e2e.provisioner import CLASS, Provisioner
from tests.e2e.site import Site
from tests.e2e.wait import until
from tests.fakes import seaweed
from tests.fakes.s3_sites import S3Site

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

COMMANDS = (
    ("backup", "canaries"),
    ("backup", "canaries", "--dry-run", "plan"),
    ("restore", "canaries@latest", "--to", "standby"),
    # The Secret on the standby differs by now: its diff is shown, and it is replaced.
    ("restore", "canaries@latest", "--to", "standby", "--existing", "merge"),
    ("restore", "canaries@latest", "--to", "standby", "--dry-run", "server", "--existing", "replace"),
    ("restore", "canaries@latest", "--to", "standby", "--existing", "replace", "--overwrite"),
    ("verify", "canaries@latest"),
    ("describe", "point", "canaries@latest"),
    ("ls", "canaries@latest"),
    ("get", "points"),
    ("get", "runs"),
    ("status",),
    ("check",),
    ("explain", "canaries"),
    ("doctor",),
    ("validate", "-f", "policies"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """What was written where."""

    canaries: Mapping[str, bytes]
    printed: Mapping[str, bytes]
    stored: Mapping[str, bytes]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Site]:
    """An S3 server whose credential is a canary."""
    home = tmp_path_factory.mktemp("s3")
    ports = seaweed._free_ports(len(seaweed._PORTS))
    credential = "canary/" + secrets.token_hex(12) + "+Zz"
    site = S3Site(endpoint=f"http://127.0.0.1:{ports[0]}", secret_key=credential)
    process = seaweed._start(home, dict(zip(seaweed._PORTS, ports, strict=True)), site)
    try:
        seaweed._wait_until_ready(process, site, home)
        yield site
    finally:
        seaweed._stop(process)


@pytest.fixture(scope="module")
def outputs(
    tmp_path_factory: pytest.TempPathFactory,
    server: S3Site,
    primary: Cluster,
    standby: Cluster,
    primary_storage: Provisioner,
    standby_storage: Provisioner,
) -> Outputs:
    bucket = server.make_bucket()
    spec = {"bucket": bucket, "region": "us-east-1", "endpoint": server.endpoint, "pathStyle": True}
    env = {"AWS_ACCESS_KEY_ID": server.access_key, "AWS_SECRET_ACCESS_KEY": server.secret_key}
    site = Site(tmp_path_factory.mktemp("site"), store={"provider": "s3", "s3": spec}, env=env)
    site.add_cluster("primary", primary)
    site.add_cluster("standby", standby)
    namespace, planted = primary.create_namespace("canaries"), _canaries()
    _plant(primary, primary_storage, namespace, planted)
    site.protect("canaries", [namespace])
    printed = _printed(site, standby, namespace)
    key = next(line for line in site.key_file.read_text().splitlines() if line.startswith("AGE-SECRET-KEY-"))
    canaries = planted | {
        "key": key.removeprefix("AGE-SECRET-KEY-").encode(),
        "S3 credential": server.secret_key.encode(),
        "token": primary.token.encode(),
        "standby token": standby.token.encode(),
    }
    return Outputs(canaries=canaries, printed=printed, stored=dict(_objects(server, bucket)))


def test_nothing_that_is_printed_holds_a_secret(outputs: Outputs) -> None:
    assert {name: found for name, data in outputs.printed.items() if (found := find(data, outputs.canaries))} == {}


def test_nothing_in_the_store_holds_a_secret(outputs: Outputs) -> None:
    assert len(outputs.stored) > 10
    assert {key: found for key, data in outputs.stored.items() if (found := find(data, outputs.canaries))} == {}


def test_the_names_in_the_store_hold_no_secret(outputs: Outputs) -> None:
    assert find("\n".join(outputs.stored).encode(), outputs.canaries) == set()


def _canaries() -> dict[str, bytes]:
    def canary() -> bytes:
        return f'canary "{secrets.token_hex(12)}" /+&%'.encode()

    return {name: canary() for name in ("Secret", "changed Secret", "annotation", "file")}


def _plant(cluster: Cluster, storage: Provisioner, namespace: str, canaries: Mapping[str, bytes]) -> None:
    data = {
        name: base64.b64encode(canaries[what]).decode() for name, what in (("a", "Secret"), ("b", "changed Secret"))
    }
    metadata = {"name": "canary", "annotations": {"example.org/applied": canaries["annotation"].decode()}}
    cluster.api.create({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}, namespace=namespace)
    spec = {"accessModes": ["ReadWriteOnce"], "storageClassName": CLASS, "resources": {"requests": {"storage": "1Gi"}}}
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": spec}
    cluster.api.create(claim, namespace=namespace)
    path = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims/data"
    until(lambda: cluster.api.get(path)["status"]["phase"] == "Bound", "a bound claim")
    folder = storage.path_of(namespace, "data")
    (folder / "small").write_bytes(canaries["file"])
    (folder / "large").write_bytes((b"line of text\n" * 1000 + canaries["file"]) * 40)


def _printed(site: Site, standby: Cluster, namespace: str) -> dict[str, bytes]:
    """Every command in both forms, as a person and as a program; some of them are made to fail."""
    printed: dict[str, bytes] = {}
    codes: list[int] = []

    def run(*args: str, env: Mapping[str, str] | None = None) -> None:
        result = site.drsync(*args, env=env)
        codes.append(result.code)
        printed[f"{len(printed)}: drsync {' '.join(args)} (exit {result.code})"] = (
            f"{result.out}\n{result.err}".encode()
        )

    run("init", "store", "--accept-single-key")
    for command in COMMANDS:
        run(*command)
        run(*command, "-o", "json")
        if command[0] == "restore":
            patch = {"data": {"b": base64.b64encode(secrets.token_bytes(9)).decode()}}
            standby.api.merge(f"/api/v1/namespaces/{namespace}/secrets/canary", patch)
    for row in site.ok("get", "runs")["items"]:
        run("describe", "run", row["name"], "-o", "json")
        run("logs", row["name"])
    standby.api.merge(f"/api/v1/namespaces/{namespace}/secrets/canary", {"immutable": True})
    run("restore", "canaries@latest", "--to", "standby", "--existing", "replace", "--overwrite", "-o", "json")
    run("backup", "canaries", env={"AWS_SECRET_ACCESS_KEY": site.env["AWS_SECRET_ACCESS_KEY"][:-1] + "q"})
    run("init", "store", "--accept-single-key")
    # Each of the ways to end has words of its own: without them the search would prove little.
    assert {0, 1, 3, 7, 12} <= set(codes), printed.keys()
    return printed | _daemon(site)


def _daemon(site: Site) -> dict[str, bytes]:
    site.write("ProtectionPolicy", "canaries", _policy_every_second(site))
    process = site.start("daemon", env={"DRSYNC_LISTEN": "127.0.0.1:0", "DRSYNC_LOG_FORMAT": "json"}, log="daemon.log")
    before = len(site.points())
    until(lambda: process.check() or len(site.points()) > before, "a point of the daemon", within_s=60)
    process.stop(25)
    return {"daemon": process.log.read_bytes()}


def _policy_every_second(site: Site) -> Mapping[str, object]:
    return site.specs["ProtectionPolicy", "canaries"] | {"schedule": {"every": "2s", "jitter": "1s"}}


def _objects(server: S3Site, bucket: str) -> Iterator[tuple[str, bytes]]:
    client = boto3.session.Session().client(
        "s3",
        endpoint_url=server.endpoint,
        region_name="us-east-1",
        aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key,
        config=Config(s3={"addressing_style": "path"}),
    )
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for entry in page.get("Contents", ()):
            yield entry["Key"], client.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()
    client.close()
