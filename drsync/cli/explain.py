"""`drsync explain`: what a policy comes to."""

from itertools import islice

import click

from drsync.cli.options import Call, reading
from drsync.cli.output import print_document
from drsync.cli.sources import config_of
from drsync.engine.opening import find_policy
from drsync.policy.explain import explain
from drsync.schedule import slots
from drsync.units import print_instant

_UPCOMING = 3


@click.command("explain")
@click.argument("policy")
@reading
def command(call: Call, policy: str) -> int:
    """What POLICY comes to: defaults, fields that do nothing yet, the next slots, the worst case.

    \b
    EXIT STATUS
      0  shown        2  the policy files are wrong        4  no such policy
    """
    config = config_of(call)
    found = find_policy(config, policy)
    now = call.clock.now()
    upcoming = tuple(islice(slots(found.schedule, policy, after=now, until=now.replace(year=now.year + 9)), _UPCOMING))
    lines = explain(config, policy, upcoming=upcoming)
    document = {
        "schema": "drsync.explain/v1",
        "name": policy,
        "lines": list(lines),
        "nextSlots": [print_instant(slot) for slot in upcoming],
    }
    print_document(document, call.output, lambda: "\n".join(lines))
    return 0
