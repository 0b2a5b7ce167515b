"""`drsync get`: list policies, stores, clusters, points or runs."""

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any, Final

import click

from drsync.cli.options import Call, Duration, reading
from drsync.cli.output import Column, Listing, print_listing, tell
from drsync.cli.rows import point_row, run_row
from drsync.cli.sources import Source, Unreadable, config_of, each_source
from drsync.engine.judging import read_history
from drsync.errors import DrsyncError, UserError
from drsync.state.journal import list_runs, read_run
from drsync.state.log import policies
from drsync.units import print_duration, print_size

Row = Mapping[str, Any]

_TYPES: Final = {
    "policies": "policies", "policy": "policies", "po": "policies",
    "stores": "stores", "store": "stores", "st": "stores",
    "clusters": "clusters", "cluster": "clusters", "cl": "clusters",
    "points": "points", "point": "points", "pt": "points",
    "runs": "runs", "run": "runs", "ru": "runs",
}  # fmt: skip


@click.command("get")
@click.argument("type_", metavar="TYPE")
@click.argument("name", required=False)
@click.option("--since", type=Duration(), default="7d", show_default=True, help="How far back runs are listed.")
@reading
def command(call: Call, type_: str, name: str | None, since: timedelta) -> int:
    """Lists policies, stores, clusters, points or runs; only those whose name begins with NAME if it is given.

    \b
    Examples:
      drsync get points
      drsync get points payments -o wide
      drsync get runs --since 24h -o json

    \b
    EXIT STATUS
      0  listed        4  nothing of that name        10  a store could not be read
    """
    wanted = _TYPES.get(type_.lower())
    if wanted is None:
        raise UserError(
            f"{type_} is not a type that can be listed.", remedy="say policies, stores, clusters, points or runs"
        )
    failures: list[Unreadable] = []
    rows = [row for row in _rows(call, wanted, since, failures) if name is None or _is_named(row, name)]
    listing = Listing(
        schema=f"drsync.{wanted}/v1",
        kind=wanted.removesuffix("s") if wanted != "policies" else "policy",
        rows=rows,
        columns=_COLUMNS[wanted],
        empty=f"There are no {wanted}{f' called {name}' if name else ''}.",
    )
    print_listing(listing, call.output, headers=call.headers)
    for failure in failures:
        tell(f"store {failure.name} could not be read: {failure.error.problem}")
    if failures:
        return 10
    return 4 if name and not rows else 0


def _is_named(row: Row, name: str) -> bool:
    return str(row["name"]).startswith(name) or row.get("policy") == name


def _rows(call: Call, wanted: str, since: timedelta, failures: list[Unreadable]) -> Iterator[Row]:
    if wanted in ("policies", "stores", "clusters"):
        config = config_of(call)
        yield from _CONFIGURED[wanted](config)
        return
    for source in each_source(call):
        if isinstance(source, Unreadable):
            failures.append(source)
        elif wanted == "points":
            yield from _points(source)
        else:
            yield from _runs(call, source, since)


def _points(source: Source) -> Iterator[Row]:

    for policy in policies(source.opened.store):
        for sealed in read_history(source.opened, policy).points:
            yield point_row(sealed, store=source.name)


def _runs(call: Call, source: Source, since: timedelta) -> Iterator[Row]:
    key = source.opened.keyring.derive("journal") if source.opened.keyring else None
    for summary in list_runs(source.opened.store, since=call.clock.now() - since):
        try:
            run = read_run(source.opened.store, summary.run, key=key)
        except DrsyncError as error:
            yield {"name": summary.run, "kind": summary.kind.name.lower(), "state": "damaged", "words": error.problem}
        else:
            yield run_row(run, store=source.name)


