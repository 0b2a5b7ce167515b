"""Field ownership: handed back to the appliers that had it, so that their next apply has no conflict."""

from dataclasses import dataclass
from typing import Any

from drsync.model.resource import Manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedBy:
    """One server-side applier of a captured object, and the part of the object that it owned."""

    manager: str
    body: Manifest
    """To be applied under the manager's name: its fields alone, with the values of the restore."""


def appliers(captured: Manifest, desired: Manifest) -> tuple[AppliedBy, ...]:
    """Who had applied the captured object, and what each would apply again."""
    raise NotImplementedError


def ownership(captured: Manifest) -> list[dict[str, Any]]:
    """`metadata.managedFields` to patch in after a create; empty when nobody had applied the object."""
    raise NotImplementedError
