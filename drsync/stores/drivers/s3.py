"""S3 and its kin. A version is an ETag, so a writer who may come back to the same bytes adds a nonce."""

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from drsync.clock import Clock
from drsync.errors import ObjectExists, ObjectMissing, Refused, StoreUnreachable, UnsafeStore, VersionChanged
from drsync.stores.address import S3Url
from drsync.stores.drivers.byte_order import in_byte_order, safe_start
from drsync.stores.drivers.s3_client import S3Asker
from drsync.stores.keys import check_key, check_prefix, check_range, is_key
from drsync.stores.object_store import Blob, ObjectInfo

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# What servers answer when a condition does not hold; HEAD-like answers have the status alone.
_UNMET = ("PreconditionFailed", "412")
_NO_KEY = ("NoSuchKey", "404")
_NO_RANGE = ("InvalidRange", "416")
_NO_LOCKS = ("InvalidRequest", "ObjectLockConfigurationNotFoundError", "NotImplemented", "MethodNotAllowed")
# A HEAD has no body, so these may mean the bucket, the key, the credentials or the region.
_BODILESS = ("400", "301", "403", "404")


class S3Store:
    """One bucket. Safe to share between threads."""

    def __init__(self, address: S3Url, *, asker: S3Asker, clock: Clock) -> None:
        self._url = str(replace(address, prefix=""))
        self._bucket = address.bucket
        self._asker = asker
        self._clock = clock

    @property
    def url(self) -> str:
        return self._url

    @property
    def skew(self) -> timedelta | None:
        return self._asker.skew

    def create(self, key: str, data: bytes) -> str:
        check_key(key)
        digest = _md5(data)
        return self._asker.ask(
            f"create of {key}",
            lambda s3: _version(
                s3.put_object(Bucket=self._bucket, Key=key, Body=data, ContentMD5=digest, IfNoneMatch="*")
            ),
            known=dict.fromkeys(_UNMET, _taken(key)),
        )

    def replace(self, key: str, data: bytes, *, version: str) -> str:
        check_key(key)
        digest = _md5(data)
        return self._asker.ask(
            f"replace of {key}",
            lambda s3: _version(
                s3.put_object(Bucket=self._bucket, Key=key, Body=data, ContentMD5=digest, IfMatch=_quoted(version))
            ),
            known=dict.fromkeys(_UNMET + _NO_KEY, _changed(key)),
        )

    def get(self, key: str, *, start: int = 0, length: int | None = None) -> Blob:
        check_key(key)
        check_range(length)
        try:
            return self._asker.ask(
                f"get of {key}",
                lambda s3: self._fetch(s3, key, start, length),
                known=_answers((_NO_KEY, self._missing(key)), (_NO_RANGE, _Nothing())),
            )
        except _Nothing:
            # No byte of it is in the range; HTTP then does not say which version has none.
            info = self.head(key)
        if not info:
            raise self._missing(key)
        return Blob(data=b"", version=info.version)

    def head(self, key: str) -> ObjectInfo | None:
        check_key(key)
        found = self._head(key)
        return found[0] if found else None

    def list(self, prefix: str, *, after: str = "") -> Iterator[ObjectInfo]:
        check_prefix(prefix, after)
        return self._listed(prefix, after)

    def delete(self, key: str, *, version: str) -> None:
        check_key(key)
        found = self._head(key)
        if not found:
            return
        info, locked_until = found
        if info.version != version:
            raise _changed(key)
        if locked_until and locked_until > self._clock.now() + (self.skew or timedelta()):
            # With versions kept, S3 would hide a locked object behind a marker and answer that it is gone.
            raise Refused(f"{key} is locked until {locked_until:%Y-%m-%d %H:%M}Z.", remedy="wait until then")
        try:
            self._asker.ask(
                f"delete of {key}",
                lambda s3: s3.delete_object(Bucket=self._bucket, Key=key, IfMatch=_quoted(version)),
                known=dict.fromkeys(_UNMET + _NO_KEY, _changed(key)),
            )
        except VersionChanged:
            # Servers say so, too, when another has deleted it meanwhile.
            if self._head(key):
                raise

    def retain(self, key: str, *, until: datetime) -> None:
        check_key(key)
        cannot = Refused(
            f"{self.url} cannot lock {key}: the bucket has no object lock.",
            remedy="switch object lock on for the bucket, or use another for copies that must not be deleted",
        )
        self._asker.ask(
            f"retain of {key}",
            lambda s3: s3.put_object_retention(
                Bucket=self._bucket,
                Key=key,
                # Nobody can shorten this one, the account's owner included.
                Retention={"Mode": "COMPLIANCE", "RetainUntilDate": until.astimezone(UTC)},
            ),
            known=_answers((_NO_KEY, self._missing(key)), (_NO_LOCKS, cannot)),
        )

    def close(self) -> None:
        self._asker.close()

    def _fetch(self, s3: "S3Client", key: str, start: int, length: int | None) -> Blob:
        if length == 0:
            raise _Nothing
        wanted = _range(start, length)
        if wanted:
            answer = s3.get_object(Bucket=self._bucket, Key=key, Range=wanted)
        else:
            answer = s3.get_object(Bucket=self._bucket, Key=key)
        with closing(answer["Body"]) as body:
            data = body.read()
        if wanted and not answer.get("ContentRange"):
            # It did not look at the range, and sent the whole.
            data = data[start:] if start >= 0 else data[max(0, len(data) + start) :]
        return Blob(data=data if length is None else data[:length], version=_version(answer))

    def _head(self, key: str) -> tuple[ObjectInfo, datetime | None] | None:
        with suppress(_Nothing):
            return self._asker.ask(
                f"head of {key}", lambda s3: self._look(s3, key), known=dict.fromkeys(_BODILESS, _Nothing())
            )
        try:
            # Its answer has a body, which says what is missing or wrong.
            self._asker.ask(
                f"get of {key}",
                lambda s3: self._fetch(s3, key, 0, 1),
                known=dict.fromkeys(_NO_KEY, self._missing(key)),
            )
        except ObjectMissing:
            return None
        return self._asker.ask(f"head of {key}", lambda s3: self._look(s3, key), known={"404": self._flickers(key)})

    def _look(self, s3: "S3Client", key: str) -> tuple[ObjectInfo, datetime | None]:
        answer = s3.head_object(Bucket=self._bucket, Key=key)
        info = ObjectInfo(
            key=key,
            size_bytes=answer["ContentLength"],
            version=_version(answer),
            modified=answer["LastModified"].astimezone(UTC),
        )
        return info, answer.get("ObjectLockRetainUntilDate")

    def _listed(self, prefix: str, after: str) -> Iterator[ObjectInfo]:
        last = ""
        for info in in_byte_order(self._found(prefix, safe_start(prefix, after)), prefix):
            if info.key <= last or not info.key.startswith(prefix):
                raise UnsafeStore(
                    f"{self.url} lists keys in no order.", remedy="use a server that lists as S3's general buckets do"
                )
            last = info.key
            # What is no key of ours is not ours: folder markers, for one.
            if info.key > after and is_key(info.key):
                yield info

    def _found(self, prefix: str, start: str) -> Iterator[ObjectInfo]:
        token = ""
        while True:
            page, token = self._asker.ask(
                f"list of {prefix or 'all keys'}", lambda s3, token=token: self._page(s3, prefix, start, token)
            )
            yield from page
            if not token:
                return

    def _page(self, s3: "S3Client", prefix: str, start: str, token: str) -> tuple[Sequence[ObjectInfo], str]:
        if token:
            answer = s3.list_objects_v2(Bucket=self._bucket, Prefix=prefix, ContinuationToken=token)
        else:
            answer = s3.list_objects_v2(Bucket=self._bucket, Prefix=prefix, StartAfter=start)
        page = [_listed(found) for found in answer.get("Contents", ())]
        # Without a token a page that is not the last cannot be followed: KeyError, told as no S3 answer.
        return page, answer["NextContinuationToken"] if answer["IsTruncated"] else ""

    def _missing(self, key: str) -> ObjectMissing:
        return ObjectMissing(f"{key} is not in {self.url}.", remedy="list the store to see what is there")

    def _flickers(self, key: str) -> StoreUnreachable:
        return StoreUnreachable(f"{self.url} says at once that {key} is and is not there.", remedy="try again")


