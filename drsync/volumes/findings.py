"""Paths to tell a person about: so many and no more."""

from drsync.volumes.paths import print_path

_LIMIT = 1000
"""A million unreadable files are told by their number."""


class Findings:
    """Collects `path: reason` lines up to a limit, and counts the rest."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self.count = 0

    def add(self, path: bytes, reason: str = "") -> None:
        self.count += 1
        if len(self._lines) < _LIMIT:
            self._lines.append(f"{print_path(path) or '.'}: {reason}" if reason else print_path(path))

    def lines(self) -> tuple[str, ...]:
        more = self.count - len(self._lines)
        return (*self._lines, f"… and {more} more") if more else tuple(self._lines)
