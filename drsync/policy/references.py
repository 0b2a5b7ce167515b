"""Rules between documents: every name that is used is there, and what belongs together fits."""

from collections.abc import Iterator, Mapping
from typing import assert_never

from drsync.policy.check import Finding
from drsync.policy.fault import Path, printable
from drsync.policy.schema.channel import ChannelFile
from drsync.policy.schema.cluster import ClusterFile
from drsync.policy.schema.plan import PlanFile
from drsync.policy.schema.protection import ProtectionFile
from drsync.policy.schema.store import StoreFile
from drsync.policy.validate import PolicyFile

CONTEXT = "context/"
"""Before the name of a context of the user's own kubeconfig, in place of a ClusterTarget's name."""

Files = Mapping[tuple[str, str], PolicyFile | None]
"""(kind, name) to the document; None for one with faults, which is there all the same."""


def check_references(file: PolicyFile, files: Files) -> Iterator[Finding]:
    match file:
        case StoreFile():
            if file.spec.control is not None:
                yield from _named(files, "BackupStore", file.spec.control, ("spec", "control"))
        case ClusterFile():
            for index, store in enumerate(file.spec.reads_stores):
                yield from _named(files, "BackupStore", store, ("spec", "readsStores", index))
        case ProtectionFile():
            yield from _protection(file, files)
        case PlanFile():
            yield from _plan(file, files)
        case ChannelFile():
            pass
        case _:
            assert_never(file)


def _protection(file: ProtectionFile, files: Files) -> Iterator[Finding]:
    spec = file.spec
    yield from _cluster(files, spec.source.cluster, ("spec", "source", "cluster"))
    for index, copy in enumerate(spec.copies):
        yield from _named(files, "BackupStore", copy.store, ("spec", "copies", index, "store"))
    for index, route in enumerate(spec.notify):
        yield from _named(files, "NotifyChannel", route.to, ("spec", "notify", index, "to"))
    stores = {copy.store for copy in spec.copies}
    for index, standby in enumerate(spec.standbys):
        at: Path = ("spec", "standbys", index, "cluster")
        yield from _cluster(files, standby.cluster, at)
        target = files.get(("ClusterTarget", standby.cluster))
        if standby.cluster == spec.source.cluster:
            yield at, "is the cluster that is protected.", "name another one"
        elif (
            isinstance(target, ClusterFile) and target.spec.reads_stores and stores.isdisjoint(target.spec.reads_stores)
        ):
            problem = f"reads none of this policy's copies; its readsStores are {', '.join(target.spec.reads_stores)}."
            yield at, problem, f"add {spec.copies[0].store} to the readsStores of {standby.cluster}"


def _plan(file: PlanFile, files: Files) -> Iterator[Finding]:
    for index, policy in enumerate(file.spec.policies):
        at: Path = ("spec", "policies", index)
        yield from _named(files, "ProtectionPolicy", policy, at)
        owner = min(
            (name for (kind, name), other in files.items() if kind == "RecoveryPlan" and _holds(other, policy)),
            default=file.metadata.name,
        )
        if owner != file.metadata.name:
            yield at, f"is in the plan {owner} already, and a policy belongs to one plan.", "remove it from one of them"
    drill = file.spec.drill
    if drill is not None:
        yield from _cluster(files, drill.target.cluster, ("spec", "drill", "target", "cluster"))
        if drill.report is not None:
            yield from _named(files, "BackupStore", drill.report.store, ("spec", "drill", "report", "store"))
    yield from _dns(file, files)


def _holds(file: PolicyFile | None, policy: str) -> bool:
    return isinstance(file, PlanFile) and policy in file.spec.policies


def _dns(file: PlanFile, files: Files) -> Iterator[Finding]:
    """Resolvers may keep an answer for its whole TTL, so that it is a part of the recovery time."""
    policies = (files.get(("ProtectionPolicy", name)) for name in file.spec.policies)
    goals = [p.spec.objectives.rto for p in policies if isinstance(p, ProtectionFile)]
    rto = min((goal for goal in goals if goal is not None), default=None)
    for index, step in enumerate(file.spec.cutover.steps):
        if step.dns is not None and rto is not None and step.dns.ttl > rto.total_seconds() / 10:
            most = int(rto.total_seconds() // 10)
            at: Path = ("spec", "cutover", "steps", index, "dns", "ttl")
            yield at, f"is more than a tenth of the RTO, which is {most}s.", f"write {most} or less"


def _cluster(files: Files, name: str, at: Path) -> Iterator[Finding]:
    if not name.startswith(CONTEXT):
        yield from _named(files, "ClusterTarget", name, at)
    elif not name.removeprefix(CONTEXT).isprintable() or name == CONTEXT:
        yield at, "names no context.", f"write {CONTEXT}NAME, as `kubectl config get-contexts` shows it"


def _named(files: Files, kind: str, name: str, at: Path) -> Iterator[Finding]:
    if (kind, name) in files:
        return
    known = sorted(known for other, known in files if other == kind)
    remedy = f"use one of {', '.join(known[:10])}, or add it" if known else f"add a {kind} with that name"
    yield at, f"there is no {kind} `{printable(name)}`.", remedy
