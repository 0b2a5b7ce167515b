"""Asks an S3 server one thing at a time, and says in drsync's errors how it went. The only importer of boto3.

Credentials come from boto3's own chain: environment, profile, web identity, instance. botocore's
retries are off, for they would hide that the answer to a conditional write was lost.
"""

import os
import ssl
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Literal, TypeVar

import boto3.session
import botocore.exceptions as failures
from botocore.config import Config
from botocore.parsers import ResponseParserError

from drsync.clock import Clock
from drsync.errors import DrsyncError, PermissionDenied, Refused, StoreUnreachable, UserError
from drsync.stores.address import S3Url
from drsync.stores.drivers.s3_answers import Answer, Kind, to_error

if TYPE_CHECKING:
    from botocore.awsrequest import AWSResponse
    from mypy_boto3_s3 import S3Client

CONNECT_S = 5.0
# Between two pieces of an answer, not for the whole of it.
READ_S = 60.0
_NO_CREDENTIALS = (
    failures.NoCredentialsError,
    failures.PartialCredentialsError,
    failures.CredentialRetrievalError,
    failures.ProfileNotFound,
    failures.TokenRetrievalError,
    failures.UnauthorizedSSOTokenError,
)

_NO_ANSWER = (
    failures.ConnectionError,
    failures.HTTPClientError,
    failures.IncompleteReadError,
    failures.MetadataRetrievalError,
)

_Result = TypeVar("_Result")


class S3Asker:
    """A client that is made anew when its credentials have run out. Safe to share between threads."""

    def __init__(
        self,
        address: S3Url,
        *,
        clock: Clock,
        connections: int = 8,
        connect_s: float = CONNECT_S,
        read_s: float = READ_S,
    ) -> None:
        if address.ca and not os.access(address.ca, os.R_OK):
            raise UserError(f"The CA file {address.ca} cannot be read.", remedy="correct ca= in the store's address")
        self._address = address
        self._where = f"{address.bucket} at {address.endpoint or 'S3'}"
        self._clock = clock
        self._lock = threading.Lock()
        self._config = Config(
            connect_timeout=connect_s,
            read_timeout=read_s,
            max_pool_connections=connections,
            retries={"total_max_attempts": 1, "mode": "standard"},
            # Kin of S3 reject the SDK's own checksums; Content-MD5 does the same work everywhere.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"addressing_style": _style(address)},
        )
        self.skew: timedelta | None = None
        self._client = self._connected()

    def ask(
        self,
        what: str,
        call: "Callable[[S3Client], _Result]",
        *,
        known: Mapping[str, Exception] | None = None,
    ) -> _Result:
        """What `call` returns. A code in `known` raises what stands there; all others go by s3_answers."""
        again = {Kind.EXPIRED, Kind.CORRUPT}
        while True:
            client = self._client
            try:
                return self._called(what, lambda client=client: call(client))
            except _Answered as answered:
                answer = answered.answer
                if known and answer.code in known:
                    raise known[answer.code] from answered
                if answer.kind not in again:
                    raise to_error(answer, what=what, store=self._where) from answered.__cause__
                # Once more with fresh credentials, or from the bytes at hand; the second time it is final.
                again.discard(answer.kind)
                if answer.kind is Kind.EXPIRED:
                    self._renew(client)

    def close(self) -> None:
        self._client.close()

    def _called(self, what: str, call: Callable[[], _Result]) -> _Result:
        try:
            return call()
        except failures.ClientError as error:
            raise _Answered(_answer(error)) from error
        except (failures.BotoCoreError, ResponseParserError, KeyError) as error:
            raise self._translated(error, what) from error

    def _see_clock(self, http_response: "AWSResponse", **_: object) -> None:
        """Called by botocore with every answer."""
        with suppress(ValueError):
            far = parsedate_to_datetime(http_response.headers.get("date", "")).astimezone(UTC)
            # The header has whole seconds, cut off.
            self.skew = far + timedelta(seconds=0.5) - self._clock.now()

    def _connected(self) -> "S3Client":
        try:
            session = boto3.session.Session()
            # Servers beside AWS have no regions, but the signature wants one.
            region = self._address.region or session.region_name or ("us-east-1" if self._address.endpoint else None)
            # The stubs of other services are not installed, so the overloads are known in part.
            client = session.client(  # pyright: ignore[reportUnknownMemberType]
                "s3",
                region_name=region,
                endpoint_url=self._address.endpoint or None,
                verify=self._address.ca or None,
                config=self._config,
            )
        except failures.BotoCoreError as error:
            raise self._translated(error, "a first call") from error
        client.meta.events.register("after-call.s3", self._see_clock)
        return client

    def _renew(self, stale: "S3Client") -> None:
        with self._lock:
            if self._client is stale:
                self._client = self._connected()

    def _translated(self, error: Exception, what: str) -> DrsyncError:
        # botocore's messages may quote a URL with a signature, so its class alone is told.
        name = type(error).__name__
        if isinstance(error, _NO_CREDENTIALS):
            return PermissionDenied(
                f"No credentials for {self._where} were found ({name}).",
                remedy="give them by the environment, a profile or a workload identity",
            )
        if isinstance(error, failures.SSLError) and _is_untrusted(error):
            return Refused(
                f"The certificate of {self._where} is not trusted.",
                remedy="name its CA by ca=/file.pem in the store's address, or correct the server's certificate",
            )
        if isinstance(error, _NO_ANSWER):
            return StoreUnreachable(
                f"{self._where} did not answer {what} ({name}).", remedy="look at the network and at the server"
            )
        if isinstance(error, ResponseParserError | KeyError):
            return Refused(
                f"{self._where} answered {what} with something that is not S3's.",
                remedy="correct endpoint= in the address",
            )
        return Refused(
            f"{self._where} could not be asked for {what} ({name}).", remedy="correct the address or the AWS settings"
        )


class _Answered(Exception):
    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.code)
        self.answer = answer


def _answer(error: failures.ClientError) -> Answer:
    response = error.response
    details = response.get("Error", {})
    meta = response.get("ResponseMetadata", {})
    headers = meta.get("HTTPHeaders", {})
    return Answer(
        code=str(details.get("Code", "")),
        status=int(meta.get("HTTPStatusCode", 0)),
        region=str(headers.get("x-amz-bucket-region", "")),
        retry_after=str(headers.get("retry-after", "")),
    )


def _style(address: S3Url) -> Literal["path", "virtual", "auto"]:
    if address.path_style:
        return "path"
    return "virtual" if address.endpoint else "auto"


def _is_untrusted(error: failures.SSLError) -> bool:
    """Else the connection broke while it was made, which may pass."""
    cause: BaseException | None = error
    while cause:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return True
        cause = cause.__cause__ or cause.__context__
    return "CERTIFICATE_VERIFY_FAILED" in str(error)
