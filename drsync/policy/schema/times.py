"""Cron expressions and time zones, as fields hold them."""

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from drsync.policy.schema.values import wrong

_FIELD = re.compile(r"[0-9A-Za-z*,/#-]{1,200}", re.ASCII)
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z][A-Za-z0-9_+-]*){0,2}", re.ASCII)
_FROM = datetime(2024, 1, 1, tzinfo=UTC)


def check_cron(text: str) -> str:
    """The expression with single blanks. Raises the validation error."""
    fields = text.split()
    if len(fields) != 5:
        raise wrong(
            "must have the five fields of cron.", 'write it as "8-59/15 * * * *": minute hour day month weekday'
        )
    if not all(_FIELD.fullmatch(field) for field in fields):
        raise wrong("holds a character that cron does not know.", "use numbers, names, * , - / # and L")
    expression = " ".join(fields)
    try:
        next(CronSim(expression, _FROM))
    except CronSimError as error:
        raise wrong(f"is not a cron expression: {error}.", "look at that field's range") from None
    except (StopIteration, ValueError, AssertionError, TypeError, IndexError, KeyError):
        # CronSim lets some nonsense, such as `L/2` or `1-L`, through its own checks.
        raise wrong("names a time that never comes.", "look at day and month together") from None
    return expression


def check_zone(text: str) -> str:
    """Raises the validation error unless it is a zone of the IANA database."""
    try:
        if _ZONE.fullmatch(text):
            ZoneInfo(text)
            return text
    except (ZoneInfoNotFoundError, ValueError, OSError):
        pass  # OSError: the name of a folder, such as Europe
    raise wrong("is not a time zone.", "write it as UTC or Europe/Berlin")
