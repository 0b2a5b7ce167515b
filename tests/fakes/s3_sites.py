"""S3 servers for tests: buckets on them, the credentials that they take, and stores in fresh buckets."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlencode

import boto3.session
import pytest
from botocore.config import Config

from drsync.clock import SystemClock
from drsync.stores.drivers.s3 import S3Store
from drsync.stores.drivers.s3_client import S3Asker
from drsync.stores.open import S3Url, parse_url


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Site:
    """A running server."""

    endpoint: str
    access_key: str = "test"
    secret_key: str = "testtest"
    ca: str = ""

    def enter(self, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
        """Gives this process the site's credentials, and shuts out those of whoever runs the tests."""
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", self.access_key)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", self.secret_key)
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        monkeypatch.setenv("AWS_CONFIG_FILE", str(home / "no-config"))
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(home / "no-credentials"))

    def url(self, bucket: str, prefix: str = "", **options: str) -> str:
        given = {"endpoint": self.endpoint, "region": "us-east-1", "ca": self.ca} | options
        query = urlencode({name: value for name, value in given.items() if value})
        return f"s3://{bucket}" + (f"/{prefix}" if prefix else "") + f"?{query}"

    def make_bucket(self, *, locks: bool = False) -> str:
        """A new bucket's name."""
        bucket = f"drsync-{secrets.token_hex(6)}"
        client = boto3.session.Session().client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            verify=self.ca or None,
            config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, read_timeout=10),
        )
        try:
            client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=locks)
        finally:
            client.close()
        return bucket

    def address(self, bucket: str) -> S3Url:
        address = parse_url(self.url(bucket))
        assert isinstance(address, S3Url)
        return address

    @contextmanager
    def opened(self, bucket: str, *, read_s: float = 60.0) -> Iterator[S3Store]:
        """The bare driver, without the wrappers that callers get."""
        clock = SystemClock()
        address = self.address(bucket)
        store = S3Store(address, asker=S3Asker(address, clock=clock, read_s=read_s), clock=clock)
        try:
            yield store
        finally:
            store.close()


@dataclass(frozen=True, slots=True)
class S3Rack:
    """Stores in fresh buckets, by one client: making a client takes longer than most tests."""

    site: S3Site
    asker: S3Asker

    def new_store(self, *, locks: bool = False) -> S3Store:
        bucket = f"drsync-{secrets.token_hex(6)}"
        self.asker.ask(
            "a bucket", lambda s3: s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=locks), known={}
        )
        return S3Store(replace(self.site.address(bucket)), asker=self.asker, clock=SystemClock())


@contextmanager
def racked(site: S3Site, home: Path) -> Iterator[S3Rack]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        site.enter(monkeypatch, home)
        asker = S3Asker(site.address("any"), clock=SystemClock())
        try:
            yield S3Rack(site, asker)
        finally:
            asker.close()
