"""The configuration that is in force: only what is valid, and only fields that do something."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretRef:
    """Where a secret is: a file, or a field of a Secret that is mounted as `DIR/secret/field`."""

    secret: str = ""
    field: str = ""
    file: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """Where something stands, for residency and for failure domains."""

    jurisdiction: str = ""
    cloud: str = ""
    region: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupStore:
    """An object store, and the key that opens what drsync keeps there."""

    name: str
    url: str
    location: Location = Location()
    key: SecretRef | None = None
    """The age identity or passphrase file that unwraps the store's root key."""
    control: str | None = None
    """The store that keeps leases and authority, when it is not this one."""
    parallel: int = 8
    upload_mib_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterTarget:
    """A cluster, and how to reach it."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    kubeconfig: str | None = None
    """A file; None means in-cluster, or the user's own kubeconfig outside of one."""
    context: str | None = None
    local_volumes: bool = False
    """hostPath and local volumes of this cluster are directories of this host."""
    location: Location = Location()
    reads_stores: tuple[str, ...] = ()
    storage_class_map: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelRequirement:
    """One requirement of a Kubernetes label selector; a selector is all of its requirements."""

    key: str
    operator: str
    """In, NotIn, Exists or DoesNotExist."""
    values: tuple[str, ...] = ()


LabelSelector = tuple[LabelRequirement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What a policy protects."""

    namespaces: tuple[str, ...]
    """Names and globs (`*`, `?`, `[…]`)."""
    namespace_labels: LabelSelector = ()
    """Namespaces that match are added to those named."""
    exclude_namespaces: tuple[str, ...] = ()
    include_resources: tuple[str, ...] = ()
    """Kinds as `group_resource`, plural or globs; all when empty."""
    exclude_resources: tuple[str, ...] = ()
    cluster_scoped: str = "referenced"
    """`referenced`: what the selected objects need; `none`: nothing."""
    cluster_scoped_include: tuple[str, ...] = ()
    """Kinds of cluster-scoped objects that are taken whole."""
    rbac: str = "exclude"
    """`include` or `exclude`: Roles, RoleBindings and their cluster forms."""
    labels: LabelSelector = ()


class VolumeMethod(StrEnum):
    FILESYSTEM = "filesystem"
    """Files read live."""
    SKIP = "skip"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeRule:
    """First match wins; every given criterion must match."""

    method: VolumeMethod
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    storage_classes: tuple[str, ...] = ()
    csi: bool | None = None
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When captures are due."""

    cron: str | None = None
    """Five fields, as cron reads them; wins over `every`."""
    every: timedelta
    """The longest time between two slots."""
    timezone: str = "UTC"
    jitter: timedelta = timedelta()
    """Each policy is late by its own fixed share of this."""
    timeout: timedelta | None = None
    paused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """A store that points go to, and how soon they must be there."""

    store: str
    within: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifyRoute:
    """Which events go to which channel."""

    to: str
    when: tuple[str, ...]
    resend: timedelta | None = None
    """None: once. The channel's own, where the route does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectionPolicy:
    """What to protect, how often, and where the points go."""

    name: str
    cluster: str
    rpo: timedelta
    rto: timedelta | None = None
    allow_live: bool = False
    """Whether volumes that were read live count for the RPO."""
    select: Selection
    schedule: Schedule
    volume_rules: tuple[VolumeRule, ...]
    copies: tuple[Copy, ...]
    standbys: tuple[str, ...] = ()
    notify: tuple[NotifyRoute, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifyChannel:
    """Where events go. Only webhooks so far."""

    name: str
    url: str = field(default="", repr=False)
    """Written in the file; empty when `url_from` says where it is. Often a secret: never shown."""
    url_from: SecretRef | None = None
    signing_key: SecretRef | None = None
    resend: timedelta | None = timedelta(minutes=30)
    """None: once."""
    allow_private: bool = False
    """Whether the address may be of this host or of a private network."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """All policy files together, with every reference resolved."""

    stores: Mapping[str, BackupStore] = field(default_factory=dict[str, BackupStore])
    clusters: Mapping[str, ClusterTarget] = field(default_factory=dict[str, ClusterTarget])
    policies: Mapping[str, ProtectionPolicy] = field(default_factory=dict[str, ProtectionPolicy])
    channels: Mapping[str, NotifyChannel] = field(default_factory=dict[str, NotifyChannel])
    documents: Mapping[str, str] = field(default_factory=dict[str, str])
    """`ProtectionPolicy/payments` → its YAML, as the store keeps it; a channel's own address is left out."""
