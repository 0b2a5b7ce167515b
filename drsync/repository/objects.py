"""Kubernetes objects in a repository: to the byte, by kind and namespace, a changed one at little cost."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from drsync.model.resource import ResourceKind, ResourceObject
from drsync.repository.reader import SessionReader
from drsync.repository.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectEntry:
    """An object of a set, without its content."""

    kind: ResourceKind
    namespace: str
    name: str
    uid: str
    size_bytes: int


def write_objects(session: Session, objects: Iterable[ResourceObject]) -> bytes:
    """Stores them; returns the root to seal the session with."""
    raise NotImplementedError


class ObjectSet:
    """The objects of a sealed session."""

    def __init__(self, reader: SessionReader) -> None:
        self._reader = reader
        self.entries: Sequence[ObjectEntry] = ()

    def read(self, entries: Iterable[ObjectEntry]) -> Iterator[ResourceObject]:
        """The objects behind these entries, in this order."""
        raise NotImplementedError
