"""Owner references: turned to the new uids, and owners written before what they own."""

from collections.abc import Iterable, Mapping
from typing import Protocol, TypeVar

from drsync.model.resource import Manifest, Owner, ResourceKind


class Owned(Protocol):
    """What ordering needs to know of an object; a ResourceObject is one."""

    @property
    def kind(self) -> ResourceKind: ...

    @property
    def uid(self) -> str: ...

    @property
    def owners(self) -> tuple[Owner, ...]: ...


T = TypeVar("T", bound=Owned)


def relink(manifest: Manifest, uids: Mapping[str, Owner]) -> tuple[Manifest, tuple[Owner, ...]]:
    """The manifest with its owner references turned to the owners' new uids, and those dropped.

    `uids` maps old uids to what was written. A reference that it does not name is dropped: the
    garbage collector deletes an object whose owner does not exist within a second.
    """
    raise NotImplementedError


def arrange(objects: Iterable[T]) -> dict[str, tuple[tuple[T, ...], ...]]:
    """Stage → waves, in order; the owners of a wave's objects are all in waves or stages before it.

    An object whose owner comes in a later stage moves to that stage. A cycle is opened at its
    first member. Stages without objects are left out.
    """
    raise NotImplementedError
