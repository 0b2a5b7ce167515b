"""`drsync describe`: everything about one point or run."""

from collections.abc import Mapping
from typing import Any

import click

from drsync.cli.options import Call, reading
from drsync.cli.output import print_document
from drsync.cli.rows import point_document, run_document
from drsync.cli.sources import Unreadable, each_source, point_source
from drsync.errors import DrsyncError, NotFound, UserError
from drsync.model.manifest import entries
from drsync.state.catalog import resolve
from drsync.state.journal import read_run
from drsync.state.runs import find_run
from drsync.units import print_size

_SHOWN = 20


@click.command("describe")
@click.argument("type_", metavar="point|run")
@click.argument("name", metavar="ID")
@reading
def command(call: Call, type_: str, name: str) -> int:
    """Everything about one point or run. ID may be a unique beginning, or POLICY@latest for a point.

    \b
    Examples:
      drsync describe point payments@latest
      drsync describe run b-20260821T030804Z-k3f9 -o json

    \b
    EXIT STATUS
      0  shown        4  no such point or run        9  it is damaged
    """
    match type_.lower():
        case "point" | "points" | "pt":
            return _describe_point(call, name)
        case "run" | "runs" | "ru":
            return _describe_run(call, name)
        case _:
            raise UserError(f"{type_} cannot be described.", remedy="say point or run")


def _describe_point(call: Call, name: str) -> int:
    with point_source(call, name) as source:
        sealed = resolve(source.opened.store, name, key=source.opened.log_key, now=call.clock.now())
        document = point_document(sealed, store=source.name)
    print_document(document, call.output, lambda: _point_text(document))
    return 0


def _describe_run(call: Call, name: str) -> int:
    document = find_run_document(call, name)
    print_document(document, call.output, lambda: _run_text(document))
    return 0


def find_run_document(call: Call, name: str) -> dict[str, Any]:
    """Looks in every store. Raises NotFound."""
    failure: DrsyncError | None = None
    for source in each_source(call):
        if isinstance(source, Unreadable):
            failure = failure or source.error
            continue
        try:
            run = find_run(source.opened.store, name)
        except NotFound as error:
            failure = failure or error
            continue
        key = source.opened.keyring.derive("journal") if source.opened.keyring else None
        return run_document(read_run(source.opened.store, run, key=key), store=source.name)
    raise failure or NotFound(f"No run is called {name}.", remedy="`drsync get runs` lists them")


def _point_text(document: Mapping[str, Any]) -> str:
    lines = [
        f"point       {document['name']}  {document['state']}",
        f"policy      {document['policy']}  cluster {document['cluster']}  run {document['run']}",
        f"consistent  {document['consistentAt']}  class {document['consistency']}  sealed {document['sealedAt']}",
        f"revision    {document['revision']}  epoch {document['epoch']}  entry {document['sequence']} of the log",
        f"namespaces  {', '.join(document['namespaces'])}",
    ]
    lines += [f"objects     {count:>6,}  {kind}" for kind, count in document["counts"].items()]
    for volume in document["volumeList"]:
        size = f"{print_size(volume['sizeBytes'])} in {volume['files']:,} files"
        lines.append(f"volume      {volume['claim']}  {volume['mode']}  {volume['consistency']}  {size}")
    lines += [f"MISSING     {m['what']}: {m['reason']}" for m in document["missing"]]
    lines += [f"LOOK        {notice}" for notice in document["notices"]]
    lines += [f"not at R    {s['kind']}: {s['reason']}" for s in document["skews"]]
    lines += [f"left out    {e['what']}: {e['reason']}" for e in document["exclusions"]]
    if document["unusable"]:
        lines.append(f"UNUSABLE    {document['unusable']}")
    return "\n".join(lines)


def _run_text(document: Mapping[str, Any]) -> str:
    lines = [
        f"run      {document['name']}  {document['kind']}  {document['state']}",
        f"policy   {document['policy']}  point {document['point'] or '-'}  took {document['took']}",
    ]
    for step in document["steps"]:
        result = step["result"]
        words = result.get("words") or result.get("error") or ""
        lines.append(f"{step['state']:<8} {step['step']}  {words}")
        if "remedy" in result:
            lines.append(f"         next: {result['remedy']}")
        lines += _details(result)
    lines += [f"not begun {step}" for step in document["notBegun"]]
    return "\n".join(lines)


def _details(result: Mapping[str, Any]) -> list[str]:
    details = entries(dict(result), "details")
    lines = [f"         {d['fate']:<9} {d['object']}: {d.get('reason', 'see -o json')}" for d in details[:_SHOWN]]
    if len(details) > _SHOWN:
        lines.append(f"         … {len(details) - _SHOWN} more with -o json")
    return lines
