"""The dead-man ping: a watcher elsewhere that hears nothing raises the alarm."""

from dataclasses import replace

from drsync.notify.exchange import Manners, exchange
from drsync.settings import Hidden

DEFAULT_MANNERS = Manners()


def ping(url: Hidden, *, manners: Manners = DEFAULT_MANNERS) -> None:
    """Raises Unreachable, and Refused; neither names the address.

    The address comes from whoever runs drsync, not from a policy's author, and is often of the same cluster.
    """
    exchange("GET", url.reveal(), headers={"User-Agent": "drsync"}, manners=replace(manners, allow_private=True))
