"""logs.py: one stream of JSON, and no secret in it."""

import base64
import io
import json
import logging
import subprocess
import sys
import warnings
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
import structlog

from drsync.errors import UserError
from drsync.logs import bind_run, set_up_logging

CANARY = "c4n4ry-Sup3r/Secret+value"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Where the logs go; what was set up is taken down afterwards."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    stream = io.StringIO()
    set_up_logging(stream, level="DEBUG")
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_our_events_are_json_with_name_level_and_utc(stream: io.StringIO) -> None:
    structlog.stdlib.get_logger("drsync.engine").info("step.finished", step="cut", took_s=3.2)

    (line,) = lines(stream)
    assert line["event"] == "step.finished"
    assert (line["logger"], line["level"], line["step"], line["took_s"]) == ("drsync.engine", "info", "cut", 3.2)
    assert line["timestamp"].endswith("Z")


def test_lines_name_their_run_and_so_do_those_of_libraries(stream: io.StringIO) -> None:
    bind_run(run_id="b-20260821T030804Z-k3f9", policy="payments")
    structlog.stdlib.get_logger("drsync").info("run.begun")
    logging.getLogger("some.library").warning("retrying %s", "it")

    assert [(it["run_id"], it["policy"]) for it in lines(stream)] == [("b-20260821T030804Z-k3f9", "payments")] * 2
    assert lines(stream)[1]["event"] == "retrying it"


def test_the_next_run_forgets_the_one_before(stream: io.StringIO) -> None:
    bind_run(run_id="one", policy="payments")
    bind_run(run_id="two")
    structlog.stdlib.get_logger("drsync").info("run.begun")

    (line,) = lines(stream)
    assert line["run_id"] == "two"
    assert "policy" not in line


@pytest.mark.parametrize("name", ["urllib3.connectionpool", "botocore.auth", "kubernetes.client.rest"])
def test_libraries_that_log_requests_are_held_to_warnings(stream: io.StringIO, name: str) -> None:
    logging.getLogger(name).debug("send: Authorization: %s", CANARY)
    logging.getLogger(name).warning("pool.full")

    assert [it["event"] for it in lines(stream)] == ["pool.full"]


def test_setting_up_again_moves_the_stream(stream: io.StringIO) -> None:
    second = io.StringIO()
    set_up_logging(second)

    structlog.stdlib.get_logger("drsync").info("run.begun")

    assert stream.getvalue() == ""
    assert len(lines(second)) == 1


def test_the_level_holds(stream: io.StringIO) -> None:
    set_up_logging(stream, level="WARNING")

    structlog.stdlib.get_logger("drsync").info("run.begun")

    assert stream.getvalue() == ""


def test_warnings_of_python_are_logged(stream: io.StringIO) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old thing", stacklevel=1)

    assert "old thing" in lines(stream)[0]["event"]


def test_a_closed_stream_does_not_end_the_work(stream: io.StringIO, capsys: pytest.CaptureFixture[str]) -> None:
    closed = io.StringIO()
    set_up_logging(closed)
    closed.close()

    structlog.stdlib.get_logger("drsync").info("run.begun", note=CANARY)

    assert CANARY not in capsys.readouterr().err


def test_our_errors_are_told_with_their_remedy(stream: io.StringIO) -> None:
    try:
        raise UserError("The policy is wrong.", remedy="mend it")
    except UserError:
        structlog.stdlib.get_logger("drsync").exception("run.failed")

    (line,) = lines(stream)
    assert line["error"][0]["problem"] == "The policy is wrong."
    assert line["error"][0]["remedy"] == "mend it"
    assert any("test_logs.py" in place for place in line["error"][0]["at"])


def test_causes_are_told(stream: io.StringIO) -> None:
    try:
        try:
            raise KeyError("a")
        except KeyError as error:
            raise UserError("b", remedy="c") from error
    except UserError as error:
        structlog.stdlib.get_logger("drsync").error("run.failed", exc_info=error)

    assert [it["type"] for it in lines(stream)[0]["error"]] == ["UserError", "KeyError"]


