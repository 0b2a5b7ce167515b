"""Durations, sizes and instants, parsed from text and printed for people."""

import re
from datetime import UTC, datetime, timedelta

_DURATION = re.compile(r"(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", re.ASCII)
_SECONDS = (604_800, 86_400, 3_600, 60, 1)
_LONGEST = timedelta(days=36_525)
_SIZES = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def parse_duration(text: str) -> timedelta:
    """`15m`, `1h30m`, `90s`, `7d`, `2w`. Raises ValueError, also for zero and for centuries."""
    match = _DURATION.fullmatch(text)
    if not match or not text:
        raise ValueError(f"{text!r} is not a duration such as 90s, 15m, 1h30m or 7d")
    seconds = sum(int(n) * unit for n, unit in zip(match.groups(default="0"), _SECONDS, strict=True))
    if not 0 < seconds <= _LONGEST.total_seconds():
        raise ValueError(f"{text!r} must be longer than nothing and shorter than a century")
    return timedelta(seconds=seconds)


def print_duration(value: timedelta) -> str:
    """The two largest units that matter: `19m08s`, `1h02m`, `3d04h`, `41s`; `-` before negatives."""
    seconds = round(abs(value.total_seconds()))
    sign = "-" if value < timedelta() and seconds else ""
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes, rest = divmod(rest, 60)
    if days:
        return f"{sign}{days}d{hours:02}h"
    if hours:
        return f"{sign}{hours}h{minutes:02}m"
    if minutes:
        return f"{sign}{minutes}m{rest:02}s"
    return f"{sign}{rest}s"


def spell_duration(value: timedelta) -> str:
    """The exact inverse of `parse_duration`, for values in whole seconds: `1h30m`."""
    rest = int(value.total_seconds())
    parts: list[str] = []
    for name, unit in zip("wdhms", _SECONDS, strict=True):
        count, rest = divmod(rest, unit)
        if count:
            parts.append(f"{count}{name}")
    return "".join(parts) or "0s"


def print_size(size_bytes: int) -> str:
    """`0 B`, `1.8 GiB`."""
    value = float(size_bytes)
    for unit in _SIZES:
        if value < 1024 or unit == _SIZES[-1]:
            return f"{size_bytes} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    raise AssertionError


def print_instant(value: datetime) -> str:
    """RFC 3339 in UTC, to the second: `2026-08-21T03:08:04Z`."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_instant(text: str) -> datetime:
    """RFC 3339 with a zone. Raises ValueError."""
    value = datetime.fromisoformat(text)
    if value.tzinfo is None:
        raise ValueError(f"{text!r} names no time zone; write it as 2026-08-21T03:08:04Z")
    return value.astimezone(UTC)
