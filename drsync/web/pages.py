"""What each address answers: a pure function of the view and the hour."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from drsync.redaction import scrub
from drsync.units import print_duration
from drsync.web.metrics import CONTENT_TYPE, metrics
from drsync.web.view import DaemonView

_TEXT: Final = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One answer."""

    status: int
    body: bytes
    content_type: str = _TEXT
    allow: str = ""


def page(path: str, view: DaemonView, *, now: datetime, silent_s: float) -> Page:
    """`silent_s`: how long the loop has not ticked."""
    match path.partition("?")[0]:
        case "/healthz":
            return _alive(view, silent_s)
        case "/readyz":
            return _text(503, *view.not_ready) if view.not_ready else _text(200, "ok")
        case "/metrics":
            return Page(status=200, body=metrics(view, now=now), content_type=CONTENT_TYPE)
        case _:
            return _text(404, "There are /healthz, /readyz and /metrics.")


def refused(status: int, why: str) -> Page:
    """An answer to what is no request for a page."""
    return Page(status=status, body=f"{why}\n".encode(), allow="GET, HEAD" if status == 405 else "")


def _alive(view: DaemonView, silent_s: float) -> Page:
    """Only what a restart would mend: a stuck loop. A store that does not answer is no reason to restart."""
    stale_s = view.stale_after.total_seconds()
    if silent_s <= stale_s:
        return _text(200, "ok")
    return _text(503, f"The loop has not ticked for {print_duration(timedelta(seconds=silent_s))}.")


def _text(status: int, *lines: str) -> Page:
    return Page(status=status, body="".join(f"{scrub(line)}\n" for line in lines).encode())
