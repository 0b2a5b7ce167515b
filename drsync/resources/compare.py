"""Where two manifests differ, seen from the one that is wanted."""

from collections.abc import Iterator
from typing import Any, Final, cast

from drsync.fields import Fields, Path

Difference = tuple[Path, Any, Any]
"""(path, in the cluster, wanted)"""

_SETS: Final = frozenset({("metadata", "finalizers"), ("secrets",), ("imagePullSecrets",)})
"""Lists that several controllers add to: finalizers, and those of a ServiceAccount. Their order says nothing."""


def differences(wanted: Any, live: Any, path: Path = ()) -> Iterator[Difference]:
    """What `live` lacks of `wanted`. Fields that only `live` has are no difference: servers fill in defaults.

    Servers leave out what is null or an empty list. An empty mapping may mean something: `podSelector: {}`.
    """
    if wanted is None or wanted == live:
        return
    if isinstance(wanted, dict) and isinstance(live, dict):
        there = cast("Fields", live)
        for key, value in cast("Fields", wanted).items():
            yield from differences(value, there.get(key), (*path, key))
    elif isinstance(wanted, list) and isinstance(live, list):
        yield from _in_lists(cast("list[Any]", wanted), cast("list[Any]", live), path)
    elif wanted != [] or live is not None:
        yield path, live, wanted


def is_set(path: Path) -> bool:
    return path in _SETS


def _in_lists(wanted: list[Any], live: list[Any], path: Path) -> Iterator[Difference]:
    if is_set(path):
        if any(item not in live for item in wanted):
            yield path, live, wanted
    elif len(wanted) != len(live):
        yield path, live, wanted
    else:
        for number, (want, there) in enumerate(zip(wanted, live, strict=True)):
            yield from differences(want, there, (*path, number))
