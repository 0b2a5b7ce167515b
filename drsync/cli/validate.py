"""`drsync validate`: check policy files."""

import click

from drsync.cli.options import Call, reading
from drsync.cli.output import print_document
from drsync.engine.opening import read_config
from drsync.settings import with_config


@click.command("validate")
@click.option("-f", "--file", "place", metavar="FILE|DIR", help="What to check instead of --config.")
@reading
def command(call: Call, place: str | None) -> int:
    """Checks policy files and names every fault at once. Asks no cluster and no store.

    \b
    Examples:
      drsync validate -f policies/

    \b
    EXIT STATUS
      0  all is well        2  at least one fault
    """
    settings = with_config(call.settings, place) if place else call.settings
    config = read_config(settings)
    counts = {
        "policies": len(config.policies),
        "stores": len(config.stores),
        "clusters": len(config.clusters),
        "channels": len(config.channels),
    }
    document = {"schema": "drsync.validate/v1", "name": settings.config_dir, "valid": True, **counts}
    words = ", ".join(f"{count} {what}" for what, count in counts.items())
    print_document(document, call.output, lambda: f"{settings.config_dir}: valid: {words}")
    return 0
