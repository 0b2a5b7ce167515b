"""Waiting for something to become true, never for a time to pass."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_PAUSE_S = 0.02


def until(condition: Callable[[], T], what: str, *, within_s: float = 30) -> T:
    """Asks again and again until the answer is truthy, and returns it; fails when it never is."""
    deadline = time.monotonic() + within_s
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within_s:g} s: {what}")
        time.sleep(_PAUSE_S)
    return answer
