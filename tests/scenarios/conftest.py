"""Scenarios sit at the same desk as the command line's tests."""

from tests.cli.conftest import desk, run

__all__ = ["desk", "run"]
