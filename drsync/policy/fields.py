"""The one table that says of every field of a policy file what it does today.

- active: it does what it says;
- inert: it is checked and kept, and does nothing yet; `explain` says so. Only for what loses nothing
  while it does nothing;
- refused: it would change what is protected, what comes back or where data may go, and does not
  work yet. Leaving it without effect would be a promise broken when it is too late.

An inert or refused row speaks for all that is below its field; an active row for that field alone, so
a new field is never active by oversight.
"""

from dataclasses import dataclass
from enum import StrEnum

from drsync.policy.fault import Path


class Effect(StrEnum):
    ACTIVE = "active"
    INERT = "inert"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Row:
    effect: Effect
    reason: str = ""
    """For inert and refused ones: why, as the end of a sentence."""
    remedy: str = ""


_ACTIVE = """
BackupStore.apiVersion BackupStore.kind BackupStore.metadata.name
BackupStore.spec.provider
BackupStore.spec.s3.bucket BackupStore.spec.s3.prefix BackupStore.spec.s3.region BackupStore.spec.s3.endpoint
BackupStore.spec.s3.pathStyle BackupStore.spec.s3.caFile
BackupStore.spec.filesystem.path
BackupStore.spec.encryption.mode
BackupStore.spec.encryption.keyRef.secret BackupStore.spec.encryption.keyRef.field
BackupStore.spec.encryption.keyRef.file
BackupStore.spec.limits.uploadMiBps BackupStore.spec.limits.parallel
ClusterTarget.apiVersion ClusterTarget.kind ClusterTarget.metadata.name
ClusterTarget.spec.connect.mode ClusterTarget.spec.connect.kubeconfig ClusterTarget.spec.connect.context
ClusterTarget.spec.connect.localVolumes
ClusterTarget.spec.readsStores
ClusterTarget.spec.maps.storageClass
ProtectionPolicy.apiVersion ProtectionPolicy.kind ProtectionPolicy.metadata.name
ProtectionPolicy.spec.source.cluster
ProtectionPolicy.spec.objectives.rpo ProtectionPolicy.spec.objectives.allowLive
ProtectionPolicy.spec.schedule.cron ProtectionPolicy.spec.schedule.every ProtectionPolicy.spec.schedule.timezone
ProtectionPolicy.spec.schedule.jitter ProtectionPolicy.spec.schedule.missed ProtectionPolicy.spec.schedule.concurrency
ProtectionPolicy.spec.schedule.timeout ProtectionPolicy.spec.schedule.paused
ProtectionPolicy.spec.select.namespaces.names ProtectionPolicy.spec.select.namespaces.exclude
ProtectionPolicy.spec.select.namespaces.labels.matchLabels
ProtectionPolicy.spec.select.namespaces.labels.matchExpressions[].key
ProtectionPolicy.spec.select.namespaces.labels.matchExpressions[].operator
ProtectionPolicy.spec.select.namespaces.labels.matchExpressions[].values
ProtectionPolicy.spec.select.resources.include ProtectionPolicy.spec.select.resources.exclude
ProtectionPolicy.spec.select.resources.clusterScoped.mode ProtectionPolicy.spec.select.resources.clusterScoped.include
ProtectionPolicy.spec.select.resources.rbac
ProtectionPolicy.spec.select.labels.matchLabels
ProtectionPolicy.spec.select.labels.matchExpressions[].key
ProtectionPolicy.spec.select.labels.matchExpressions[].operator
ProtectionPolicy.spec.select.labels.matchExpressions[].values
ProtectionPolicy.spec.volumes.rules[].match.labels ProtectionPolicy.spec.volumes.rules[].match.storageClass
ProtectionPolicy.spec.volumes.rules[].match.csi
ProtectionPolicy.spec.volumes.rules[].method ProtectionPolicy.spec.volumes.rules[].mode
ProtectionPolicy.spec.volumes.rules[].message
ProtectionPolicy.spec.copies[].store ProtectionPolicy.spec.copies[].within
ProtectionPolicy.spec.standbys[].cluster ProtectionPolicy.spec.standbys[].mode
ProtectionPolicy.spec.notify[].to ProtectionPolicy.spec.notify[].when ProtectionPolicy.spec.notify[].resend
NotifyChannel.apiVersion NotifyChannel.kind NotifyChannel.metadata.name
NotifyChannel.spec.type NotifyChannel.spec.url
NotifyChannel.spec.urlFrom.secret NotifyChannel.spec.urlFrom.field NotifyChannel.spec.urlFrom.file
NotifyChannel.spec.signingKeyFrom.secret NotifyChannel.spec.signingKeyFrom.field NotifyChannel.spec.signingKeyFrom.file
NotifyChannel.spec.resend NotifyChannel.spec.quietHours NotifyChannel.spec.allowPrivate
"""

