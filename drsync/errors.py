"""Every error that drsync raises on purpose, ordered by what the caller can do about it.

    DrsyncError(problem, *, remedy, impact="")    exit codes as in the README's table
    ├── UserError        2   the policy, command or settings are wrong: PolicyInvalid
    │   └── NotFound     4   a name names nothing: NothingSelected, NothingToRestore, NoRecoveryPoint
    ├── Unreachable      1   the far side did not answer; may be tried again: StoreUnreachable (10),
    │                        ClusterUnreachable
    ├── Refused          1   it answered no: PermissionDenied, WrongKey (12), AlreadyRunning, LeaseLost (11),
    │                        QuotaExceeded, RequestRejected
    │   └── Conflict     1   something else is there: ObjectExists, VersionChanged, ObjectMissing, RevisionGone
    ├── IntegrityError   9   bytes do not match their hash; never tried again
    ├── SafetyStop       6   going on could lose data; nothing was changed: Blocked, UnsafeStore, NotConfirmed (7)
    └── Stopped        124   a deadline passed or someone asked to stop: DeadlineExceeded, Interrupted (130)

A problem is one sentence that says what and which; the remedy says what to do. Neither ever
holds a secret or an object's content.
"""

from typing import ClassVar


class DrsyncError(Exception):
    """Something went wrong that drsync can name."""

    exit_code: ClassVar[int] = 1

    def __init__(self, problem: str, *, remedy: str, impact: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy
        self.impact = impact

    def __str__(self) -> str:
        return f"{self.problem} → {self.remedy}"


class UserError(DrsyncError):
    """The command, a policy or a setting is wrong."""

    exit_code = 2


class PolicyInvalid(UserError):
    """A policy file does not say what a policy file may say; lists every fault at once."""


class NotFound(UserError):
    """A name that was given names nothing."""

    exit_code = 4


class NothingSelected(NotFound):
    """A selection matches no namespace or no object."""


class NothingToRestore(NotFound):
    """The point holds nothing of what was asked for."""


class NoRecoveryPoint(NotFound):
    """No complete recovery point is there."""


class Unreachable(DrsyncError):
    """The far side did not answer; the only class that gateways try again."""


class StoreUnreachable(Unreachable):
    """An object store did not answer, or is not there at all."""

    exit_code = 10

    def __init__(self, problem: str, *, remedy: str, impact: str = "", retry_after_s: float = 0.0) -> None:
        super().__init__(problem, remedy=remedy, impact=impact)
        self.retry_after_s = retry_after_s


class ClusterUnreachable(Unreachable):
    """An API server did not answer."""


class Refused(DrsyncError):
    """The far side answered no."""


class PermissionDenied(Refused):
    """Credentials were refused or lack a right."""

    exit_code = 12


class WrongKey(Refused):
    """No key at hand opens the store."""

    exit_code = 12


class AlreadyRunning(Refused):
    """Another run holds the lease."""

    exit_code = 11


class LeaseLost(Refused):
    """Another run has taken over; this one must stop."""

    exit_code = 11


class Conflict(Refused):
    """Something else is there already, or has changed since it was read."""


class ObjectExists(Conflict):
    """`create` found the key taken."""


class VersionChanged(Conflict):
    """`replace` or `delete` found another version than the one named."""


class ObjectMissing(Conflict):
    """The key is not in the store."""


class QuotaExceeded(Refused):
    """A disk or a quota is full."""


class RevisionGone(Conflict):
    """The API server no longer keeps the revision that a list asked for (410)."""


class RequestRejected(Refused):
    """The API server refused one request on its merits: invalid, forbidden by admission, over quota."""

    def __init__(self, problem: str, *, remedy: str, status: int, reason: str = "") -> None:
        super().__init__(problem, remedy=remedy)
        self.status = status
        self.reason = reason


class IntegrityError(DrsyncError):
    """Bytes do not match their hash or their seal. Never tried again."""

    exit_code = 9


class SafetyStop(DrsyncError):
    """Going on could lose data; nothing was changed."""

    exit_code = 6


class Blocked(SafetyStop):
    """A check before the work found a reason not to begin."""


class UnsafeStore(SafetyStop):
    """The store does not honour conditional writes, so it cannot be shared."""


class NotConfirmed(SafetyStop):
    """A question was not answered with yes."""

    exit_code = 7


class Stopped(DrsyncError):
    """The work ended before it was done; the journal is kept."""

    exit_code = 124


class DeadlineExceeded(Stopped):
    """A deadline passed."""


class Interrupted(Stopped):
    """Someone asked to stop."""

    exit_code = 130
