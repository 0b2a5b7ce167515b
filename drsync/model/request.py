"""What someone asked for; frozen into the plan, so that a resumed run does the same."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal


class Existing(StrEnum):
    """What to do with an object that is there already and differs."""

    SKIP = "skip"
    MERGE = "merge"
    """Fields of the point win; fields that only the cluster has stay."""
    REPLACE = "replace"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureRequest:
    """`drsync backup POLICY`."""

    policy: str
    policy_sha256: str
    cluster: str
    kind: Literal["capture"] = "capture"


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreRequest:
    """`drsync restore POINT --to CLUSTER`, all defaults resolved."""

    point: str
    policy: str
    cluster: str
    namespaces: tuple[str, ...] = ()
    """Names or globs among the point's namespaces; all when empty."""
    kinds: tuple[str, ...] = ()
    """`group_resource`, plural, or kind names; all when empty."""
    selector: str = ""
    """A Kubernetes label selector."""
    volumes: tuple[str, ...] | None = None
    """Claim names (`data` or `shop/data`); all when None, none when empty."""
    paths: tuple[str, ...] = ()
    """Only these files of the chosen volumes."""
    namespace_map: Mapping[str, str] = field(default_factory=dict[str, str])
    storage_class_map: Mapping[str, str] = field(default_factory=dict[str, str])
    existing: Existing = Existing.SKIP
    allow_partial: bool = False
    kind: Literal["restore"] = "restore"


Request = CaptureRequest | RestoreRequest
"""A union closed by `kind`."""
