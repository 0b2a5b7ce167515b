"""`drsync logs`: the journal of a run."""

import json
from typing import Any

import click

from drsync.cli.describe import find_run_document
from drsync.cli.options import Call, reading
from drsync.cli.output import as_yaml, write


@click.command("logs")
@click.argument("run")
@reading
def command(call: Call, run: str) -> int:
    """The journal of RUN, a line a record: when, which step, what came of it.

    \b
    EXIT STATUS
      0  shown        4  no such run        9  its journal is damaged
    """
    document = find_run_document(call, run)
    for record in document["steps"]:
        write(_line(record, call.output))
    if document["exitCode"] is not None:
        end = {"step": "end", "state": document["state"], "exitCode": document["exitCode"], **document["summary"]}
        write(json.dumps(end) if call.output in ("json", "jsonl") else f"end  {document['state']}")
    return 0


def _line(record: dict[str, Any], output: str) -> str:
    if output in ("json", "jsonl"):
        return json.dumps(record)
    if output == "yaml":
        return "---\n" + as_yaml(record)
    result = record["result"]
    words = result.get("words") or result.get("error") or ""
    return f"{record['at']}  {record['state']:<8} {record['step']} (attempt {record['attempt']})  {words}"
