"""`drsync backup`: capture one recovery point."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import click

from drsync.cli.judging import exposure_words, is_breached, row_of
from drsync.cli.naming import new_suffix, tool_version
from drsync.cli.options import Call, Duration, reading, stoppable
from drsync.cli.output import print_document, tell
from drsync.cli.progress import Progress
from drsync.cli.sources import Source, policy_source
from drsync.engine.backup import BackupOrder, BackupReport, backup, preview
from drsync.engine.judging import judge_policy, read_history
from drsync.engine.opening import access_to, find_cluster, opened_world
from drsync.engine.volume_access import VolumeAccess
from drsync.engine.world import World
from drsync.model.ids import run_id
from drsync.model.plan import Plan, RunKind
from drsync.model.policy import ProtectionPolicy
from drsync.policy.load import bundle
from drsync.state.holder import this_holder
from drsync.stores.wrappers.count import Counting
from drsync.units import print_duration, print_instant, print_size


@click.command("backup")
@click.argument("policy")
@click.option("-q", "--quiet", is_flag=True, help="Nothing on standard error unless something is wrong.")
@click.option("--timeout", type=Duration(), help="Stop after this long; what was uploaded is reused.")
@click.option("--dry-run", type=click.Choice(["plan"]), help="Print the plan and change nothing.")
@reading
def command(call: Call, policy: str, quiet: bool, timeout: timedelta | None, dry_run: str | None) -> int:
    """Captures one recovery point of POLICY.

    \b
    Examples:
      drsync backup payments
      8-59/15 * * * *  drsync backup payments -q -o jsonl --timeout 14m >> payments.jsonl

    \b
    EXIT STATUS
      0  complete, and every standby within its objective
      3  partial: what is missing is named
      5  complete, and a standby still past its objective
      4  the policy selects nothing      11  another run of it is at work
    """
    with stoppable(call, timeout), policy_source(call, policy) as (source, found):
        target = find_cluster(source.config, found.cluster)
        report = Progress(quiet=quiet or dry_run is not None)
        with opened_world(source.opened, target, call.clock, call.cancel, report) as world:
            order = BackupOrder(
                policy=found,
                document=bundle(source.config, policy),
                run=(run := run_id(RunKind.BACKUP, now=call.clock.now(), suffix=new_suffix())),
                point_suffix=new_suffix(),
                holder=this_holder(run, call.settings.site),
                tool_version=tool_version(),
            )
            if dry_run:
                return _print_plan(call, order, world, access_to(target))
            if not quiet:
                tell(f"{run}  policy {policy}  cluster {found.cluster}  RPO {print_duration(found.rpo)}")
            done = backup(order, world, access_to(target))
        return _print_report(call, source, found, done, quiet=quiet)


def _print_plan(call: Call, order: BackupOrder, world: World, access: VolumeAccess) -> int:
    plan, facts = preview(order, world, access)
    document = {
        "schema": "drsync.plan/v1",
        "name": order.policy.name,
        "namespaces": list(facts.namespaces),
        "steps": [step.id for step in plan.steps()],
        "missing": [{"what": m.what, "reason": m.reason} for m in facts.missing],
        "leftOut": [{"what": e.what, "reason": e.reason} for e in facts.left_out],
    }
    print_document(document, call.output, lambda: _plan_text(plan, document))
    return 3 if facts.missing or facts.vanished else 0


def _plan_text(plan: Plan, document: Mapping[str, Any]) -> str:
    lines = [f"Plan of a backup of {document['name']}. Nothing was changed."]
    lines.append(f"namespaces  {', '.join(document['namespaces'])}")
    lines += [f"step        {step.id}" for step in plan.steps()]
    lines += [f"MISSING     {m['what']}: {m['reason']}" for m in document["missing"]]
    lines += [f"left out    {e['what']}: {e['reason']}" for e in document["leftOut"]]
    return "\n".join(lines)


def _print_report(call: Call, source: Source, policy: ProtectionPolicy, done: BackupReport, *, quiet: bool) -> int:
    """The point, and what it means for each standby."""
    history = read_history(source.opened, policy.name)
    objectives = judge_policy(source.config, policy, history, now=call.clock.now(), skew=source.opened.store.skew)
    rows = [row_of(policy, standby, objective, store=source.name) for standby, objective in objectives]
    code = done.end.exit_code or (5 if is_breached(rows) else 0)
    document = _document(done, policy, rows, source, code)
    print_document(document, call.output, lambda: _text(done, rows))
    if quiet and code:
        tell(f"drsync backup {policy.name}: {document['result']} (exit {code}); `drsync describe run {done.run}`")
    return code


def _document(
    done: BackupReport, policy: ProtectionPolicy, rows: list[Mapping[str, Any]], source: Source, code: int
) -> dict[str, Any]:
    point = done.point.point
    counting = source.opened.store
    return {
        "schema": "drsync.run/v1",
        "name": done.run,
        "run": done.run,
        "kind": "backup",
        "policy": policy.name,
        "cluster": policy.cluster,
        "result": done.end.outcome.value,
        "exitCode": code,
        "point": point.id,
        "consistentAt": print_instant(point.consistent_at),
        "sealedAt": print_instant(done.point.sealed_at),
        "objects": sum(point.objects.counts.values()),
        "volumes": len(point.volumes),
        "addedBytes": done.added_bytes,
        "missing": [{"what": m.what, "reason": m.reason} for m in point.missing],
        "notices": list(point.notices),
        "rpo": [
            {
                "standby": row["standby"],
                "ageSeconds": row["exposureSeconds"],
                "targetSeconds": row["rpoSeconds"],
                "breached": row["state"] in ("BREACHED", "UNPROTECTED"),
                "breachAt": row["breachAt"],
            }
            for row in rows
        ],
        "timings": dict(done.timings),
        "requests": dict(counting.counts) if isinstance(counting, Counting) else {},
        "storeWrites": _writes(counting) if isinstance(counting, Counting) else {},
    }


def _text(done: BackupReport, rows: list[Mapping[str, Any]]) -> str:
    point = done.point.point
    word = "COMPLETE" if point.complete else "PARTIAL"
    held = f"{sum(point.objects.counts.values()):,} objects, {len(point.volumes)} volumes"
    lines = [f"{word} {point.id}  consistent at {print_instant(point.consistent_at)}"]
    lines.append(f"  {held}, {print_size(done.added_bytes)} new")
    lines += [f"MISSING  {m.what}: {m.reason}" for m in point.missing]
    lines += [f"LOOK     {notice}" for notice in point.notices]
    for row in rows:
        standby = f" {row['standby']}" if row["standby"] else ""
        until = f", breach at {row['breachAt']}" if row["breachAt"] else ""
        target = print_duration(timedelta(seconds=row["rpoSeconds"]))
        lines.append(f"RPO{standby}: {row['state']}: would lose {exposure_words(row)} of {target} allowed{until}")
        lines += [f"  {reason}" for reason in row["reasons"]]
    if not point.complete:
        lines.append("next: mend what is missing and run the same command again; a partial point never counts")
    return "\n".join(lines)


def _writes(store: Counting) -> dict[str, int]:
    """Objects that this process wrote, by the first part of their key; movers count their own."""
    written: dict[str, int] = {}
    for (call, part), count in store.pairs.items():
        if call in ("create", "replace"):
            written[part] = written.get(part, 0) + count
    return written
