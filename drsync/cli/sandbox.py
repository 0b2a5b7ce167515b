"""`drsync sandbox`: small API servers on this machine."""

from pathlib import Path

import click

from drsync.cli.output import FORMATS, Column, Listing, print_listing, tell

_COLUMNS = (
    Column(title="NAME", cell=lambda r: r["name"]),
    Column(title="URL", cell=lambda r: r["url"]),
    Column(title="KUBECONFIG", cell=lambda r: r["kubeconfig"]),
    Column(title="PID", cell=lambda r: str(r["pid"])),
)
_DIRECTORY = click.option(
    "--dir",
    "directory",
    default="sandbox",
    show_default=True,
    metavar="DIR",
    help="Where the clusters' state is.",
)


@click.group("sandbox")
def command() -> None:
    """Small Kubernetes API servers on this machine, to try things on: loopback only, state on disk.

    \b
    Examples:
      drsync sandbox up
      drsync sandbox up standby --dir demo/sandbox
      drsync sandbox down
    """


@command.command("up")
@click.argument("names", nargs=-1)
@_DIRECTORY
@click.option("-o", "--output", type=click.Choice(FORMATS), default="table", show_default=True)
def up(names: tuple[str, ...], directory: str, output: str) -> None:
    """Starts the clusters NAMES (primary and standby); those that run are left alone."""
    from drsync.sandbox import process  # noqa: PLC0415 - aiohttp is slow to load

    clusters = process.up(Path(directory), names or process.NAMES)
    rows = [{"name": c.name, "url": c.url, "kubeconfig": str(c.kubeconfig), "pid": c.pid} for c in clusters]
    print_listing(
        Listing(
            schema="drsync.sandbox/v1", kind="sandbox", rows=rows, columns=_COLUMNS, empty="No cluster was started."
        ),
        output,
    )


@command.command("down")
@click.argument("names", nargs=-1)
@_DIRECTORY
def down(names: tuple[str, ...], directory: str) -> None:
    """Ends the clusters NAMES, or all of them. Their state stays on disk."""
    from drsync.sandbox import process  # noqa: PLC0415

    ended = process.down(Path(directory), names or None)
    tell(f"ended: {', '.join(ended)}" if ended else "nothing was running")
