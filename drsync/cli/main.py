"""The command line: finds the command, runs it, and turns what went wrong into words and an exit code.

Only the standard library and click are imported here; every command's module is imported when it is called.
"""

import gc
import importlib
import itertools
import json
import os
import signal
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any, Final

import click

from drsync.errors import DrsyncError, Interrupted

_COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "init": ("work", "make a store ready: its identity and its wrapped keys"),
    "backup": ("work", "capture one recovery point of a policy"),
    "restore": ("work", "bring a recovery point back into a cluster"),
    "verify": ("work", "read a point back as a whole and check every byte"),
    "status": ("read", "what would be lost now, by policy and standby"),
    "check": ("read", "the same as an exit code, for monitors"),
    "get": ("read", "list policies, stores, clusters, points or runs"),
    "describe": ("read", "everything about one point or run"),
    "ls": ("read", "what is in a point, or in one of its volumes"),
    "logs": ("read", "the journal of a run"),
    "explain": ("read", "what a policy comes to"),
    "validate": ("config", "check policy files"),
    "doctor": ("admin", "check that everything a policy needs is there"),
    "daemon": ("admin", "capture on schedule"),
    "sandbox": ("admin", "small API servers on this machine, to try things on"),
    "demo": ("admin", "the main job on this machine: no cloud, no cluster"),
    "version": ("admin", "the version of drsync"),
    "mover": ("", "moves one volume's data; started by drsync itself"),
}
_SECTIONS: Final = ("work", "read", "config", "admin")

_EPILOG: Final = """\b
EXIT STATUS
  0  done, objective met          7    not confirmed; nothing changed
  1  failed                       8    waiting for a person; can be resumed
  2  wrong command or policy      9    verification failed
  3  partial                      10   store absent or unreachable
  4  named thing not found        11   already running, or lease lost
  5  objective breached           12   wrong key, or credentials refused
  6  blocked; nothing changed     124  timeout   130  interrupted
Treat any other code as a failure."""


def _imported(name: str) -> ModuleType:
    """A module. What its import makes stays, so the collector's looks at it would only cost time: a tenth of it."""
    if name in sys.modules:
        return sys.modules[name]
    gc.disable()
    try:
        return importlib.import_module(name)
    finally:
        gc.freeze()
        gc.enable()


class LazyGroup(click.Group):
    """Imports a command's module when it is asked for; the list of commands needs none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return [name for name, (section, _) in _COMMANDS.items() if section]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        return _imported(f"drsync.cli.{cmd_name}").command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        for section in _SECTIONS:
            rows = [(name, text) for name, (where, text) in _COMMANDS.items() if where == section]
            with formatter.section(section):
                formatter.write_dl(rows)


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog=_EPILOG,
    invoke_without_command=False,
)
def root() -> None:
    """Disaster recovery for Kubernetes: know how much you would lose, and recover with one command.

    \b
    Examples:
      drsync status
      drsync backup payments
      drsync restore payments@latest --to standby
    """


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit code and never raises."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        code: Any = root.main(args=words, prog_name="drsync", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.UsageError as error:
        _print_usage_error(error)
        return 2
    except (click.Abort, KeyboardInterrupt):
        return _print_error(Interrupted("Interrupted.", remedy="run the same command again"), words)
    except click.ClickException as error:
        _print_usage_error(error)
        return 2
    except DrsyncError as error:
        return _print_error(error, words)
    except BrokenPipeError:
        # The reader of our output went away (`| head`): not our failure, and nobody is there to be told.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except Exception as error:  # noqa: BLE001 - the last place where a fault can be turned into words
        return _print_fault(error)


def _print_usage_error(error: click.ClickException) -> None:
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "drsync"
    click.echo(f"drsync: error: {error.format_message()}", err=True)
    click.echo(f"  next     {command} --help", err=True)


def _print_error(error: DrsyncError, words: Sequence[str]) -> int:
    """What, impact, next, runbook. Programs that asked for JSON get it as JSON as well."""
    name = type(error).__name__
    click.echo(f"drsync: error: {error.problem}", err=True)
    if error.impact:
        click.echo(f"  impact   {error.impact}", err=True)
    click.echo(f"  next     {error.remedy}", err=True)
    click.echo(f"  runbook  runbooks/errors.md#{name.lower()} (exit {error.exit_code})", err=True)
    if _wants_json(words):
        document = {"schema": "drsync.error/v1", "error": name, "problem": error.problem, "remedy": error.remedy}
        click.echo(json.dumps({**document, "exitCode": error.exit_code}))
    return error.exit_code


def _print_fault(error: Exception) -> int:
    """A fault of ours. The message may hold anything, so only where it arose is shown."""
    trace, place = error.__traceback__, ""
    while trace:
        place = f"{trace.tb_frame.f_code.co_filename.rpartition('/drsync/')[2]}:{trace.tb_lineno}"
        trace = trace.tb_next
    click.echo(f"drsync: internal error: {type(error).__name__} at {place}", err=True)
    click.echo("  next     run the same command again; if it stays, report this line and `drsync version`", err=True)
    return 1


def _wants_json(words: Sequence[str]) -> bool:
    pairs = itertools.pairwise(words)
    joined = any(word in ("-ojson", "-ojsonl", "--output=json", "--output=jsonl") for word in words)
    return joined or any(a in ("-o", "--output") and b in ("json", "jsonl") for a, b in pairs)