def test_an_exception_of_a_library_is_one_line_with_type_and_places(stream: io.StringIO) -> None:
    fail(ValueError("anything"), logger="lib")

    (line,) = lines(stream)
    assert line["error"][0]["type"] == "ValueError"
    assert line["error"][0]["at"]


def own(**values: Any) -> None:
    structlog.stdlib.get_logger("drsync").info("thing.done", **values)


def fail(error: Exception, *, logger: str = "") -> None:
    secret_local = CANARY
    try:
        raise error
    except Exception:
        if logger:
            logging.getLogger(logger).exception("it failed")
        else:
            structlog.stdlib.get_logger("drsync").exception("it.failed")
    assert secret_local


def fail_with_cause() -> None:
    try:
        try:
            raise ValueError(CANARY)
        except ValueError as error:
            raise UserError("It failed.", remedy="mend it") from error
    except UserError:
        structlog.stdlib.get_logger("drsync").exception("it.failed")


def noted() -> ValueError:
    error = ValueError("x")
    error.add_note(CANARY)
    return error


LEAKS = {
    "value of a secret-like key": lambda: own(password=CANARY),
    "nested": lambda: own(request={"headers": {"Authorization": CANARY}, "list": [{"apiKey": CANARY}]}),
    "deeply nested": lambda: own(a={"b": {"c": {"d": {"e": {"f": {"g": {"h": CANARY}}}}}}}),
    "list under a secret-like key": lambda: own(secrets=[CANARY]),
    "bytes": lambda: own(body=CANARY.encode()),
    "object": lambda: own(request=type("Request", (), {"__str__": lambda _: f"password={CANARY}"})()),
    "url": lambda: own(url=f"https://user:{quote(CANARY, safe='')}@store.example.com/b"),
    "signed url": lambda: own(url=f"https://s.example.com/b?X-Amz-Signature={CANARY}&a=b"),
    "bearer": lambda: own(header=f"Authorization: Bearer {CANARY}"),
    "assignment": lambda: own(text=f"aws_secret_access_key = {CANARY}"),
    "json in text": lambda: own(text=json.dumps({"token": CANARY})),
    "private key": lambda: own(text=f"-----BEGIN EC PRIVATE KEY-----\n{CANARY}\n-----END EC PRIVATE KEY-----"),
    "half a private key": lambda: own(text=f"-----BEGIN PRIVATE KEY-----\n{CANARY}"),
    "library's message": lambda: logging.getLogger("lib").error("password=%s", CANARY),
    "library's extra": lambda: logging.getLogger("lib").error("oops", extra={"session_token": CANARY}),
    "exception": lambda: fail(ValueError(CANARY)),
    "exception as a value": lambda: own(why=ValueError(CANARY)),
    "exception of a library": lambda: fail(ValueError(CANARY), logger="lib"),
    "exception with a cause": fail_with_cause,
    "our error around a secret": lambda: fail(UserError(f"token={CANARY}", remedy=f"passphrase: {CANARY}")),
    "group": lambda: fail(ExceptionGroup("many", [ValueError(CANARY)])),
    "note": lambda: fail(noted()),
}


def forms(secret: str) -> list[str]:
    raw = secret.encode()
    return [
        secret,
        raw.hex(),
        quote(secret, safe=""),
        json.dumps(secret)[1:-1],
        *(base64.b64encode(raw[start:]).decode()[:20] for start in range(3)),
    ]


@pytest.mark.parametrize("leak", LEAKS.values(), ids=LEAKS)
@pytest.mark.parametrize("pretty", [False, True])
def test_no_planted_secret_gets_out(stream: io.StringIO, leak: Any, *, pretty: bool) -> None:
    set_up_logging(stream, level="DEBUG", pretty=pretty)

    leak()

    written = stream.getvalue()
    assert written
    assert not [form for form in forms(CANARY) if form in written]


def test_the_search_finds_a_secret_that_is_leaked_on_purpose(stream: io.StringIO) -> None:
    own(note=f"nothing tells that {CANARY} is one")

    assert any(form in stream.getvalue() for form in forms(CANARY))


def test_the_command_line_starts_without_the_logging_library() -> None:
    code = "import sys, drsync.cli; sys.exit('structlog' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
