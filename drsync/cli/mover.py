"""`drsync mover`: started by drsync itself."""

import click

from drsync.mover import main


@click.command("mover", hidden=True)
def command() -> int:
    """Moves one volume: a job as one JSON line on standard input, progress and one result on standard output."""
    return main()
