"""Rules that one document must keep, beyond the shape of its fields."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import assert_never

from drsync.policy.cron import longest_gap
from drsync.policy.fault import Path
from drsync.policy.schema.channel import ChannelFile
from drsync.policy.schema.cluster import ClusterFile
from drsync.policy.schema.plan import Gate, PlanFile
from drsync.policy.schema.protection import ProtectionFile, ScheduleSpec
from drsync.policy.schema.store import StoreFile
from drsync.policy.schema.values import Requirement, SecretSource, Selector
from drsync.policy.validate import PolicyFile
from drsync.units import spell_duration

Finding = tuple[Path, str, str]
"""Path, problem, remedy."""


def check(file: PolicyFile) -> Iterator[Finding]:
    match file:
        case StoreFile():
            yield from _store(file)
        case ClusterFile():
            yield from _cluster(file)
        case ProtectionFile():
            yield from _protection(file)
        case ChannelFile():
            yield from _channel(file)
        case PlanFile():
            yield from _plan(file)
        case _:
            assert_never(file)


def interval(schedule: ScheduleSpec, rpo: timedelta) -> timedelta:
    """The longest time between two slots; half the RPO where nothing is said."""
    if schedule.cron is not None:
        return longest_gap(schedule.cron, schedule.timezone)
    return schedule.every or max(timedelta(seconds=1), timedelta(seconds=int(rpo.total_seconds()) // 2))


def _store(file: StoreFile) -> Iterator[Finding]:
    spec = file.spec
    parts = {"s3": spec.s3, "gcs": spec.gcs, "azblob": spec.azblob, "filesystem": spec.filesystem}
    if parts[spec.provider] is None:
        yield ("spec",), f"says provider {spec.provider}, and has no `{spec.provider}`.", f"add {spec.provider}: {{…}}"
    for name, part in parts.items():
        if part is not None and name != spec.provider:
            yield ("spec", name), f"is given, and provider is {spec.provider}.", "remove it, or change provider"
    if spec.encryption.key_ref is not None:
        yield from _source(("spec", "encryption", "keyRef"), spec.encryption.key_ref)


def _cluster(file: ClusterFile) -> Iterator[Finding]:
    connect = file.spec.connect
    if connect.mode == "agent":
        for name, value in (("kubeconfig", connect.kubeconfig), ("context", connect.context)):
            if value is not None:
                yield ("spec", "connect", name), "has no meaning with mode agent.", "remove it, or use mode kubeconfig"
    yield from _repeated(("spec", "readsStores"), file.spec.reads_stores)


def _channel(file: ChannelFile) -> Iterator[Finding]:
    spec = file.spec
    if (spec.url is None) == (spec.url_from is None):
        yield ("spec",), "must have either `url` or `urlFrom`.", "keep a secret address in urlFrom, a plain one in url"
    if spec.url_from is not None:
        yield from _source(("spec", "urlFrom"), spec.url_from)
    if spec.signing_key_from is not None:
        yield from _source(("spec", "signingKeyFrom"), spec.signing_key_from)


def _protection(file: ProtectionFile) -> Iterator[Finding]:
    yield from _schedule(file)
    yield from _selection(file)
    yield from _rules(file)
    if len(file.spec.copies) > 1:
        yield ("spec", "copies", 1), "is refused: one copy is all that works yet.", "keep one entry in copies"
    yield from _repeated(("spec", "standbys"), [standby.cluster for standby in file.spec.standbys])


def _schedule(file: ProtectionFile) -> Iterator[Finding]:
    schedule, rpo = file.spec.schedule, file.spec.objectives.rpo
    if schedule.cron is not None and schedule.every is not None:
        yield ("spec", "schedule", "every"), "is given, and `cron` is too.", "keep one of them"
        return
    gap = interval(schedule, rpo)
    within = file.spec.copies[0].within or timedelta()
    jitter = schedule.jitter or timedelta()
    if gap + within + jitter <= rpo:
        return
    terms = [f"{spell_duration(gap)} between slots"]
    terms += [f"{spell_duration(within)} to copy"] if within else []
    terms += [f"{spell_duration(jitter)} jitter"] if jitter else []
    sum_ = f" = {spell_duration(gap + within + jitter)}" if len(terms) > 1 else ""
    problem = f"cannot be met: {' + '.join(terms)}{sum_} is more than {spell_duration(rpo)}."
    left = rpo - within - jitter
    remedy = f"capture at least every {spell_duration(left)}" if left > timedelta() else "allow less to copy and jitter"
    yield ("spec", "objectives", "rpo"), problem, f"{remedy}, or raise the RPO"


def _selection(file: ProtectionFile) -> Iterator[Finding]:
    select = file.spec.select
    namespaces = select.namespaces
    at: Path = ("spec", "select", "namespaces")
    if not namespaces.names and namespaces.labels is None:
        yield at, "selects nothing.", "add names: [shop] or labels: {matchLabels: {team: shop}}"
    if namespaces.labels is not None:
        if not namespaces.labels.match_labels and not namespaces.labels.match_expressions:
            yield (*at, "labels"), "is empty, which matches every namespace.", 'write names: ["*"] if all are meant'
        yield from _selector((*at, "labels"), namespaces.labels)
    yield from _selector(("spec", "select", "labels"), select.labels)


def _selector(at: Path, selector: Selector) -> Iterator[Finding]:
    for index, requirement in enumerate(selector.match_expressions):
        yield from _requirement((*at, "matchExpressions", index), requirement)


def _requirement(at: Path, requirement: Requirement) -> Iterator[Finding]:
    takes_values = requirement.operator in {"In", "NotIn"}
    if takes_values and not requirement.values:
        yield at, f"has operator {requirement.operator} and no values.", "add values: […]"
    if not takes_values and requirement.values:
        yield (*at, "values"), f"has no meaning with operator {requirement.operator}.", "remove it"


def _rules(file: ProtectionFile) -> Iterator[Finding]:
    rules = file.spec.volumes.rules
    at: Path = ("spec", "volumes", "rules")
    open_ = [not (rule.match.labels or rule.match.storage_class or rule.match.csi is not None) for rule in rules]
    if not open_[-1]:
        problem = "leaves volumes that no rule matches: the last one must match all."
        yield (*at, len(rules) - 1), problem, 'end with {match: {}, method: fail, message: "no rule for this volume"}'
    for index, is_open in enumerate(open_[:-1]):
        if is_open:
            yield (*at, index), "matches every volume, so that no rule after it is reached.", "move it to the end"
    for index, rule in enumerate(rules):
        if rule.mode is not None and rule.method in {"skip", "fail"}:
            yield (*at, index, "mode"), f"has no meaning with method {rule.method}.", "remove it"


def _plan(file: PlanFile) -> Iterator[Finding]:
    spec = file.spec
    yield from _repeated(("spec", "policies"), spec.policies)
    yield from _repeated(("spec", "groups"), [group.name for group in spec.groups])
    for index, group in enumerate(spec.groups):
        if group.gate is not None:
            yield from _gate(("spec", "groups", index, "gate"), group.gate)
    if spec.cutover.gate is not None:
        yield from _gate(("spec", "cutover", "gate"), spec.cutover.gate)
    for index, step in enumerate(spec.cutover.steps):
        if sum(part is not None for part in (step.dns, step.istio, step.kong, step.k8gb)) != 1:
            yield ("spec", "cutover", "steps", index), "must be one step.", "write one of dns, istio, kong and k8gb"
    for index, probe in enumerate(spec.drill.probes if spec.drill else ()):
        if (probe.http is None) == (probe.sql is None):
            yield ("spec", "drill", "probes", index), "must be one probe.", "write one of http and sql"


def _gate(at: Path, gate: Gate) -> Iterator[Finding]:
    if sum(part is not None for part in (gate.established, gate.exec, gate.http, gate.person)) != 1:
        yield at, "must wait for one thing.", "write one of established, exec, http and person"
    if (gate.exec or gate.http) and gate.for_ is None:
        yield at, "has no timeout.", "add for: 5m"


def _source(at: Path, source: SecretSource) -> Iterator[Finding]:
    has_secret = source.secret is not None and source.field is not None
    half = (source.secret is None) != (source.field is None)
    if half or has_secret == (source.file is not None):
        yield at, "must say where the secret is.", "write {secret: NAME, field: KEY} or {file: PATH}"


def _repeated(at: Path, names: Sequence[str]) -> Iterator[Finding]:
    for index, name in enumerate(names):
        if name in names[:index]:
            yield (*at, index), f"`{name}` is there twice.", "remove one of them"
