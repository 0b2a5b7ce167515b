"""`drsync doctor`: check that everything a policy needs is there."""

from collections.abc import Iterator, Sequence
from typing import Final

import click

from drsync.cli.options import Call, reading
from drsync.cli.output import print_document
from drsync.cli.sources import store_specs
from drsync.engine.diagnosis import Finding, Health, examine_cluster, examine_store
from drsync.engine.opening import opened_store, read_config
from drsync.errors import DrsyncError

_FIRST: Final = (7, 6, 10, 11, 12, 1, 9, 8, 3, 5, 2, 4)
"""Which exit code wins when several apply."""


@click.command("doctor")
@click.option("--no-write", is_flag=True, help="Do not race conditional writes; only read.")
@reading
def command(call: Call, no_write: bool) -> int:
    """Checks stores, keys, clusters, clocks and leftovers, and says how to mend what is wrong.

    \b
    EXIT STATUS
      0  nothing that must be mended        6  a store is not safe to share
      2  the policy files are wrong         10 a store is absent or unreachable        12 no key opens it
    """
    findings = list(_findings(call, write=not no_write))
    code = exit_code(findings)
    document = {
        "schema": "drsync.doctor/v1",
        "name": "doctor",
        "exitCode": code,
        "findings": [
            {"what": f.what, "health": f.health.value, "words": f.words, "remedy": f.remedy} for f in findings
        ],
    }
    print_document(document, call.output, lambda: "\n".join(_lines(findings)))
    return code


def exit_code(findings: Sequence[Finding]) -> int:
    codes = {f.exit_code for f in findings if f.health is Health.FAIL}
    return next((code for code in _FIRST if code in codes), 1 if codes else 0)


def _findings(call: Call, *, write: bool) -> Iterator[Finding]:
    for name, url, spec in store_specs(call):
        try:
            with opened_store(url, call.settings, call.clock, spec) as opened:
                yield from examine_store(name, opened, call.clock, write=write)
        except DrsyncError as error:
            yield Finding(
                what=f"store {name}",
                health=Health.FAIL,
                words=error.problem,
                remedy=error.remedy,
                exit_code=error.exit_code,
            )
    if not call.from_store:
        for target in read_config(call.settings).clusters.values():
            yield from examine_cluster(target, call.clock, call.cancel)


def _lines(findings: Sequence[Finding]) -> Iterator[str]:
    width = max((len(f.what) for f in findings), default=0)
    for finding in findings:
        yield f" {finding.health.value:<4}  {finding.what.ljust(width)}  {finding.words}"
        if finding.remedy:
            yield f"       {' ' * width}  → {finding.remedy}"
