"""Logs: one stream of JSON lines for our events and the libraries', without secrets.

Import it after the arguments are parsed: structlog is slow to load.

    log = structlog.stdlib.get_logger("drsync.engine")
    log.info("step.finished", step=step.id, took_s=3.2)

Event names are fixed strings, `noun.past_participle`; values are keys. What looks like a secret by its
key or its shape is hidden. Of an exception that is not ours only its type and the places that it passed
are logged: its message may hold anything.
"""

import logging
import sys
from collections.abc import Iterator, Mapping, MutableMapping
from traceback import walk_tb
from types import TracebackType
from typing import Any, Final, TextIO, cast

import msgspec
import structlog
from structlog.contextvars import bind_contextvars, clear_contextvars, merge_contextvars
from structlog.typing import EventDict, Processor

from drsync.errors import DrsyncError
from drsync.redaction import HIDDEN, looks_secret, scrub

_NOISY: Final = ("urllib3", "botocore", "boto3", "s3transfer", "kubernetes", "asyncio", "aiohttp", "apscheduler")
"""Libraries whose debug logs hold requests, headers and bodies."""

_DEEPEST: Final = 6
_MOST_CAUSES: Final = 8
_MOST_FRAMES: Final = 40


def set_up_logging(stream: TextIO, *, level: str = "INFO", pretty: bool = False) -> None:
    """Sends everything that is logged in this process to `stream`; may be called again.

    `pretty` is for a person at a terminal, else each line is one JSON object.
    """
    shared: list[Processor] = [
        merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _exceptions,
        redact,
    ]
    renderer: Processor = structlog.dev.ConsoleRenderer(colors=False) if pretty else _as_json
    handler = _Handler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    for old in [one for one in root.handlers if isinstance(one, _Handler)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def bind_run(*, run_id: str, policy: str = "") -> None:
    """Names the run in every later line of this thread; a pool's threads need `contextvars.copy_context().run`."""
    clear_contextvars()
    bind_contextvars(run_id=run_id, **({"policy": policy} if policy else {}))


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> EventDict:
    """Hides values by the names of their keys, and what has a secret's shape in every text."""
    return {name: _clean(name, value, 0) for name, value in event.items()}


class _Handler(logging.StreamHandler[TextIO]):
    """Ours among the root's handlers; a line that cannot be written never ends the work."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's own name
        """Says nothing: the default prints the record, unredacted, with its arguments."""


def _clean(name: str, value: Any, depth: int) -> Any:
    # structlog hands its own record on under names with an underscore.
    if name.startswith("_") or value is None or isinstance(value, bool | int | float):
        return value
    if looks_secret(name):
        return HIDDEN
    return _clean_value(value, depth)


def _clean_value(value: Any, depth: int) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return scrub(value)
    if depth >= _DEEPEST:
        return f"<{type(value).__name__}>"
    if isinstance(value, Mapping):
        pairs = cast("Mapping[Any, Any]", value).items()
        return {str(key): _clean(str(key), inner, depth + 1) for key, inner in pairs}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean_value(inner, depth + 1) for inner in cast("list[Any]", value)]
    if isinstance(value, BaseException):
        return _told(value)
    if isinstance(value, bytes | bytearray):
        return f"<{len(value)} bytes>"
    return scrub(str(value))


def _exceptions(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> EventDict:
    """`exc_info` as types and places; our own errors with their sentence."""
    given: Any = event.pop("exc_info", None)
    event.pop("stack_info", None)
    if isinstance(given, tuple):
        given = cast("tuple[Any, ...]", given)[1]
    error: Any = sys.exception() if given is True else given
    if isinstance(error, BaseException):
        event["error"] = [{**_told(one), "at": _places(one.__traceback__)} for one in _chain(error)]
    return dict(event)


def _chain(error: BaseException) -> Iterator[BaseException]:
    one: BaseException | None = error
    for _ in range(_MOST_CAUSES):
        if one is None:
            return
        yield one
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)


def _told(error: BaseException) -> dict[str, str]:
    told = {"type": type(error).__name__}
    if isinstance(error, DrsyncError):
        return {**told, "problem": scrub(error.problem), "remedy": scrub(error.remedy)}
    return told


def _places(trace: TracebackType | None) -> list[str]:
    found = [f"{frame.f_code.co_filename}:{line} {frame.f_code.co_name}" for frame, line in walk_tb(trace)]
    return found[-_MOST_FRAMES:]


def _as_json(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> str:
    return msgspec.json.encode(event, enc_hook=str, order="sorted").decode()
