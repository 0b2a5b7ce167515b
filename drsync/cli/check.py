"""`drsync check`: the objectives as an exit code."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import click

from drsync.cli.judging import exposure_words, is_breached
from drsync.cli.options import Call, reading
from drsync.cli.output import Listing, print_listing, write
from drsync.cli.status import COLUMNS, status_rows
from drsync.errors import NotFound
from drsync.objectives import State
from drsync.units import print_instant

_NAGIOS_OK: Final = 0
_NAGIOS_WARNING: Final = 1
_NAGIOS_CRITICAL: Final = 2
_NAGIOS_UNKNOWN: Final = 3


@click.command("check")
@click.argument("policy", required=False)
@click.option("--nagios", is_flag=True, help="One line with perfdata and the codes 0, 1, 2, 3.")
@reading
def command(call: Call, policy: str | None, nagios: bool) -> int:
    """Whether every policy, or POLICY, meets its RPO now. Reads the stores alone.

    \b
    Examples:
      drsync check                         for cron: */5 * * * *  drsync check -q || …
      drsync check payments --nagios
      drsync check --from-store file:///mnt/dr

    \b
    EXIT STATUS
      0  every objective is met        5   one is breached, or has no point
      4  no such policy                10  a store could not be read: unknown is a failure
    """
    rows = [row for row in status_rows(call) if policy in (None, row["policy"])]
    if policy and not rows:
        raise NotFound(f"There is no policy {policy}.", remedy="`drsync get policies` lists those that there are")
    if nagios:
        return _nagios(rows)
    listing = Listing(
        schema="drsync.check/v1",
        kind="policy",
        rows=rows,
        columns=COLUMNS,
        empty="No policy is there to be checked.",
        extra={"asOf": print_instant(call.clock.now())},
    )
    print_listing(listing, call.output, headers=call.headers)
    return exit_code(rows)


def exit_code(rows: Sequence[Mapping[str, Any]]) -> int:
    """Unknown outranks breached: it may hide one."""
    if not rows:
        return 4
    if any(row["state"] == State.UNKNOWN for row in rows):
        return 10
    return 5 if is_breached(rows) else 0


def _nagios(rows: Sequence[Mapping[str, Any]]) -> int:
    states = {row["state"] for row in rows}
    if not rows or State.UNKNOWN in states:
        code, word = _NAGIOS_UNKNOWN, "UNKNOWN"
    elif is_breached(rows):
        code, word = _NAGIOS_CRITICAL, "CRITICAL"
    elif State.AT_RISK in states:
        code, word = _NAGIOS_WARNING, "WARNING"
    else:
        code, word = _NAGIOS_OK, "OK"
    words = ", ".join(f"{row['policy']} would lose {exposure_words(row)}" for row in rows) or "no policy"
    data = " ".join(f"'{_label(row)}'={_perf(row['exposureSeconds'])}s;;{row['rpoSeconds']}" for row in rows)
    write(f"DRSYNC {word} - {words} | {data}")
    return code


def _label(row: Mapping[str, Any]) -> str:
    return f"{row['policy']}@{row['standby']}" if row["standby"] else str(row["policy"])


def _perf(seconds: int | None) -> str:
    return "U" if seconds is None else str(seconds)
