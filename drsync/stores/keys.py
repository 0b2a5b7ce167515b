"""What a key may be, checked before anything is sent or opened."""

import re

from drsync.errors import UserError

KEY_BYTES = 512
PART_BYTES = 200

# No part begins with a dot: `.` and `..` climb directories, and the file driver hides its own files so.
_PART = re.compile(r"[ -.0-~]{1,200}", re.ASCII)
_TEXT = re.compile(r"[ -~]{0,512}", re.ASCII)


def check_key(key: str) -> None:
    """Raises UserError unless `key` is one that every store can hold."""
    if not is_key(key):
        raise _refusal("key", key)


def is_key(key: str) -> bool:
    """Listings leave out whatever is not a key: it is not ours."""
    return len(key) <= KEY_BYTES and all(_is_part(part) for part in key.split("/"))


def check_prefix(prefix: str, after: str = "") -> None:
    """Raises UserError unless both could stand in a listing of keys; a prefix may end within a part."""
    folders, _, last = prefix.rpartition("/")
    is_prefix = len(prefix) <= KEY_BYTES and (not folders or is_key(folders)) and (not last or _is_part(last))
    if not is_prefix or prefix.startswith("/"):
        raise _refusal("prefix", prefix)
    if not _TEXT.fullmatch(after):
        raise _refusal("place to list after", after)


def check_range(length: int | None) -> None:
    """Raises UserError for a length below nothing."""
    if length is not None and length < 0:
        raise UserError(f"A read of {length} bytes was asked for.", remedy="ask for 0 bytes or more")


def _is_part(part: str) -> bool:
    return part[:1] != "." and bool(_PART.fullmatch(part))


def _refusal(what: str, text: str) -> UserError:
    shown = repr(text if len(text) <= 80 else text[:80] + "…")
    return UserError(
        f"{shown} cannot be a {what} in an object store.",
        remedy=f"use up to {KEY_BYTES} printable ASCII characters in parts of up to {PART_BYTES}, "
        "parted by single slashes, none beginning with a dot",
    )
