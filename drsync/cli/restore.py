"""`drsync restore`: bring a recovery point back."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import click

from drsync.cli.naming import new_suffix, tool_version
from drsync.cli.options import Call, Duration, reading, stoppable
from drsync.cli.output import print_document, tell
from drsync.cli.progress import Progress
from drsync.cli.sources import Source, point_source
from drsync.engine.opening import access_to, find_cluster, opened_world
from drsync.engine.restore import Prepared, RestoreOrder, RestoreReport, prepare, rehearse, restore
from drsync.engine.volume_access import VolumeAccess
from drsync.engine.world import World
from drsync.engine.writing import Fate, Written
from drsync.engine.writing import tell as results_of
from drsync.errors import NotConfirmed, UserError
from drsync.model.ids import run_id
from drsync.model.plan import RunKind
from drsync.model.policy import ClusterTarget
from drsync.model.recovery_point import SealedPoint
from drsync.model.request import Existing, RestoreRequest
from drsync.state.catalog import resolve
from drsync.state.holder import this_holder
from drsync.units import print_duration, print_instant

_MAPS = {"map_namespace": "--map-namespace", "map_storage_class": "--map-storage-class"}
_SHOWN = 12
"""Objects and changes that a person is shown; `-o json` has them all."""


@click.command("restore")
@click.argument("point", metavar="POINT|POLICY@latest")
@click.option("--to", "cluster", required=True, metavar="CLUSTER", help="A ClusterTarget, or context/NAME.")
@click.option("--namespace", "-n", "namespaces", multiple=True, help="Only this namespace of the point; a glob may be.")
@click.option("--kinds", multiple=True, metavar="KIND", help="Only these kinds: configmaps, deployments.apps, Widget.")
@click.option("-l", "--selector", default="", help="Only objects with these labels.")
@click.option("--volumes", multiple=True, metavar="NAME|none", help="Fill only these volumes, or none.")
@click.option("--path", "paths", multiple=True, metavar="FILE", help="Only this file or folder of the volumes.")
@click.option("--map-namespace", multiple=True, metavar="OLD=NEW", help="Restore a namespace under another name.")
@click.option("--map-storage-class", multiple=True, metavar="OLD=NEW", help="Use another storage class.")
@click.option("--existing", type=click.Choice([e.value for e in Existing]), default="skip", show_default=True,
              help="What to do with objects that are there and differ.")  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Yes to --existing merge or replace, after looking at the diff.")
@click.option("--local-volumes", is_flag=True, help="Volumes of CLUSTER are folders of this host, as in a sandbox.")
@click.option("--allow-partial", is_flag=True, help="Restore what there is of a partial point.")
@click.option("--dry-run", type=click.Choice(["plan", "server"]), help="Show what would be done, and change nothing.")
@click.option("-q", "--quiet", is_flag=True, help="Nothing on standard error unless something is wrong.")
@click.option("--timeout", type=Duration(), help="Stop after this long; the same command goes on.")
@reading
def command(  # noqa: PLR0913 - one argument an option
    call: Call,
    /,
    point: str,
    *,
    cluster: str,
    local_volumes: bool,
    overwrite: bool,
    dry_run: str | None,
    quiet: bool,
    timeout: timedelta | None,
    **asked: Any,
) -> int:
    """Brings a recovery point, or a part of it, back into CLUSTER.

    Objects that are there and equal are left alone, so a second run changes nothing. Stopped half
    way, the same command goes on.

    \b
    Examples:
      drsync restore payments@latest --to standby
      drsync restore payments@latest --to standby --dry-run plan
      drsync restore rp-20260821 --to standby -n payments --map-namespace payments=payments-copy
      drsync restore payments@latest --to prod --volumes uploads --path invoices/2026-08.pdf
      drsync restore payments@latest --to context/dr --from-store s3://acme-dr/prod --key-file drsync.key

    \b
    EXIT STATUS
      0  everything chosen is there        6   blocked: a partial point, volumes out of reach
      3  some objects were refused         7   --existing merge|replace without --overwrite
      4  no such point, or nothing in it matches        12  no key opens the store
    """
    maps = {name: _pairs(option, asked.pop(name)) for name, option in _MAPS.items()}
    with stoppable(call, timeout), point_source(call, point) as source:
        sealed = resolve(source.opened.store, point, key=source.opened.unlocked().derive("log"), now=call.clock.now())
        target = find_cluster(source.config, cluster)
        target = replace(target, local_volumes=target.local_volumes or local_volumes)
        request = _request(sealed, cluster, target, {**asked, **maps})
        order = _order(call, request, sealed)
        report = Progress(quiet=quiet or dry_run is not None)
        with opened_world(source.opened, target, call.clock, call.cancel, report) as world:
            if dry_run:
                return _rehearse(call, order, world, access_to(target), ask_server=dry_run == "server")
            if request.existing is not Existing.SKIP and not overwrite:
                _show_diff_and_stop(order, world, access_to(target))
            if not quiet:
                _tell_header(call, source, sealed, cluster)
            done = restore(order, world, access_to(target))
    return _print_report(call, done, sealed)


def _request(sealed: SealedPoint, cluster: str, target: ClusterTarget, asked: Mapping[str, Any]) -> RestoreRequest:
    volumes: tuple[str, ...] = asked["volumes"]
    if "none" in volumes and len(volumes) > 1:
        raise UserError("--volumes none and a volume's name contradict each other.", remedy="give one of them")
    return RestoreRequest(
        point=sealed.point.id,
        policy=sealed.point.policy,
        cluster=cluster,
        namespaces=asked["namespaces"],
        kinds=_split(asked["kinds"]),
        selector=asked["selector"],
        volumes=None if not volumes else () if volumes == ("none",) else _split(volumes),
        paths=asked["paths"],
        namespace_map=asked["map_namespace"],
        storage_class_map={**target.storage_class_map, **asked["map_storage_class"]},
        existing=Existing(asked["existing"]),
        allow_partial=asked["allow_partial"],
    )


def _split(words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(part for word in words for part in word.split(",") if part)


def _pairs(option: str, words: tuple[str, ...]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for word in words:
        old, is_pair, new = word.partition("=")
        if not is_pair or not old or not new:
            raise UserError(f"{option} {word} is not OLD=NEW.", remedy=f"write it as {option} payments=payments-copy")
        pairs[old] = new
    return pairs


def _order(call: Call, request: RestoreRequest, sealed: SealedPoint) -> RestoreOrder:
    run = run_id(RunKind.RESTORE, now=call.clock.now(), suffix=new_suffix())
    return RestoreOrder(
        request=request,
        sealed=sealed,
        run=run,
        holder=this_holder(run, call.settings.site),
        tool_version=tool_version(),
    )


def _tell_header(call: Call, source: Source, sealed: SealedPoint, cluster: str) -> None:
    point = sealed.point
    age = print_duration(call.clock.now() - point.consistent_at)
    tell(f"restore {point.id} of policy {point.policy} into {cluster}, from {source.name}")
    tell(f"  consistent at {print_instant(point.consistent_at)}, {age} ago; later writes are not in it")


def _rehearse(call: Call, order: RestoreOrder, world: World, access: VolumeAccess, *, ask_server: bool) -> int:
    prepared = prepare(order, world, access)
    results = rehearse(prepared, world, ask_server=ask_server)
    document = {
        "schema": "drsync.plan/v1",
        "name": order.sealed.point.id,
        "cluster": order.request.cluster,
        "asked": "server" if ask_server else "plan",
        "steps": [step.id for step in prepared.plan.steps()],
        "objects": results_of(results),
        "leftOut": [{"object": str(item.id), "reason": item.reason} for item in prepared.inputs.left_out],
    }
    print_document(document, call.output, lambda: _rehearsal_text(prepared, results))
    return 3 if any(one.fate is Fate.FAILED for one in results) else 0


def _rehearsal_text(prepared: Prepared, results: list[Written]) -> str:
    lines = [f"Plan of a restore into {prepared.inputs.request.cluster}. Nothing was changed."]
    lines += [f"step      {step.id}" for step in prepared.plan.steps()]
    lines += [f"{fate.value:<9} {count:,} objects" for fate, count in Counter(one.fate for one in results).items()]
    lines += _worth_seeing(results)
    if prepared.inputs.left_out:
        lines.append(f"left out  {len(prepared.inputs.left_out):,} objects, first {_left_out(prepared)}")
    return "\n".join(lines)


def _left_out(prepared: Prepared) -> str:
    first = prepared.inputs.left_out[0]
    return f"{first.id}: {first.reason}"


def _worth_seeing(results: list[Written]) -> list[str]:
    lines: list[str] = []
    for one in results:
        if one.fate in (Fate.FAILED, Fate.SKIPPED, Fate.MERGED, Fate.REPLACED):
            lines.append(f"{one.fate.value:<9} {one.id}{': ' + one.reason if one.reason else ''}")
            lines += [f"            {c.path}: {c.before!r} → {c.after!r}" for c in one.changes[:_SHOWN]]
    return [*lines[:_SHOWN], f"… {len(lines) - _SHOWN} more lines with -o json"] if len(lines) > _SHOWN else lines


def _show_diff_and_stop(order: RestoreOrder, world: World, access: VolumeAccess) -> None:
    """Nothing that is there is changed before somebody has seen how."""
    prepared = prepare(order, world, access)
    results = rehearse(prepared, world, ask_server=False)
    touched = [one for one in results if one.fate in (Fate.MERGED, Fate.REPLACED)]
    there = [one.id for one in results if one.id in prepared.inputs.filled_claims and one.fate is not Fate.CREATED]
    volumes = there if order.request.existing is Existing.REPLACE else []
    if not touched and not volumes:
        return
    for line in _worth_seeing(touched):
        tell(line)
    for claim in volumes:
        what = f"{', '.join(order.request.paths)} in" if order.request.paths else "everything in"
        tell(f"written over  {what} volume {claim.namespace}/{claim.name}")
    raise NotConfirmed(
        f"{len(touched)} objects and {len(volumes)} volumes that are there would be changed.",
        remedy="look at the lines above, then give --overwrite as well",
        impact="Nothing was changed.",
    )


def _print_report(call: Call, done: RestoreReport, sealed: SealedPoint) -> int:
    counts: Counter[str] = Counter()
    details: list[Any] = []
    for record in done.run.records:
        counts.update({fate.value: len(record.result.get(fate.value, ())) for fate in Fate})
        details += record.result.get("details", ())
    document = {
        "schema": "drsync.run/v1",
        "name": done.run.id,
        "run": done.run.id,
        "kind": "restore",
        "point": sealed.point.id,
        "cluster": done.inputs.request.cluster,
        "resumed": done.resumed,
        "result": done.end.outcome.value,
        "exitCode": done.end.exit_code,
        "objects": {fate: count for fate, count in counts.items() if count},
        "details": details,
        "leftOut": [{"object": str(item.id), "reason": item.reason} for item in done.inputs.left_out],
        "steps": [
            {"step": r.step, "state": r.state.value, "words": r.result.get("words", "")} for r in done.run.records
        ],
    }
    print_document(document, call.output, lambda: _text(done, document))
    return done.end.exit_code


def _text(done: RestoreReport, document: Mapping[str, Any]) -> str:
    objects = ", ".join(f"{count:,} {fate}" for fate, count in document["objects"].items()) or "no objects"
    lines = [f"{document['result'].upper()} {document['point']} in {document['cluster']}: {objects}"]
    shown = [d for d in document["details"] if d["fate"] in ("failed", "skipped", "merged", "replaced")]
    lines += [f"{d['fate'].upper():<9} {d['object']}: {d.get('reason', 'changed')}" for d in shown[:_SHOWN]]
    if len(shown) > _SHOWN:
        lines.append(f"… {len(shown) - _SHOWN} more: drsync describe run {done.run.id} -o json")
    if document["leftOut"]:
        lines.append(f"left out  {len(document['leftOut']):,} objects that the cluster makes itself")
    lines.append(f"next: drsync describe run {done.run.id}")
    return "\n".join(lines)
