"""Ids and identities that a command makes: run ids, point tokens, who holds the lease."""

import secrets
from importlib.metadata import version
from typing import Final

from drsync.model.ids import SUFFIX_LETTERS

_LENGTH: Final = 4


def new_suffix() -> str:
    """The random end of an id."""
    return "".join(secrets.choice(SUFFIX_LETTERS) for _ in range(_LENGTH))


def tool_version() -> str:
    return version("drsync")
