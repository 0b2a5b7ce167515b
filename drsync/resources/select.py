"""What a policy selects: namespaces, kinds and objects."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from drsync.fields import decode, mapping, metadata
from drsync.model.policy import Selection
from drsync.model.recovery_point import Exclusion
from drsync.model.resource import ResourceKind, ResourceObject
from drsync.resources import exclusions
from drsync.resources.kinds import kind_matches
from drsync.resources.labels import matches
from drsync.resources.related import LISTED, referenced

__all__ = [
    "EXCLUDE",
    "KindChoice",
    "choose_kinds",
    "excluded_namespaces",
    "kind_matches",
    "matching_namespaces",
    "may_match_group",
    "referenced",
    "selects",
    "unmatched_namespaces",
]

EXCLUDE = "drsync.io/exclude"
"""A label or annotation; with the value `true` the object or namespace is left out."""


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
    chosen = {item.name for item in namespaces if _chosen(selection, item) and not _left_out(selection, item)}
    return tuple(sorted(chosen))


def excluded_namespaces(selection: Selection, namespaces: Sequence[ResourceObject]) -> tuple[Exclusion, ...]:
    """Namespaces that the selection matches and an exclusion takes away again."""
    chosen = sorted((item for item in namespaces if _chosen(selection, item)), key=lambda item: item.name)
    reasons = ((item.name, _left_out(selection, item)) for item in chosen)
    return tuple(Exclusion(what=f"namespace {name}", reason=reason) for name, reason in reasons if reason)


def unmatched_namespaces(selection: Selection, namespaces: Sequence[ResourceObject]) -> tuple[str, ...]:
    """Names and globs of the selection that match no namespace."""
    names = [item.name for item in namespaces]
    return tuple(pattern for pattern in selection.namespaces if not any(fnmatchcase(name, pattern) for name in names))


def choose_kinds(selection: Selection, kinds: Sequence[ResourceKind]) -> KindChoice:
    """Which of the served kinds a capture lists."""
    served = {kind.group_resource for kind in kinds}
    chosen: list[ResourceKind] = []
    excluded: list[Exclusion] = []
    for kind in sorted(kinds, key=lambda kind: kind.group_resource):
        reason = _why_not(selection, kind, served)
        if reason is None:
            chosen.append(kind)
        elif reason:
            excluded.append(Exclusion(what=f"kind {kind.group_resource}", reason=reason))
    return KindChoice(
        namespaced=tuple(kind for kind in chosen if kind.namespaced),
        cluster=tuple(kind for kind in chosen if not kind.namespaced),
        excluded=tuple(excluded),
        unmatched=_unmatched(selection, kinds),
    )


def may_match_group(selection: Selection, group: str) -> bool:
    """Whether the selection could take a kind of this group, whose kinds are unknown because it does not answer."""
    unknown = ResourceKind(group=group, version="v1", resource="*", kind="*", namespaced=True)
    if exclusions.never(unknown) or exclusions.by_default(unknown) or _first(selection.exclude_resources, unknown):
        return False
    named = (*selection.include_resources, *selection.cluster_scoped_include)
    if not selection.include_resources:
        return True
    # A bare plural, or a glob, may be a kind of any group.
    return any("." not in name or "*" in name or name.split(".", 1)[1] == group for name in named)


def selects(selection: Selection, item: ResourceObject) -> bool:
    """Whether an object of a chosen kind and namespace is taken."""
    return matches(selection.labels, item.labels) and not _marked(item)


def _chosen(selection: Selection, item: ResourceObject) -> bool:
    if any(fnmatchcase(item.name, pattern) for pattern in selection.namespaces):
        return True
    return bool(selection.namespace_labels) and matches(selection.namespace_labels, item.labels)


def _left_out(selection: Selection, item: ResourceObject) -> str:
    for pattern in selection.exclude_namespaces:
        if fnmatchcase(item.name, pattern):
            return f"the policy excludes {pattern}"
    return f"it carries {EXCLUDE}: true" if _marked(item) else ""


def _why_not(selection: Selection, kind: ResourceKind, served: set[str]) -> str | None:
    """A reason to tell; empty when there is nothing to tell; None when the kind is listed."""
    reason = exclusions.never(kind) or (None if _named(selection, kind) else exclusions.by_default(kind))
    missing = [verb for verb in ("list", "create") if verb not in kind.verbs]
    if missing and not reason:
        reason = f"the API server does not let anyone {missing[0]} it"
    newer = exclusions.successor(kind)
    if newer and f"{kind.resource}.{newer}" in served:
        reason = f"the same objects are taken as {kind.resource}.{newer}"
    return reason or _not_wanted(selection, kind)


def _not_wanted(selection: Selection, kind: ResourceKind) -> str | None:
    pattern = _first(selection.exclude_resources, kind)
    if pattern:
        return f"the policy excludes {pattern}"
    if kind.group_resource in exclusions.RBAC and selection.rbac != "include":
        return "the policy says rbac: exclude"
    if not kind.namespaced:
        return None if _cluster_kind_listed(selection, kind) else ""
    if selection.include_resources and not _first(selection.include_resources, kind):
        return "the policy does not include it"
    return None


def _cluster_kind_listed(selection: Selection, kind: ResourceKind) -> bool:
    """Namespaces are always listed: what is in them cannot be restored without them."""
    if kind.group_resource == "namespaces" or _first(selection.cluster_scoped_include, kind):
        return True
    return selection.cluster_scoped == "referenced" and kind.group_resource in LISTED


def _named(selection: Selection, kind: ResourceKind) -> bool:
    return kind.group_resource in (*selection.include_resources, *selection.cluster_scoped_include)


def _first(patterns: Iterable[str], kind: ResourceKind) -> str | None:
    return next((pattern for pattern in patterns if kind_matches(pattern, kind)), None)


def _unmatched(selection: Selection, kinds: Sequence[ResourceKind]) -> tuple[str, ...]:
    patterns = (*selection.include_resources, *selection.exclude_resources, *selection.cluster_scoped_include)
    return tuple(pattern for pattern in patterns if not any(kind_matches(pattern, kind) for kind in kinds))


def _marked(item: ResourceObject) -> bool:
    if item.labels.get(EXCLUDE) == "true":
        return True
    # Decoding every object only for a rare annotation would double the time of a capture.
    if EXCLUDE.encode() not in item.raw:
        return False
    return mapping(metadata(decode(item.raw)).get("annotations")).get(EXCLUDE) == "true"
