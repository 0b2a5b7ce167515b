"""`drsync verify`: read a point back as a whole."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import click

from drsync.cli.options import Call, Duration, reading, stoppable
from drsync.cli.output import print_document
from drsync.cli.progress import Progress
from drsync.cli.sources import point_source
from drsync.repository.repository import Repository
from drsync.repository.verify import VerifyReport, verify_session
from drsync.state.catalog import resolve
from drsync.units import print_size

_SHOWN = 10


@click.command("verify")
@click.argument("point", metavar="POINT|POLICY@latest")
@click.option("-q", "--quiet", is_flag=True)
@click.option("--timeout", type=Duration())
@reading
def command(call: Call, point: str, quiet: bool, timeout: timedelta | None) -> int:
    """Reads everything of a point back, opens it with the key, and checks every byte against its hash.

    \b
    EXIT STATUS
      0  all of it is there and whole        9  something is damaged or missing
      4  no such point                       12 no key opens the store
    """
    with stoppable(call, timeout), point_source(call, point) as source:
        opened = source.opened
        sealed = resolve(opened.store, point, key=opened.unlocked().derive("log"), now=call.clock.now())
        repository = Repository(opened.store, opened.unlocked(), clock=call.clock)
        report = Progress(quiet=quiet)
        reports: dict[str, VerifyReport] = {}
        sessions = {"objects": sealed.point.objects.session}
        sessions |= {f"volume {v.claim}": v.session for v in sealed.point.volumes}
        for what, session in sessions.items():
            began_s = call.clock.boot_s()
            report.began(what)
            done = reports[what] = verify_session(repository, session, cancel=call.cancel)
            words = f"{done.chunks:,} chunks, {print_size(done.bytes)}"
            report.ended(what, ok=not done.damaged, words=words, took_s=call.clock.boot_s() - began_s)
    document = _document(sealed.point.id, reports)
    print_document(document, call.output, lambda: _text(document))
    return 9 if document["damaged"] else 0


def _document(point: str, reports: Mapping[str, VerifyReport]) -> dict[str, Any]:
    damaged = [f"{what}: {name}" for what, report in reports.items() for name in report.damaged]
    return {
        "schema": "drsync.verify/v1",
        "name": point,
        "point": point,
        "chunks": sum(r.chunks for r in reports.values()),
        "bytes": sum(r.bytes for r in reports.values()),
        "damaged": damaged,
    }


def _text(document: Mapping[str, Any]) -> str:
    if not document["damaged"]:
        read = f"{document['chunks']:,} chunks, {print_size(document['bytes'])}"
        return f"VERIFIED {document['point']}: {read} read back, every hash matches"
    lines = [f"DAMAGED {document['point']}: {len(document['damaged'])} parts"]
    lines += [f"  {name}" for name in document["damaged"][:_SHOWN]]
    lines.append("next: restore another point (`drsync get points`), and run a new backup")
    return "\n".join(lines)
