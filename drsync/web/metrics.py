"""The metrics page: a pure function from what is known, and the hour, to text."""

from datetime import datetime

from drsync.web.view import DaemonView


def metrics(view: DaemonView, *, now: datetime) -> bytes:
    """Prometheus' text format."""
    raise NotImplementedError
