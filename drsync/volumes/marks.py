"""Names that drsync itself uses in a volume while it restores into it."""

import os
import re

INCOMPLETE = b".drsync-restore-incomplete"
"""In the root of a target from the first write until everything is on its disk."""

_PARTIAL = re.compile(rb"\.drsync-partial-[0-9a-f]{16}")


def new_partial_name() -> bytes:
    """A name for a file that is moved to its own name once it is whole."""
    return b".drsync-partial-" + os.urandom(8).hex().encode()


def is_partial_name(name: bytes) -> bool:
    return _PARTIAL.fullmatch(name) is not None
