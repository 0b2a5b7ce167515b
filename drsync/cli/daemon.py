"""`drsync daemon`: capture on schedule."""

import sys

import click
import structlog

from drsync.cli.naming import new_suffix, tool_version
from drsync.cli.options import Call, read_file, reading, stoppable
from drsync.daemon.board import Board
from drsync.daemon.captures import Captures
from drsync.daemon.loop import Daemon
from drsync.errors import DrsyncError
from drsync.logs import set_up_logging
from drsync.model.policy import NotifyChannel
from drsync.notify.channel import Channel
from drsync.notify.deadman import ping
from drsync.notify.open import open_channel
from drsync.notify.telling import Telling
from drsync.web.server import StatusServer


@click.command("daemon")
@reading
def command(call: Call) -> int:
    """Captures every policy on its schedule, watches the objectives, tells people, and serves /metrics.

    What is due is asked of the store's logs, so a restart forgets nothing and doubles nothing.
    SIGTERM saves what is under way and ends within 25 s. The address is $DRSYNC_LISTEN.

    \b
    EXIT STATUS
      0  it was asked to stop        2  the policy files are wrong at the start
    """
    set_up_logging(sys.stderr, pretty=call.settings.log_format == "text")
    board = Board(tool_version(), call.clock)
    captures = Captures(
        settings=call.settings, clock=call.clock, board=board, tool_version=tool_version(), suffix=new_suffix
    )
    daemon = Daemon(
        settings=call.settings,
        clock=call.clock,
        cancel=call.cancel,
        captures=captures,
        board=board,
        tell=Telling(lambda spec: _open(call, spec), clock=call.clock).tell,
        ping=lambda: _ping(call),
    )
    host, port = call.settings.listen_host, call.settings.listen_port
    with stoppable(call, None), StatusServer(board.view, clock=call.clock, host=host, port=port) as server:
        structlog.get_logger("drsync.daemon").info("status.served", url=server.url)
        daemon.run()
    return 0


def _open(call: Call, spec: NotifyChannel) -> Channel:
    return open_channel(spec, call.settings, read=read_file)


def _ping(call: Call) -> None:
    if call.settings.ping_url is None:
        return
    try:
        ping(call.settings.ping_url)
    except DrsyncError as error:
        structlog.get_logger("drsync.notify").warning("ping.failed", problem=error.problem)
