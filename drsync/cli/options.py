"""Options that several commands share, and what they resolve to."""

import os
import signal
import socket
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import wraps
from typing import Any

import click

from drsync import units
from drsync.cli.output import FORMATS
from drsync.clock import Cancellation, Clock, SystemClock
from drsync.errors import DeadlineExceeded, Interrupted
from drsync.settings import Settings, read_settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What every command gets: settings, clock, and the token that ^C and --timeout cancel."""

    settings: Settings
    clock: Clock
    cancel: Cancellation
    from_store: str | None
    output: str
    headers: bool


class Duration(click.ParamType[timedelta]):
    """`15m`, `1h30m`."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        try:
            return units.parse_duration(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


def reading(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options of commands that look at stores; the command gets a Call first."""

    @click.option("--config", metavar="PATH", help="Policy files: a folder or a file. [$DRSYNC_CONFIG, ./policies]")
    @click.option("--from-store", metavar="URL", help="Read everything from this store; no policy files are needed.")
    @click.option("--key-file", "key_files", multiple=True, metavar="PATH", help="Opens the store. [$DRSYNC_KEY_FILE]")
    @click.option("-o", "--output", type=click.Choice(FORMATS), default="table", show_default=True)
    @click.option("--no-headers", is_flag=True, help="Tables without their first line.")
    @wraps(command)
    def wrapped(
        *args: Any,
        config: str | None,
        from_store: str | None,
        key_files: tuple[str, ...],
        output: str,
        no_headers: bool,
        **rest: Any,
    ) -> Any:
        settings = read_settings(
            os.environ,
            cwd=os.getcwd(),
            host=socket.gethostname(),
            config=config,
            key_files=key_files,
            read=read_file,
        )
        call = Call(
            settings=settings,
            clock=SystemClock(),
            cancel=Cancellation(),
            from_store=from_store,
            output=output,
            headers=not no_headers,
        )
        return command(call, *args, **rest)

    return wrapped


def read_file(path: str) -> bytes:
    """For settings and secrets, which are pure and are given their reader."""
    with open(path, "rb") as file:
        return file.read()


@contextmanager
def stoppable(call: Call, timeout: timedelta | None) -> Generator[None]:
    """SIGINT and SIGTERM ask the run to stop at its next safe place; so does the timeout. Twice ^C ends it at once."""

    def stop(number: int, _frame: object) -> None:
        if call.cancel.cancelled:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        call.cancel.cancel(
            Interrupted(
                "The run was asked to stop.",
                remedy="run the same command again; it goes on from the journal",
                impact="What was sealed is safe; nothing half done is offered as a point.",
            )
        )

    def expire(_number: int, _frame: object) -> None:
        call.cancel.cancel(
            DeadlineExceeded(
                f"The run took longer than --timeout {units.spell_duration(timeout or timedelta())}.",
                remedy="allow more time, or run the same command again: what was uploaded is reused",
            )
        )

    before = {s: signal.signal(s, stop) for s in (signal.SIGINT, signal.SIGTERM)}
    if timeout:
        signal.signal(signal.SIGALRM, expire)
        signal.setitimer(signal.ITIMER_REAL, timeout.total_seconds())
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)


def is_terminal() -> bool:
    """Whether a person can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()
