"""Ids that sort by time: runs (`b-20260821T030804Z-k3f9`) and recovery points (`rp-20260821T030804Z-k3f9`)."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from drsync.model.plan import RunKind

POINT_PREFIX: Final = "rp"
SUFFIX_LETTERS: Final = "abcdefghijkmnpqrstuvwxyz23456789"
"""What the random part is drawn from: nothing that looks like something else."""

_STAMP: Final = "%Y%m%dT%H%M%SZ"
_RUN: Final = re.compile(r"([brfskd])-([0-9]{8}T[0-9]{6}Z)-([a-z0-9]{4,12})", re.ASCII)
_POINT: Final = re.compile(r"rp-([0-9]{8}T[0-9]{6}Z)-([a-z0-9]{4,12})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunId:
    """A run id, taken apart."""

    kind: RunKind
    at: datetime
    suffix: str

    def __str__(self) -> str:
        return f"{self.kind}-{stamp(self.at)}-{self.suffix}"


def stamp(at: datetime) -> str:
    """`20260821T030804Z`: sorts as the instants do."""
    return at.astimezone(UTC).strftime(_STAMP)


def run_id(kind: RunKind, *, now: datetime, suffix: str) -> str:
    """`suffix`: at least four random characters of SUFFIX_LETTERS."""
    return str(RunId(kind=kind, at=now, suffix=suffix))


def parse_run_id(text: str) -> RunId:
    """Raises ValueError."""
    match = _RUN.fullmatch(text)
    if not match:
        raise ValueError(f"{text!r} is not a run id such as b-20260821T030804Z-k3f9")
    at = datetime.strptime(match[2], _STAMP).replace(tzinfo=UTC)
    return RunId(kind=RunKind(match[1]), at=at, suffix=match[3])


def is_run_id(text: str) -> bool:
    try:
        parse_run_id(text)
    except ValueError:
        return False
    return True


def point_id(*, now: datetime, suffix: str) -> str:
    return f"{POINT_PREFIX}-{stamp(now)}-{suffix}"


def is_point_id(text: str) -> bool:
    return _POINT.fullmatch(text) is not None
