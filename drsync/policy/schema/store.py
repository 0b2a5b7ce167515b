"""BackupStore: an object store, the key to it and how to treat it."""

from typing import Annotated, Literal

from pydantic import Field

from drsync.policy.schema.values import (
    Bucket,
    DnsLabel,
    Duration,
    Endpoint,
    Fields,
    FilePath,
    Metadata,
    Place,
    Prefix,
    Region,
    SecretSource,
    Text,
)


class S3(Fields):
    bucket: Bucket
    prefix: Prefix | None = None
    region: Region | None = None
    endpoint: Endpoint | None = None
    path_style: bool | None = None
    ca_file: FilePath | None = None


class Gcs(Fields):
    bucket: Bucket
    prefix: Prefix | None = None


class Azblob(Fields):
    account: Text
    container: Text
    prefix: Prefix | None = None


class Filesystem(Fields):
    path: FilePath


class WorkloadIdentity(Fields):
    role_arn: Text


class Federated(Fields):
    audience: Text | None = None
    client_id: Text | None = None
    tenant_id: Text | None = None


class Auth(Fields):
    workload_identity: WorkloadIdentity | None = None
    federated: Federated | None = None


class Encryption(Fields):
    mode: Literal["client"] = "client"
    key_ref: SecretSource | None = None
    escrow: tuple[Text, ...] = ()


class Immutability(Fields):
    mode: Literal["governance", "compliance"]
    days: Annotated[int, Field(ge=1, le=36_500)]


class Limits(Fields):
    # The schema's own spelling of the unit, which camel case would not give.
    upload_mibps: Annotated[int, Field(ge=1, le=100_000)] | None = Field(default=None, alias="uploadMiBps")
    parallel: Annotated[int, Field(ge=1, le=256)] = 8


class Checks(Fields):
    probe: Duration | None = None
    canary_restore: Duration | None = None
    deep_verify_percent_per_day: Annotated[int, Field(ge=0, le=100)] | None = None


class StoreSpec(Fields):
    provider: Literal["s3", "gcs", "azblob", "filesystem"]
    s3: S3 | None = None
    gcs: Gcs | None = None
    azblob: Azblob | None = None
    filesystem: Filesystem | None = None
    location: Place = Place()
    auth: Auth = Auth()
    encryption: Encryption = Encryption()
    immutability: Immutability | None = None
    limits: Limits = Limits()
    checks: Checks = Checks()
    control: DnsLabel | None = None


class StoreFile(Fields):
    api_version: Literal["drsync.io/v1alpha1"]
    kind: Literal["BackupStore"]
    metadata: Metadata
    spec: StoreSpec
