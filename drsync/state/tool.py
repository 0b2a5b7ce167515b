"""Which drsync wrote a document."""

from functools import cache
from importlib.metadata import PackageNotFoundError, version


@cache
def tool_version() -> str:
    try:
        return f"drsync {version('drsync')}"
    except PackageNotFoundError:
        return "drsync, not installed"
