"""`drsync status`: what would be lost now."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import click

from drsync.cli.judging import exposure_words, row_of, unknown_row
from drsync.cli.options import Call, reading
from drsync.cli.output import Column, Listing, print_listing, tell
from drsync.cli.sources import Source, Unreadable, each_source
from drsync.engine.judging import judge_policy, read_history
from drsync.errors import DrsyncError
from drsync.units import print_duration, print_instant

COLUMNS = (
    Column(title="POLICY", cell=lambda r: r["policy"]),
    Column(title="STANDBY", cell=lambda r: r["standby"] or "-"),
    Column(title="STATE", cell=lambda r: r["state"]),
    Column(title="WOULD LOSE", cell=exposure_words),
    Column(title="RPO", cell=lambda r: _span(r["rpoSeconds"])),
    Column(title="NEWEST POINT", cell=lambda r: r["point"] or "none"),
    Column(title="CONSISTENT AT", cell=lambda r: r["consistentAt"] or "-"),
    Column(title="IN OBJECTIVE", cell=lambda r: _share(r["compliance"])),
    Column(title="BREACH AT", cell=lambda r: r["breachAt"] or "-", wide=True),
    Column(title="WORST CASE", cell=lambda r: _span(r["worstCaseSeconds"]), wide=True),
    Column(title="CONSISTENCY", cell=lambda r: r["consistency"] or "-", wide=True),
    Column(title="STORE", cell=lambda r: r["store"], wide=True),
)


@click.command("status")
@reading
def command(call: Call) -> int:
    """What would be lost now, by policy and standby. Reads the stores alone; needs no cluster and no daemon.

    \b
    Examples:
      drsync status
      drsync status -o wide
      drsync status --from-store s3://acme-dr/prod?region=us-east-1 --key-file drsync.key

    \b
    EXIT STATUS
      0  shown, whatever it shows; `drsync check` turns it into an exit code
      10 no store could be read
    """
    rows = list(status_rows(call))
    listing = Listing(
        schema="drsync.status/v1",
        kind="policy",
        rows=rows,
        columns=COLUMNS,
        empty="No policy, and no point of any.",
        extra={"asOf": print_instant(call.clock.now())},
    )
    print_listing(listing, call.output, headers=call.headers)
    if call.output in ("table", "wide"):
        _tell_reasons(rows)
    return 10 if rows and all(row["state"] == "UNKNOWN" for row in rows) else 0


def status_rows(call: Call) -> Iterator[Mapping[str, Any]]:
    """One row a policy and standby, also for stores that could not be read."""
    for source in each_source(call):
        for policy in source.config.policies.values():
            if call.from_store is None and policy.copies[0].store != source.name:
                continue
            yield from _rows(call, source, policy.name)


def _rows(call: Call, source: Source | Unreadable, name: str) -> Iterator[Mapping[str, Any]]:
    policy = source.config.policies[name]
    if isinstance(source, Unreadable):
        yield unknown_row(policy, store=source.name, reason=source.error.problem)
        return
    try:
        history = read_history(source.opened, name)
    except DrsyncError as error:
        yield unknown_row(policy, store=source.name, reason=error.problem)
        return
    skew = source.opened.store.skew
    for standby, objective in judge_policy(source.config, policy, history, now=call.clock.now(), skew=skew):
        row = row_of(policy, standby, objective, store=source.name)
        yield {**row, "authenticated": history.authenticated}


def _tell_reasons(rows: list[Mapping[str, Any]]) -> None:
    for row in rows:
        for reason in row["reasons"]:
            tell(f"{row['policy']}: {reason}")
    if any(row.get("authenticated") is False for row in rows):
        tell("no key at hand: the log's entries were read but not authenticated; name the key with --key-file")


def _span(seconds: int | None) -> str:
    return "-" if seconds is None else print_duration(timedelta(seconds=seconds))


def _share(compliance: float | None) -> str:
    return "-" if compliance is None else f"{100 * compliance:.2f}%"