_INERT = {
    "BackupStore.metadata.labels": "labels are kept for your own use",
    "BackupStore.spec.location": "no copy is refused for its place yet",
    "BackupStore.spec.auth": "credentials come from the environment, a profile or the pod's own identity",
    "BackupStore.spec.encryption.escrow": "who can open a store is settled by `drsync init`",
    "BackupStore.spec.checks": "run `drsync doctor` and `drsync verify` by cron until these run by themselves",
    "ClusterTarget.metadata.labels": "labels are kept for your own use",
    "ClusterTarget.spec.location": "no restore is refused for its place yet",
    "ProtectionPolicy.metadata.labels": "labels are kept for your own use",
    "ProtectionPolicy.spec.objectives.rto": "it is shown; how long recovery takes is not measured yet",
    "ProtectionPolicy.spec.copies[].required": "with one copy it is always required",
    "ProtectionPolicy.spec.retention": "no point is deleted yet",
    "NotifyChannel.metadata.labels": "labels are kept for your own use",
    "RecoveryPlan": "it is checked; failover, switchover, failback and drills come later",
}

_REFUSED = {
    "BackupStore.spec.gcs": ("Google Cloud Storage cannot be used yet", "use provider s3 or filesystem"),
    "BackupStore.spec.azblob": ("Azure Blob Storage cannot be used yet", "use provider s3 or filesystem"),
    "BackupStore.spec.immutability": (
        "points cannot be locked by drsync yet",
        "remove it, and set the bucket's own default retention",
    ),
    "BackupStore.spec.control": (
        "leases cannot be kept in another store yet",
        "remove it; they are kept in the store itself",
    ),
    "ClusterTarget.spec.maps.ingressClass": ("restored objects are not changed so yet", "remove it"),
    "ClusterTarget.spec.maps.registry": ("restored objects are not changed so yet", "remove it"),
    "ClusterTarget.spec.maps.rancherProject": ("restored objects are not changed so yet", "remove it"),
    "ProtectionPolicy.spec.hooks": (
        "nothing runs in an application's pods yet",
        "remove it; until then volumes are read as they are",
    ),
    "ProtectionPolicy.spec.volumes.groups": (
        "volumes cannot be captured at one instant yet",
        "remove it; volumes are read live, one by one",
    ),
    "ProtectionPolicy.spec.volumes.rules[].snapshotClass": ("snapshots cannot be taken yet", "remove it"),
    "ProtectionPolicy.spec.volumes.rules[].keepLocalSnapshots": ("snapshots cannot be taken yet", "remove it"),
    "ProtectionPolicy.spec.copies[].every": ("a copy has no schedule of its own yet", "use schedule instead"),
    "ProtectionPolicy.spec.copies[].retention": ("no point is deleted yet", "remove it"),
    "ProtectionPolicy.spec.residency": (
        "where data may go is not enforced yet",
        "remove it, and choose stores and restore targets by hand",
    ),
    "ProtectionPolicy.spec.standbys[].transforms": ("restored objects are not changed so yet", "remove it"),
}

REFUSED_VALUES = {
    ("BackupStore.spec.provider", "gcs"): _REFUSED["BackupStore.spec.gcs"],
    ("BackupStore.spec.provider", "azblob"): _REFUSED["BackupStore.spec.azblob"],
    ("ProtectionPolicy.spec.schedule.missed", "skip"): (
        "a missed slot always runs once, late",
        "write run-once, or remove it",
    ),
    ("ProtectionPolicy.spec.volumes.rules[].method", "snapshot-upload"): (
        "snapshots cannot be taken yet",
        "use filesystem, which reads files live, or fail",
    ),
    ("ProtectionPolicy.spec.volumes.rules[].method", "clone-upload"): (
        "volumes cannot be cloned yet",
        "use filesystem, which reads files live, or fail",
    ),
    ("ProtectionPolicy.spec.volumes.rules[].mode", "crash"): ("volumes are read live so far", "write live"),
    ("ProtectionPolicy.spec.volumes.rules[].mode", "crash-group"): ("volumes are read live so far", "write live"),
    ("ProtectionPolicy.spec.volumes.rules[].mode", "app-consistent"): ("volumes are read live so far", "write live"),
    ("ProtectionPolicy.spec.standbys[].mode", "warm"): ("a standby cannot be kept warm yet", "write cold"),
}
"""Fields that are active, with a value that is not."""

INERT_VALUES = {
    ("ProtectionPolicy.spec.notify[].when[]", "drill-failed"): "there are no drills yet",
    ("ProtectionPolicy.spec.notify[].when[]", "drill-finished"): "there are no drills yet",
}

FIELDS: dict[str, Row] = {
    **{path: Row(Effect.ACTIVE) for path in _ACTIVE.split()},
    **{path: Row(Effect.INERT, reason) for path, reason in _INERT.items()},
    **{path: Row(Effect.REFUSED, reason, remedy) for path, (reason, remedy) in _REFUSED.items()},
}


def field_name(kind: str, path: Path) -> str:
    """`ProtectionPolicy.spec.copies[].store`, for the path of one value."""
    return kind + "".join("[]" if isinstance(step, int) else f".{step}" for step in path)


def row_of(field: str) -> Row | None:
    """The row that speaks for a field; None for a collection whose fields each have their own."""
    above = field
    while above:
        row = FIELDS.get(above)
        if row is not None and (above == field or row.effect is not Effect.ACTIVE):
            return row
        above = above.removesuffix("[]") if above.endswith("[]") else above.rpartition(".")[0]
    return None
