"""What the actions of a capture need to know beside their step."""

from dataclasses import dataclass
from datetime import timedelta

from drsync.kube.discovery import Discovery
from drsync.model.policy import ProtectionPolicy
from drsync.model.recovery_point import RecoveryPoint
from drsync.state.log import CommitLog


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureInputs:
    """Read once, before the plan is made."""

    policy: ProtectionPolicy
    policy_sha256: str
    discovery: Discovery
    parent: RecoveryPoint | None
    log: CommitLog
    clock_bound: timedelta
    """How far this host's clock may be off the store's; taken off every instant."""
