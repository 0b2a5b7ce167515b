"""Whether an object that is there already is the one wanted, and the bodies that make it so."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from drsync.fields import Path, changed, group_and_kind, items, mapping, metadata, spell, without
from drsync.model.resource import Manifest
from drsync.resources.compare import Difference, differences, is_set
from drsync.resources.immutable import cannot_change
from drsync.resources.redact import shown
from drsync.resources.sanitise import sanitise

__all__ = ["FieldChange", "cannot_change", "changes", "covered", "merge", "replacement", "same"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """One field that differs. Values of Secrets are never shown. None: not there."""

    path: str
    """`spec.ports[0].port`, `data["app.yaml"]`."""
    before: Any
    """In the cluster."""
    after: Any
    """In the point."""


_EXACT: Final = {("", "ConfigMap"): ("data", "binaryData"), ("", "Secret"): ("data", "stringData")}
"""Mappings that no server adds anything to: a key that only the cluster has was put there by someone."""

_KEYS: Final = ("name", "mountPath", "port", "containerPort", "key", "ip", "uid")
"""By one of these, two items of a list are the same item or are not."""


def same(desired: Manifest, live: Manifest) -> bool:
    """Whether the cluster has all of `desired`; fields that only the cluster has are the server's
    defaults, but ConfigMap and Secret data must be equal. Use this for skip and replace.
    """
    return next(_all_differences(desired, live), None) is None


def covered(desired: Manifest, live: Manifest) -> bool:
    """Whether a merge would change nothing: as `same`, but keys of data that only the cluster has stay."""
    return next(differences(desired, live), None) is None


def changes(desired: Manifest, live: Manifest) -> tuple[FieldChange, ...]:
    """Every field in which `same` finds a difference, in the order of `desired`."""
    secret = group_and_kind(desired) == ("", "Secret")
    return tuple(
        FieldChange(
            path=spell(path),
            before=shown(path, before, secret=secret),
            after=shown(path, after, secret=secret),
        )
        for path, before, after in _all_differences(desired, live)
    )


def merge(desired: Manifest, live: Manifest) -> Manifest:
    """A body for PUT: fields of `desired` win, fields that only `live` has stay, its resourceVersion too."""
    return cast("Manifest", _merged(desired, live, ()))


def replacement(desired: Manifest, live: Manifest) -> Manifest:
    """A body for PUT: `desired`, and from `live` only what the cluster itself has put there.

    That is what sanitising would take from it: uid and resourceVersion, addresses and node ports,
    a claim's volume, finalizers, notes of controllers. Its owners too, when `desired` has none.
    """
    own = mapping(_taken(live, sanitise(live)))
    # Left out of a PUT, managedFields stay as they are.
    own = changed(own, "metadata", without(metadata(own), ("managedFields",)))
    body = cast("Manifest", _merged(desired, own, ()))
    owners = metadata(live).get("ownerReferences")
    if not owners or metadata(desired).get("ownerReferences"):
        return body
    return {**body, "metadata": {**metadata(body), "ownerReferences": owners}}


def _all_differences(desired: Manifest, live: Manifest) -> Iterator[Difference]:
    yield from differences(desired, live)
    for name in _EXACT.get(group_and_kind(desired), ()):
        wanted = mapping(desired.get(name))
        yield from (((name, key), value, None) for key, value in mapping(live.get(name)).items() if key not in wanted)


def _taken(live: Any, rest: Any) -> Any:
    """What is in `live` and not in `rest`, which was made by taking fields and items away; None when nothing is.

    A tuple stands for a list of which only parts of the items were taken, each in its place.
    """
    if isinstance(live, dict) and isinstance(rest, dict):
        left = mapping(cast("object", rest))
        found = {key: _taken(value, left.get(key)) for key, value in mapping(cast("object", live)).items()}
        return {key: value for key, value in found.items() if value is not None} or None
    if isinstance(live, list) and isinstance(rest, list):
        before, after = items(cast("object", live)), items(cast("object", rest))
        if len(before) != len(after):
            return [item for item in before if item not in after]
        parts = tuple(_taken(item, left) for item, left in zip(before, after, strict=True))
        return parts if any(part is not None for part in parts) else None
    return None if rest is not None else cast("object", live)


def _merged(desired: Any, live: Any, path: Path) -> Any:
    if isinstance(desired, dict) and isinstance(live, dict):
        there = mapping(cast("object", live))
        inner = {
            key: _merged(value, there.get(key), (*path, key))
            for key, value in mapping(cast("object", desired)).items()
            if value is not None or key not in there
        }
        return {**{key: value for key, value in there.items() if not isinstance(value, tuple)}, **inner}
    if isinstance(desired, list) and isinstance(live, list | tuple):
        return _merged_lists(items(cast("object", desired)), list(cast("Sequence[Any]", live)), path)
    return cast("object", desired)


def _merged_lists(desired: list[Any], live: list[Any], path: Path) -> list[Any]:
    if is_set(path):
        return [*live, *(item for item in desired if item not in live)]
    if len(desired) != len(live):
        return desired
    pairs = enumerate(zip(desired, live, strict=True))
    return [_merged(want, there, (*path, n)) if _one(want, there) else want for n, (want, there) in pairs]


def _one(wanted: Any, live: Any) -> bool:
    """Whether two items in the same place of a list are one item: containers may have changed places."""
    first, second = mapping(wanted), mapping(live)
    return all(first[key] == second[key] for key in _KEYS if key in first and key in second)
