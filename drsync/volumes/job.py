"""Jobs for the mover and what it answers, as JSON lines. No secret is in them: keys are paths of files."""

from typing import Any

import msgspec

from drsync.errors import DrsyncError, UserError
from drsync.model.volume import VolumeMode

_LINE_LIMIT = 16 * 1024 * 1024
"""A longer line is refused; a job with 100,000 paths is far below it."""


class BackupJob(
    msgspec.Struct, frozen=True, kw_only=True, tag="backup", tag_field="action", forbid_unknown_fields=True
):
    """Capture what is at `path` as a new session of `source`."""

    store_url: str
    key_files: tuple[str, ...]
    source: str
    parent: str | None = None
    """The session of the previous point; its unchanged files are not read again."""
    path: str
    mode: VolumeMode = VolumeMode.FILESYSTEM
    writer: str = ""
    parallel: int = 8
    upload_mib_s: int | None = None


class RestoreJob(
    msgspec.Struct, frozen=True, kw_only=True, tag="restore", tag_field="action", forbid_unknown_fields=True
):
    """Make `path` equal to what `session` holds."""

    store_url: str
    key_files: tuple[str, ...]
    session: str
    path: str
    mode: VolumeMode = VolumeMode.FILESYSTEM
    paths: tuple[str, ...] = ()
    """Only these files and directories, spelled as `volumes.paths.print_path` does."""
    delete_extra: bool = False
    """Remove what the target has and the point has not."""
    privileged: bool = False
    """Also restore device nodes, setuid bits, file capabilities and trusted.* attributes."""
    parallel: int = 8


class VerifyJob(
    msgspec.Struct, frozen=True, kw_only=True, tag="verify", tag_field="action", forbid_unknown_fields=True
):
    """Read a session back as a whole and check every byte of it."""

    store_url: str
    key_files: tuple[str, ...]
    session: str
    parallel: int = 8


Job = BackupJob | RestoreJob | VerifyJob


class Progress(msgspec.Struct, frozen=True, kw_only=True, tag="progress", tag_field="line"):
    """How far a job is. `total_bytes` is 0 while it is not known."""

    done_bytes: int
    total_bytes: int
    files: int


class BackupResult(msgspec.Struct, frozen=True, kw_only=True, tag="backup", tag_field="line"):
    """A sealed session."""

    session: str
    size_bytes: int
    added_bytes: int
    """Bytes that were uploaded for it, after compression."""
    files: int
    torn: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
    """`path: reason`; any of them makes the point partial."""
    reused_bytes: int = 0
    skipped: tuple[str, ...] = ()
    """`path: reason` for what is by its nature not captured, such as sockets."""


class RestoreResult(msgspec.Struct, frozen=True, kw_only=True, tag="restore", tag_field="line"):
    """What was written, what was refused, and what else is there."""

    files: int
    bytes: int
    """Bytes of content that were written."""
    unchanged: int = 0
    """Files that were there already, to the byte."""
    refused: tuple[str, ...] = ()
    """`path: what` for privileges that were in the point and were not restored."""
    extra: tuple[str, ...] = ()
    """Paths in the target that the point does not have."""
    deleted: int = 0
    missing_paths: tuple[str, ...] = ()
    """Of the paths that were asked for, those that the point does not have."""


class VerifyResult(msgspec.Struct, frozen=True, kw_only=True, tag="verify", tag_field="line"):
    """What was read and what of it is damaged."""

    chunks: int
    bytes: int
    files: int
    damaged: tuple[str, ...] = ()


class JobError(msgspec.Struct, frozen=True, kw_only=True, tag="error", tag_field="line"):
    """Why a job ended without a result."""

    error: str
    """The name of a class in drsync.errors."""
    problem: str
    remedy: str
    exit_code: int
    impact: str = ""


Line = Progress | BackupResult | RestoreResult | VerifyResult | JobError


def encode_job(job: Job) -> bytes:
    """One line of JSON, newline included."""
    return msgspec.json.encode(job) + b"\n"


def decode_job(line: bytes) -> Job:
    """Raises UserError on anything that is not a job."""
    return _decode(line, Job, "job")


def encode_line(line: Line) -> bytes:
    """One line of JSON, newline included."""
    return msgspec.json.encode(line) + b"\n"


def decode_line(line: bytes) -> Line:
    """Raises UserError on anything that a mover does not say."""
    return _decode(line, Line, "line of a mover")


def job_error(error: DrsyncError) -> JobError:
    """An error as a line."""
    return JobError(
        error=type(error).__name__,
        problem=error.problem,
        remedy=error.remedy,
        exit_code=error.exit_code,
        impact=error.impact,
    )


def _decode(line: bytes, type_: Any, what: str) -> Any:
    if len(line) > _LINE_LIMIT:
        raise UserError(f"The {what} is longer than {_LINE_LIMIT} bytes.", remedy="ask for fewer paths at once")
    try:
        return msgspec.json.decode(line, type=type_)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UserError(
            f"The input is not a {what}: {error}.", remedy="use the drsync of the same version on both sides"
        ) from error
