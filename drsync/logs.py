"""Logs: one stream of JSON lines for our events and the libraries', without secrets.

Import it after the arguments are parsed: structlog is slow to load.
    log = structlog.get_logger("drsync.engine"); log.info("step.finished", step=step.id, took_s=3.2)
"""

from typing import TextIO


def set_up_logging(stream: TextIO, *, level: str = "INFO", pretty: bool = False) -> None:
    """Sends everything that is logged in this process to `stream`; may be called again."""
    raise NotImplementedError


def bind_run(*, run_id: str, policy: str = "") -> None:
    """Names the run in every later line of this thread; a pool's threads need `contextvars.copy_context().run`."""
    raise NotImplementedError
