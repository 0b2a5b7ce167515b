"""What a policy comes to: resolved values, defaults, fields that do nothing yet, and the worst case."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from drsync.model.policy import (
    ClusterTarget,
    Config,
    LabelSelector,
    ProtectionPolicy,
    Schedule,
    Selection,
    VolumeMethod,
    VolumeRule,
)
from drsync.policy.document import read_documents, walk
from drsync.policy.fault import spell_path
from drsync.policy.fields import INERT_VALUES, Effect, field_name, row_of
from drsync.policy.load import find_policy
from drsync.policy.references import CONTEXT
from drsync.units import print_instant, spell_duration

_WIDTH = 12


def explain(config: Config, policy: str, *, upcoming: Sequence[datetime] = ()) -> tuple[str, ...]:
    """Lines for people. `upcoming` are the next slots, as `schedule.slots` gives them. Raises NotFound."""
    found = find_policy(config, policy)
    given = _given(config, f"ProtectionPolicy/{policy}")
    rows = [
        ("policy", policy),
        ("protects", _selection(found.select)),
        *_kinds(found.select),
        ("from", _cluster(config.clusters[found.cluster])),
        ("objectives", _objectives(found)),
        ("schedule", _schedule(found.schedule, given)),
        *(("next", print_instant(slot)) for slot in upcoming),
        *(("volumes", _rule(rule, is_default="spec.volumes" not in given)) for rule in found.volume_rules),
        *_copies(config, found),
        ("worst case", _worst_case(found)),
        *_live(found),
        *_notify(found),
        *(("inert", line) for line in _inert(config, found)),
    ]
    return tuple(f"{name:<{_WIDTH}}{text}" for name, text in rows)


def _given(config: Config, document: str) -> frozenset[str]:
    """The paths that the document itself says, without positions in lists."""
    return frozenset(path for path, _, _ in _said(config, document))


def _said(config: Config, document: str) -> Iterator[tuple[str, str, object]]:
    """Path as written, field of the table, and value, of all that a document says."""
    kind = document.partition("/")[0]
    for read in read_documents(document, config.documents.get(document, ""), []):
        for path, node in walk(read.root):
            yield spell_path(path), field_name(kind, path), node.value


def _inert(config: Config, policy: ProtectionPolicy) -> Iterator[str]:
    documents = [
        f"ProtectionPolicy/{policy.name}",
        *(f"BackupStore/{copy.store}" for copy in policy.copies),
        *(f"ClusterTarget/{name}" for name in (policy.cluster, *policy.standbys) if not name.startswith(CONTEXT)),
    ]
    for document in documents:
        above: str | None = None
        for path, field, value in _said(config, document):
            row = row_of(field)
            reason = row.reason if row is not None and row.effect is Effect.INERT else ""
            if isinstance(value, str):
                reason = reason or INERT_VALUES.get((field, value), "")
            if reason and (above is None or not path.startswith((f"{above}.", f"{above}["))):
                above = path
                yield f"{document}: {path} does nothing yet: {reason}"


def _selection(select: Selection) -> str:
    parts = [f"namespaces {', '.join(select.namespaces)}"] if select.namespaces else []
    parts += [f"namespaces labelled {_selector(select.namespace_labels)}"] if select.namespace_labels else []
    text = " and ".join(parts)
    return text + (f", without {', '.join(select.exclude_namespaces)}" if select.exclude_namespaces else "")


def _kinds(select: Selection) -> Iterator[tuple[str, str]]:
    kinds = ", ".join(select.include_resources) or "all"
    without = f", without {', '.join(select.exclude_resources)}" if select.exclude_resources else ""
    rbac = "taken" if select.rbac == "include" else "left out"
    yield "kinds", f"{kinds}{without}; roles and bindings are {rbac}"
    scoped = "what the selected objects need" if select.cluster_scoped == "referenced" else "none"
    whole = f", and all {', '.join(select.cluster_scoped_include)}" if select.cluster_scoped_include else ""
    yield "", f"cluster-scoped: {scoped}{whole}"
    if select.labels:
        yield "", f"only objects labelled {_selector(select.labels)}"


def _selector(selector: LabelSelector) -> str:
    parts: list[str] = []
    for r in selector:
        match r.operator:
            case "In" if len(r.values) == 1:
                parts.append(f"{r.key}={r.values[0]}")
            case "In" | "NotIn":
                parts.append(f"{r.key} {r.operator.lower()} ({', '.join(r.values)})")
            case _:
                parts.append(r.key if r.operator == "Exists" else f"!{r.key}")
    return ", ".join(parts)


def _cluster(cluster: ClusterTarget) -> str:
    where = f"kubeconfig {cluster.kubeconfig}" if cluster.kubeconfig else "the usual kubeconfig, or in-cluster"
    context = f", context {cluster.context}" if cluster.context else ""
    volumes = "; its hostPath and local volumes are directories of this host" if cluster.local_volumes else ""
    return f"cluster {cluster.name}: {where}{context}{volumes}"


def _objectives(policy: ProtectionPolicy) -> str:
    rto = f"RTO {spell_duration(policy.rto)}" if policy.rto else "no RTO"
    return f"RPO {spell_duration(policy.rpo)}, {rto}"


def _schedule(schedule: Schedule, given: frozenset[str]) -> str:
    every = spell_duration(schedule.every)
    if schedule.cron is not None:
        text = f"cron {schedule.cron!r} in {schedule.timezone}: at most {every} between slots"
    else:
        text = f"every {every}" + ("" if "spec.schedule.every" in given else " (default: half the RPO)")
    jitter = f", up to {spell_duration(schedule.jitter)} late" if schedule.jitter else ", no jitter"
    default = "" if "spec.schedule.jitter" in given else " (default)"
    timeout = f", given up after {spell_duration(schedule.timeout)}" if schedule.timeout else ""
    return f"{text}{jitter}{default}{timeout}" + ("; PAUSED" if schedule.paused else "")


def _rule(rule: VolumeRule, *, is_default: bool) -> str:
    criteria = [f"labelled {key}={value}" for key, value in rule.labels.items()]
    criteria += [f"of class {' or '.join(rule.storage_classes)}"] if rule.storage_classes else []
    criteria += [] if rule.csi is None else ["of a CSI driver" if rule.csi else "of no CSI driver"]
    which = f"volumes {', '.join(criteria)}" if criteria else "every volume"
    return f"{which}: {_method(rule)}" + (" (default)" if is_default else "")


def _method(rule: VolumeRule) -> str:
    match rule.method:
        case VolumeMethod.FILESYSTEM:
            return "filesystem, files read live"
        case VolumeMethod.SKIP:
            return "skip, left out on purpose"
        case VolumeMethod.FAIL:
            return f"fail, makes the point partial{f': {rule.message}' if rule.message else ''}"


def _copies(config: Config, policy: ProtectionPolicy) -> Iterator[tuple[str, str]]:
    for copy in policy.copies:
        store = config.stores[copy.store]
        within = f", there within {spell_duration(copy.within)}" if copy.within else ""
        key = "its own key" if store.key else "the key of DRSYNC_KEY_FILE or --key-file"
        yield "copy", f"store {store.name} at {store.url}{within}, opened with {key}"
    for standby in policy.standbys:
        yield "standby", _cluster(config.clusters[standby])


def _worst_case(policy: ProtectionPolicy) -> str:
    schedule, within = policy.schedule, policy.copies[0].within or timedelta()
    terms = [f"{spell_duration(schedule.every)} between slots"]
    terms += [f"{spell_duration(schedule.jitter)} jitter"] if schedule.jitter else []
    terms += [f"{spell_duration(within)} to copy"] if within else []
    total = schedule.every + schedule.jitter + within
    sum_ = f" = {spell_duration(total)}" if len(terms) > 1 else ""
    left = spell_duration(policy.rpo - total)
    return (
        f"{' + '.join(terms)}{sum_} and the time that a capture takes, of an RPO of {spell_duration(policy.rpo)}: "
        f"a capture may take {left}"
    )


def _live(policy: ProtectionPolicy) -> Iterator[tuple[str, str]]:
    if not any(rule.method is VolumeMethod.FILESYSTEM for rule in policy.volume_rules):
        return
    yield (
        "live",
        "Files are read one after the other while the application writes: such a copy is not crash-consistent.",
    )
    if policy.allow_live:
        yield "", "allowLive is true: points with such volumes count for the RPO all the same."
    else:
        yield "", "Points with such volumes do not count for the RPO. Set objectives.allowLive: true if they should."


def _notify(policy: ProtectionPolicy) -> Iterator[tuple[str, str]]:
    for route in policy.notify:
        again = f", again each {spell_duration(route.resend)}" if route.resend else ", once"
        yield "notify", f"{route.to} of {', '.join(route.when) or 'nothing'}{again}"
    if not policy.notify:
        yield "notify", "nobody is told of anything"