def _policies(config: Any) -> Iterator[Row]:
    for policy in config.policies.values():
        yield {
            "name": policy.name,
            "cluster": policy.cluster,
            "rpo": print_duration(policy.rpo),
            "schedule": policy.schedule.cron or f"every {print_duration(policy.schedule.every)}",
            "paused": policy.schedule.paused,
            "namespaces": list(policy.select.namespaces),
            "store": policy.copies[0].store,
            "standbys": list(policy.standbys),
        }


def _stores(config: Any) -> Iterator[Row]:
    for store in config.stores.values():
        yield {"name": store.name, "url": store.url, "jurisdiction": store.location.jurisdiction}


def _clusters(config: Any) -> Iterator[Row]:
    for cluster in config.clusters.values():
        yield {
            "name": cluster.name,
            "kubeconfig": cluster.kubeconfig or "in cluster, or the user's own",
            "context": cluster.context or "",
            "localVolumes": cluster.local_volumes,
            "readsStores": list(cluster.reads_stores),
        }


_CONFIGURED: Final[Mapping[str, Callable[[Any], Iterator[Row]]]] = {
    "policies": _policies,
    "stores": _stores,
    "clusters": _clusters,
}

_COLUMNS: Final[Mapping[str, tuple[Column, ...]]] = {
    "policies": (
        Column(title="NAME", cell=lambda r: r["name"]),
        Column(title="CLUSTER", cell=lambda r: r["cluster"]),
        Column(title="RPO", cell=lambda r: r["rpo"]),
        Column(title="SCHEDULE", cell=lambda r: "paused" if r["paused"] else r["schedule"]),
        Column(title="NAMESPACES", cell=lambda r: ",".join(r["namespaces"])),
        Column(title="STORE", cell=lambda r: r["store"]),
        Column(title="STANDBYS", cell=lambda r: ",".join(r["standbys"]) or "-"),
    ),
    "stores": (
        Column(title="NAME", cell=lambda r: r["name"]),
        Column(title="URL", cell=lambda r: r["url"]),
        Column(title="JURISDICTION", cell=lambda r: r["jurisdiction"] or "-"),
    ),
    "clusters": (
        Column(title="NAME", cell=lambda r: r["name"]),
        Column(title="KUBECONFIG", cell=lambda r: r["kubeconfig"]),
        Column(title="READS STORES", cell=lambda r: ",".join(r["readsStores"]) or "-"),
        Column(title="LOCAL VOLUMES", cell=lambda r: "yes" if r["localVolumes"] else "no", wide=True),
    ),
    "points": (
        Column(title="NAME", cell=lambda r: r["name"]),
        Column(title="POLICY", cell=lambda r: r["policy"]),
        Column(title="STATE", cell=lambda r: r["state"]),
        Column(title="CONSISTENT AT", cell=lambda r: r["consistentAt"]),
        Column(title="OBJECTS", cell=lambda r: str(r["objects"])),
        Column(title="VOLUMES", cell=lambda r: str(r["volumes"])),
        Column(title="CLASS", cell=lambda r: r["consistency"]),
        Column(title="SIZE", cell=lambda r: print_size(r["volumeBytes"])),
        Column(title="RUN", cell=lambda r: r["run"], wide=True),
        Column(title="STORE", cell=lambda r: r["store"], wide=True),
    ),
    "runs": (
        Column(title="NAME", cell=lambda r: r["name"]),
        Column(title="KIND", cell=lambda r: r["kind"]),
        Column(title="POLICY", cell=lambda r: r.get("policy", "-")),
        Column(title="STATE", cell=lambda r: r["state"]),
        Column(title="STARTED", cell=lambda r: r.get("startedAt", "-")),
        Column(title="TOOK", cell=lambda r: r.get("took", "-")),
        Column(title="POINT", cell=lambda r: r.get("point") or "-"),
        Column(title="EXIT", cell=lambda r: "-" if r.get("exitCode") is None else str(r["exitCode"])),
        Column(title="STORE", cell=lambda r: r.get("store", "-"), wide=True),
    ),
}
