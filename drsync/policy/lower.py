"""From checked policy files to the values that the rest of drsync works with: every default and path resolved."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import PurePosixPath
from posixpath import normpath
from urllib.parse import quote, urlencode

from drsync.model.event import EventKind
from drsync.model.policy import (
    BackupStore,
    ClusterTarget,
    Copy,
    LabelRequirement,
    LabelSelector,
    Location,
    NotifyChannel,
    NotifyRoute,
    ProtectionPolicy,
    Schedule,
    SecretRef,
    Selection,
    VolumeMethod,
    VolumeRule,
)
from drsync.policy.check import interval
from drsync.policy.schema.channel import ChannelFile
from drsync.policy.schema.cluster import ClusterFile
from drsync.policy.schema.protection import ProtectionFile, Rule
from drsync.policy.schema.store import S3, StoreFile
from drsync.policy.schema.values import Place, SecretSource, Selector

LONGEST_DEFAULT_JITTER = timedelta(minutes=1)
DEFAULT_RESEND = timedelta(minutes=30)
EVENTS = frozenset(EventKind)


def lower_store(file: StoreFile, *, folder: str) -> BackupStore:
    spec = file.spec
    if spec.filesystem is not None:
        url = "file://" + quote(_resolve(spec.filesystem.path, folder))
    elif spec.s3 is not None:
        url = _s3_url(spec.s3, folder)
    else:
        raise AssertionError(spec.provider)
    return BackupStore(
        name=file.metadata.name,
        url=url,
        location=_location(spec.location),
        key=_secret(spec.encryption.key_ref, folder),
        control=spec.control,
        parallel=spec.limits.parallel,
        upload_mib_s=spec.limits.upload_mibps,
    )


def lower_cluster(file: ClusterFile, *, folder: str) -> ClusterTarget:
    spec = file.spec
    return ClusterTarget(
        name=file.metadata.name,
        labels=file.metadata.labels,
        kubeconfig=_resolve(spec.connect.kubeconfig, folder) if spec.connect.kubeconfig else None,
        context=spec.connect.context,
        local_volumes=spec.connect.local_volumes,
        location=_location(spec.location),
        reads_stores=spec.reads_stores,
        storage_class_map=spec.maps.storage_class,
    )


def lower_channel(file: ChannelFile, *, folder: str) -> NotifyChannel:
    spec = file.spec
    return NotifyChannel(
        name=file.metadata.name,
        url=spec.url or "",
        url_from=_secret(spec.url_from, folder),
        signing_key=_secret(spec.signing_key_from, folder),
        resend=spec.resend if "resend" in spec.model_fields_set else DEFAULT_RESEND,
        allow_private=spec.allow_private,
    )


def lower_policy(file: ProtectionFile, channels: dict[str, NotifyChannel]) -> ProtectionPolicy:
    spec = file.spec
    return ProtectionPolicy(
        name=file.metadata.name,
        cluster=spec.source.cluster,
        rpo=spec.objectives.rpo,
        rto=spec.objectives.rto,
        allow_live=spec.objectives.allow_live,
        select=_selection(file),
        schedule=_schedule(file),
        volume_rules=tuple(_rule(rule) for rule in spec.volumes.rules),
        copies=tuple(Copy(store=copy.store, within=copy.within) for copy in spec.copies),
        standbys=tuple(standby.cluster for standby in spec.standbys),
        notify=tuple(_routes(file, channels)),
        labels=file.metadata.labels,
    )


def _schedule(file: ProtectionFile) -> Schedule:
    spec, rpo = file.spec.schedule, file.spec.objectives.rpo
    every = interval(spec, rpo)
    slack = rpo - every - (file.spec.copies[0].within or timedelta())
    # Enough to part policies that share a slot, and never so much that it breaks the RPO.
    seconds = int(min(LONGEST_DEFAULT_JITTER, every / 10, slack).total_seconds())
    return Schedule(
        cron=spec.cron,
        every=every,
        timezone=spec.timezone,
        jitter=timedelta(seconds=seconds) if spec.jitter is None else spec.jitter,
        timeout=spec.timeout,
        paused=spec.paused,
    )


def _selection(file: ProtectionFile) -> Selection:
    select = file.spec.select
    return Selection(
        namespaces=select.namespaces.names,
        namespace_labels=_selector(select.namespaces.labels or Selector()),
        exclude_namespaces=select.namespaces.exclude,
        include_resources=select.resources.include,
        exclude_resources=select.resources.exclude,
        cluster_scoped=select.resources.cluster_scoped.mode,
        cluster_scoped_include=select.resources.cluster_scoped.include,
        rbac=select.resources.rbac,
        labels=_selector(select.labels),
    )


def _selector(selector: Selector) -> LabelSelector:
    return (
        *(LabelRequirement(key=key, operator="In", values=(value,)) for key, value in selector.match_labels.items()),
        *(LabelRequirement(key=r.key, operator=r.operator, values=r.values) for r in selector.match_expressions),
    )


def _rule(rule: Rule) -> VolumeRule:
    return VolumeRule(
        method=VolumeMethod(rule.method),
        labels=rule.match.labels,
        storage_classes=rule.match.storage_class,
        csi=rule.match.csi,
        message=rule.message or "",
    )


def _routes(file: ProtectionFile, channels: dict[str, NotifyChannel]) -> Iterator[NotifyRoute]:
    for route in file.spec.notify:
        when = tuple(name for name in route.when if name in EVENTS)
        resend = route.resend if "resend" in route.model_fields_set else channels[route.to].resend
        yield NotifyRoute(to=route.to, when=when, resend=resend)


def _s3_url(s3: S3, folder: str) -> str:
    options = {
        "endpoint": s3.endpoint or "",
        "region": s3.region or "",
        "pathStyle": "" if s3.path_style is None else str(s3.path_style).lower(),
        "ca": _resolve(s3.ca_file, folder) if s3.ca_file else "",
    }
    query = urlencode({name: value for name, value in options.items() if value}, safe="/:")
    return f"s3://{s3.bucket}" + (f"/{quote(s3.prefix)}" if s3.prefix else "") + (f"?{query}" if query else "")


def _location(place: Place) -> Location:
    return Location(jurisdiction=place.jurisdiction or "", cloud=place.cloud or "", region=place.region or "")


def _secret(source: SecretSource | None, folder: str) -> SecretRef | None:
    if source is None:
        return None
    file = _resolve(source.file, folder) if source.file else ""
    return SecretRef(secret=source.secret or "", field=source.field or "", file=file)


def _resolve(path: str, folder: str) -> str:
    return normpath(PurePosixPath(folder) / path)
