"""Whether an object that is there already is the one wanted, and the bodies that make it so."""

from dataclasses import dataclass
from typing import Any

from drsync.model.resource import Manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """One field that differs. Values of Secrets are never shown. None: not there."""

    path: str
    before: Any
    """In the cluster."""
    after: Any
    """In the point."""


def same(desired: Manifest, live: Manifest) -> bool:
    """Whether the cluster has all of `desired`; fields that only the cluster has are the server's
    defaults, but ConfigMap and Secret data must be equal. Use this for skip and replace.
    """
    raise NotImplementedError


def covered(desired: Manifest, live: Manifest) -> bool:
    """Whether a merge would change nothing: as `same`, but keys of data that only the cluster has stay."""
    raise NotImplementedError


def changes(desired: Manifest, live: Manifest) -> tuple[FieldChange, ...]:
    """Every field in which `same` finds a difference."""
    raise NotImplementedError


def merge(desired: Manifest, live: Manifest) -> Manifest:
    """A body for PUT: fields of `desired` win, fields that only `live` has stay."""
    raise NotImplementedError


def replacement(desired: Manifest, live: Manifest) -> Manifest:
    """A body for PUT: `desired`, and from `live` only what the cluster itself has put there."""
    raise NotImplementedError


def cannot_change(desired: Manifest, live: Manifest) -> str | None:
    """Why no PUT can make `live` into `desired`: one sentence that names the field; None when one may."""
    raise NotImplementedError
