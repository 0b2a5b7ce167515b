"""`drsync version`."""

import platform

import click

from drsync.cli.naming import tool_version
from drsync.cli.output import FORMATS, print_document


@click.command("version")
@click.option("-o", "--output", type=click.Choice(FORMATS), default="table", show_default=True)
def command(output: str) -> None:
    """The version of drsync, and of the Python that runs it."""
    document = {
        "schema": "drsync.version/v1",
        "name": tool_version(),
        "version": tool_version(),
        "python": platform.python_version(),
        "format": 0,
    }
    print_document(document, output, lambda: f"drsync {document['version']}  (Python {document['python']})")