def _answers(*known: tuple[Sequence[str], Exception]) -> Mapping[str, Exception]:
    return {code: error for codes, error in known for code in codes}


class _Nothing(Exception):
    """The answer has nothing in it to go by."""


def _listed(found: Mapping[str, Any]) -> ObjectInfo:
    return ObjectInfo(
        key=found["Key"],
        size_bytes=found["Size"],
        version=_version(found),
        modified=found["LastModified"].astimezone(UTC),
    )


def _version(answer: Mapping[str, Any]) -> str:
    etag = str(answer.get("ETag") or "").strip('"')
    if not etag:
        raise UnsafeStore("The server names no version (ETag).", remedy="use a server with conditional writes")
    return etag


def _quoted(version: str) -> str:
    return f'"{version}"'


def _range(start: int, length: int | None) -> str:
    if start < 0:
        return f"bytes={start}"
    if length is None:
        return f"bytes={start}-" if start else ""
    return f"bytes={start}-{start + length - 1}"


def _md5(data: bytes) -> str:
    # A checksum for the wire that every kin of S3 knows; nothing rests on it being hard to forge.
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


def _taken(key: str) -> ObjectExists:
    return ObjectExists(f"{key} is already there.", remedy="read it, or choose another key")


def _changed(key: str) -> VersionChanged:
    return VersionChanged(f"{key} is not what it was.", remedy="read it again and decide anew")
