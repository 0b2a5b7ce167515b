"""What a person may want to be told; one value, many sinks."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class EventKind(StrEnum):
    """The names that `notify.when` may list."""

    RPO_BREACHED = "rpo-breached"
    RPO_AT_RISK = "rpo-at-risk"
    RUN_FAILED = "run-failed"
    PARTIAL = "partial"
    SLOT_MISSED = "slot-missed"
    VERIFY_FAILED = "verify-failed"
    STORE_UNREACHABLE = "store-unreachable"
    POLICY_CHANGED = "policy-changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """`key` says what it is about; the same key again is the same event, going on or resolved."""

    kind: EventKind
    key: str
    policy: str
    at: datetime
    firing: bool
    problem: str
    remedy: str = ""
    details: dict[str, Any] = field(default_factory=dict[str, Any])
