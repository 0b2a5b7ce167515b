"""What an S3 server's refusals mean: one row a code. A code that is not known is fatal, never tried again."""

import re
from dataclasses import dataclass
from enum import Enum, auto

from drsync.errors import (
    DrsyncError,
    IntegrityError,
    PermissionDenied,
    QuotaExceeded,
    Refused,
    StoreUnreachable,
    UnsafeStore,
    UserError,
)

_CODE = re.compile(r"[A-Za-z0-9.]{1,64}", re.ASCII)
_REGION = re.compile(r"[a-z0-9-]{1,40}", re.ASCII)
# No server is waited for longer than this at one go, whatever it asks for.
_LONGEST_WAIT_S = 60.0


class Kind(Enum):
    """What a caller can do about it."""

    TRANSIENT = auto()
    EXPIRED = auto()
    DENIED = auto()
    WRONG_KEY = auto()
    CLOCK = auto()
    CORRUPT = auto()
    FULL = auto()
    NO_BUCKET = auto()
    ELSEWHERE = auto()
    UNABLE = auto()
    FROZEN = auto()
    UNKNOWN = auto()


_CODES = {
    # ConditionalRequestConflict (409): two conditional writes met; who won is known once one is tried again.
    Kind.TRANSIENT: "InternalError InternalFailure SlowDown SlowDownRead SlowDownWrite ServiceUnavailable Throttling "
    "ThrottlingException RequestThrottled TooManyRequests TooManyRequestsException RequestTimeout "
    "RequestTimeoutException OperationAborted ConditionalRequestConflict BandwidthLimitExceeded",
    Kind.EXPIRED: "ExpiredToken ExpiredTokenException TokenRefreshRequired RequestExpired",
    Kind.DENIED: "AccessDenied AccessDeniedException AllAccessDisabled AccountProblem NotSignedUp UnauthorizedAccess "
    "Unauthorized Forbidden KMS.DisabledException",
    Kind.WRONG_KEY: "InvalidAccessKeyId InvalidClientTokenId InvalidIdentityToken InvalidToken InvalidSecurity "
    "SignatureDoesNotMatch AuthFailure",
    Kind.CLOCK: "RequestTimeTooSkewed",
    Kind.CORRUPT: "BadDigest InvalidDigest XAmzContentSHA256Mismatch XAmzContentChecksumMismatch",
    Kind.FULL: "QuotaExceeded XMinioAdminBucketQuotaExceeded XMinioStorageFull InsufficientStorage "
    "ServiceQuotaExceeded EntityTooLarge StorageFull",
    Kind.NO_BUCKET: "NoSuchBucket",
    Kind.ELSEWHERE: "PermanentRedirect TemporaryRedirect Redirect AuthorizationHeaderMalformed "
    "IllegalLocationConstraintException IncorrectEndpoint InvalidRegion",
    Kind.UNABLE: "NotImplemented",
    Kind.FROZEN: "InvalidObjectState",
}
_KINDS = {code: kind for kind, codes in _CODES.items() for code in codes.split()}
_STATUSES = {
    301: Kind.ELSEWHERE,
    307: Kind.ELSEWHERE,
    401: Kind.DENIED,
    403: Kind.DENIED,
    429: Kind.TRANSIENT,
    500: Kind.TRANSIENT,
    501: Kind.UNABLE,
    502: Kind.TRANSIENT,
    503: Kind.TRANSIENT,
    504: Kind.TRANSIENT,
    507: Kind.FULL,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A refusal as it came. HEAD has no body, so its code is its status."""

    code: str
    status: int
    region: str = ""
    retry_after: str = ""

    @property
    def kind(self) -> Kind:
        return _KINDS.get(self.code) or _STATUSES.get(self.status, Kind.UNKNOWN)


# The error, what it means, and what to do.
_ERRORS: dict[Kind, tuple[type[DrsyncError], str, str]] = {
    Kind.TRANSIENT: (StoreUnreachable, "", "try again later; see the server's status"),
    Kind.EXPIRED: (
        PermissionDenied,
        ": the credentials have run out",
        "renew what the environment, the profile or the workload identity gives",
    ),
    Kind.DENIED: (
        PermissionDenied,
        "",
        "grant these credentials the rights on the bucket and its keys that drsync needs",
    ),
    Kind.WRONG_KEY: (
        PermissionDenied,
        ": it does not know these credentials",
        "correct the access key and its secret in the environment, the profile or the workload identity",
    ),
    Kind.CLOCK: (PermissionDenied, ": this host's clock is wrong", "set this host's clock by NTP"),
    Kind.CORRUPT: (IntegrityError, ", twice", "look for a proxy or memory that changes bytes"),
    Kind.FULL: (QuotaExceeded, "", "raise the bucket's quota, or free space in it"),
    Kind.NO_BUCKET: (
        StoreUnreachable,
        ": there is no bucket of this name",
        "make the bucket, which drsync never does, or correct name, endpoint and region in the store's address",
    ),
    Kind.ELSEWHERE: (UserError, ": the bucket is in another region", "write its region= in the store's address"),
    Kind.UNABLE: (
        UnsafeStore,
        ": it cannot do what drsync relies on",
        "use a server with conditional writes (If-None-Match and If-Match)",
    ),
    Kind.FROZEN: (
        Refused,
        ": the object is in an archive tier",
        "bring it back from the archive, and take off the rule that moves it there",
    ),
    Kind.UNKNOWN: (Refused, ", which drsync does not know", "see the server's log for this request"),
}


def to_error(answer: Answer, *, what: str, store: str) -> DrsyncError:
    """The error for callers. It quotes the server's code alone: a message may hold an access key."""
    code = answer.code if _CODE.fullmatch(answer.code) else "a code that cannot be printed"
    error, meaning, remedy = _ERRORS[answer.kind]
    problem = f"{store} answered {what} with {code} ({answer.status}){meaning}."
    if answer.kind is Kind.TRANSIENT:
        return StoreUnreachable(problem, remedy=remedy, retry_after_s=_wait(answer.retry_after))
    if answer.kind is Kind.ELSEWHERE and _REGION.fullmatch(answer.region):
        remedy = f"write region={answer.region} in the store's address"
    return error(problem, remedy=remedy)


def _wait(retry_after: str) -> float:
    return min(_LONGEST_WAIT_S, float(retry_after)) if retry_after.isascii() and retry_after.isdigit() else 0.0
