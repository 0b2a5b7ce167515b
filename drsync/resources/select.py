"""What a policy selects: namespaces, kinds and objects."""

from collections.abc import Sequence
from dataclasses import dataclass

from drsync.model.policy import Selection
from drsync.model.recovery_point import Exclusion
from drsync.model.resource import ResourceKind, ResourceObject
from drsync.resources.related import referenced

__all__ = [
    "KindChoice",
    "choose_kinds",
    "kind_matches",
    "matching_namespaces",
    "referenced",
    "selects",
    "unmatched_namespaces",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class KindChoice:
    """The kinds to list, and why the others are not."""

    namespaced: tuple[ResourceKind, ...]
    cluster: tuple[ResourceKind, ...]
    """To be listed whole; `referenced` then says which objects are kept."""
    excluded: tuple[Exclusion, ...]
    unmatched: tuple[str, ...] = ()
    """Patterns of the selection that match no kind."""


def matching_namespaces(selection: Selection, namespaces: Sequence[ResourceObject]) -> tuple[str, ...]:
    """Names of the selected namespaces, in order of their names."""
    raise NotImplementedError


def unmatched_namespaces(selection: Selection, namespaces: Sequence[ResourceObject]) -> tuple[str, ...]:
    """Names and globs of the selection that match no namespace."""
    raise NotImplementedError


def choose_kinds(selection: Selection, kinds: Sequence[ResourceKind]) -> KindChoice:
    """Which of the served kinds a capture lists."""
    raise NotImplementedError


def kind_matches(pattern: str, kind: ResourceKind) -> bool:
    """`deployments.apps`, `deployments`, `Deployment`, or a glob over `deployments.apps`."""
    raise NotImplementedError


def selects(selection: Selection, item: ResourceObject) -> bool:
    """Whether an object of a chosen kind and namespace is taken."""
    raise NotImplementedError
