"""Names: session ids, and the keys of a repository's objects."""

import os
import re
from datetime import datetime

from drsync.errors import NotFound

STORE = "store.json"
SLOTS = "keys/"
SESSIONS = "repo/s/"

_SESSION = re.compile(r"[0-9a-f]{32}", re.ASCII)
_TAG = slice(12, 20)


def new_session_id(now: datetime, tag: bytes) -> str:
    """Time-ordered and 128 bits: 48 of milliseconds, 32 that tell the source, 48 random.

    The tag is keyed, so that a listing says which sessions belong together and to whoever has no
    key nothing more.
    """
    milliseconds = int(now.timestamp() * 1000)
    return milliseconds.to_bytes(6, "big").hex() + tag[:4].hex() + os.urandom(6).hex()


def session_tag(session: str) -> str:
    """The part of a session id that tells its source."""
    return session[_TAG]


def check_session_id(session: str) -> str:
    """Raises NotFound for what cannot be a session's id, so that none becomes another key."""
    if not _SESSION.fullmatch(session):
        raise NotFound(
            f"{session[:64]!r} is not the id of a repository session.", remedy="see drsync get points for what there is"
        )
    return session


def open_key(session: str) -> str:
    return f"{SESSIONS}{session}/open"


def end_key(session: str) -> str:
    return f"{SESSIONS}{session}/end"


def index_key(session: str, number: int) -> str:
    return f"repo/i/{session}/{number}"


def slot_key(slot: str) -> str:
    return f"{SLOTS}{slot}"
