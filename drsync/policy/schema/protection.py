"""ProtectionPolicy: what to protect, how often, and where the points go."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from drsync.policy.schema.hooks import Hook
from drsync.policy.schema.times import check_cron, check_zone
from drsync.policy.schema.values import (
    Count,
    DnsLabel,
    Duration,
    DurationOrNever,
    Fields,
    KindGlob,
    LabelKey,
    LabelValue,
    Metadata,
    NamespaceGlob,
    Selector,
    Text,
)

EventName = Literal[
    "rpo-breached",
    "rpo-at-risk",
    "run-failed",
    "partial",
    "slot-missed",
    "verify-failed",
    "store-unreachable",
    "policy-changed",
    "drill-failed",
    "drill-finished",
]


class Source(Fields):
    cluster: Text


class Objectives(Fields):
    rpo: Duration
    rto: Duration | None = None
    allow_live: bool = False


class ScheduleSpec(Fields):
    cron: Annotated[str, AfterValidator(check_cron)] | None = None
    every: Duration | None = None
    timezone: Annotated[str, AfterValidator(check_zone)] = "UTC"
    jitter: Duration | None = None
    missed: Literal["run-once", "skip"] = "run-once"
    concurrency: Literal["forbid"] = "forbid"
    timeout: Duration | None = None
    paused: bool = False


class Namespaces(Fields):
    names: tuple[NamespaceGlob, ...] = ()
    labels: Selector | None = None
    exclude: tuple[NamespaceGlob, ...] = ()


class ClusterScoped(Fields):
    mode: Literal["referenced", "none"] = "referenced"
    include: tuple[KindGlob, ...] = ()


class Resources(Fields):
    include: tuple[KindGlob, ...] = ()
    exclude: tuple[KindGlob, ...] = ()
    cluster_scoped: ClusterScoped = ClusterScoped()
    rbac: Literal["include", "exclude"] = "exclude"


class Select(Fields):
    namespaces: Namespaces
    resources: Resources = Resources()
    labels: Selector = Selector()


class VolumeGroup(Fields):
    name: DnsLabel
    selector: Selector
    consistency: Literal["group", "crash"] = "group"


class Match(Fields):
    labels: dict[LabelKey, LabelValue] = Field(default_factory=dict)
    storage_class: tuple[Text, ...] = ()
    csi: bool | None = None


class Rule(Fields):
    match: Match = Match()
    method: Literal["filesystem", "snapshot-upload", "clone-upload", "skip", "fail"]
    mode: Literal["live", "crash", "crash-group", "app-consistent"] | None = None
    snapshot_class: Text | None = None
    keep_local_snapshots: Count | None = None
    message: Text | None = None


class Volumes(Fields):
    groups: tuple[VolumeGroup, ...] = ()
    rules: Annotated[tuple[Rule, ...], Field(min_length=1)] = (Rule(method="filesystem"),)


class Retention(Fields):
    hourly: Count | None = None
    daily: Count | None = None
    weekly: Count | None = None
    monthly: Count | None = None
    yearly: Count | None = None
    min_redundancy: Annotated[int, Field(ge=1, le=1000)] | None = None


class CopySpec(Fields):
    store: DnsLabel
    within: Duration | None = None
    required: bool = True
    every: Duration | None = None
    retention: Retention | None = None


class DataResidency(Fields):
    allow_jurisdictions: tuple[Text, ...] = ()
    deny_clouds: tuple[Text, ...] = ()


class Residency(Fields):
    data: DataResidency = DataResidency()
    secrets: DataResidency = DataResidency()
    on_unknown: Literal["deny", "allow"] = "deny"


class PatchOperation(Fields):
    op: Literal["add", "remove", "replace", "test"]
    path: Text
    value: str | int | float | bool | None = None


class TransformSpec(Fields):
    name: DnsLabel
    kinds: tuple[KindGlob, ...] = ()
    labels: Selector = Selector()
    remove_annotations: tuple[Text, ...] = ()
    patch: tuple[PatchOperation, ...] = ()


class Standby(Fields):
    cluster: Text
    mode: Literal["cold", "warm"] = "cold"
    transforms: tuple[TransformSpec, ...] = ()


class Route(Fields):
    to: DnsLabel
    when: Annotated[tuple[EventName, ...], Field(min_length=1)]
    resend: DurationOrNever = None


class ProtectionSpec(Fields):
    source: Source
    objectives: Objectives
    schedule: ScheduleSpec = ScheduleSpec()
    select: Select
    hooks: tuple[Hook, ...] = ()
    volumes: Volumes = Volumes()
    copies: Annotated[tuple[CopySpec, ...], Field(min_length=1)]
    retention: Retention = Retention()
    residency: Residency | None = None
    standbys: tuple[Standby, ...] = ()
    notify: tuple[Route, ...] = ()


class ProtectionFile(Fields):
    api_version: Literal["drsync.io/v1alpha1"]
    kind: Literal["ProtectionPolicy"]
    metadata: Metadata
    spec: ProtectionSpec
