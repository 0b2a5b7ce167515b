"""How a run that failed is written down."""

from datetime import datetime

from drsync.errors import DrsyncError, Stopped
from drsync.model.run import Outcome, RunEnd


def end_of(error: DrsyncError, *, now: datetime) -> RunEnd:
    """The end record of a run that `error` ended."""
    return RunEnd(
        outcome=Outcome.INTERRUPTED if isinstance(error, Stopped) else Outcome.FAILED,
        exit_code=error.exit_code,
        at=now,
        summary={"error": error.problem, "remedy": error.remedy},
    )
