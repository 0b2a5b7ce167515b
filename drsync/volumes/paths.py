"""Paths inside a volume: bytes on disk, text for people and jobs, and which names may be restored."""

import re

from drsync.errors import IntegrityError, UserError

NAME_LIMIT = 255
PATH_LIMIT = 16 * 1024

_ESCAPED = re.compile(rb"\\(?:\\|x([0-9a-f]{2}))", re.ASCII)


def print_path(path: bytes) -> str:
    """Text that `parse_path` turns back: `\\xNN` for control characters and for what is no UTF-8, `\\\\` for `\\`."""
    text = path.replace(b"\\", b"\\\\").decode("utf-8", "backslashreplace")
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else "".join(f"\\x{b:02x}" for b in c.encode()) for c in text)


def parse_path(text: str) -> bytes:
    """A path that a person gave, relative to the volume. Raises UserError for one that leads out of it."""
    path = text.strip("/")
    if text.count("\\") and not re.fullmatch(r"(?:[^\\]|\\\\|\\x[0-9a-f]{2})*", text, re.ASCII | re.DOTALL):
        raise UserError(f"The path {text!r} has a stray backslash.", remedy="write \\\\ for a backslash")
    data = _ESCAPED.sub(lambda m: bytes([int(m[1], 16)]) if m[1] else b"\\", path.encode("utf-8", "surrogateescape"))
    if any(not is_safe_name(name) for name in data.split(b"/")):
        raise UserError(f"The path {text!r} does not lie inside a volume.", remedy="give a path without .. and .")
    return data


def is_safe_name(name: bytes) -> bool:
    """Whether a directory entry may have this name."""
    return (
        bool(name) and name not in {b".", b".."} and b"/" not in name and b"\0" not in name and len(name) <= NAME_LIMIT
    )


def check_path(path: bytes) -> tuple[bytes, ...]:
    """The names that a stored path consists of. Raises IntegrityError unless every one of them is safe."""
    names = tuple(path.split(b"/"))
    if len(path) > PATH_LIMIT or not all(is_safe_name(name) for name in names):
        raise IntegrityError(
            f"The manifest names {print_path(path[:200])!r}, which is no path inside a volume.",
            remedy="do not restore this point; find out who wrote it",
        )
    return names


def order_key(path: bytes) -> bytes:
    """Sorts a directory before all that is in it, and that before the directory's next sibling."""
    return path.replace(b"/", b"\0")
