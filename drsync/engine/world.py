"""The open clients of one run, handed to every action."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from drsync.clock import Cancellation, Clock
from drsync.kube.client import KubeClient
from drsync.model.plan import Plan
from drsync.repository.keyring import Keyring
from drsync.repository.repository import Repository
from drsync.stores.object_store import ObjectStore


class Reporter(Protocol):
    """Where progress goes; called from several threads."""

    def began(self, step: str) -> None: ...

    def moved(self, step: str, done_bytes: int, total_bytes: int) -> None: ...

    def ended(self, step: str, *, ok: bool, words: str, took_s: float) -> None: ...


class Silent:
    """A reporter for callers that show nothing."""

    def began(self, step: str) -> None: ...

    def moved(self, step: str, done_bytes: int, total_bytes: int) -> None: ...

    def ended(self, step: str, *, ok: bool, words: str, took_s: float) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Gateways. Built in an entry point, closed there."""

    clock: Clock
    cancel: Cancellation
    store: ObjectStore
    keyring: Keyring
    key_files: tuple[str, ...]
    """Where movers find the key; a path, never the key."""
    repository: Repository
    cluster: KubeClient
    report: Reporter = field(default_factory=Silent)


Inputs = TypeVar("Inputs")

Results = Mapping[str, Mapping[str, Any]]
"""What each finished step's action returned, by step id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work(Generic[Inputs]):
    """What an action may look at: the world, its plan, what earlier steps returned, and the run's inputs."""

    world: World
    plan: Plan
    inputs: Inputs
    results: Results
