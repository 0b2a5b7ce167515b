"""One seed from beginning to end, and what a run of many must have met to count."""

import os
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

from drsync.errors import IntegrityError
from tests.state.checker import violations
from tests.state.contenders import Contender, Told
from tests.state.weakened import Variant
from tests.state.world import Actor, World

AS_BUILT = Variant(shows="nothing")

LEAST_PER_SEED = {
    "acknowledged": 15.0,
    "claims": 4.0,
    "fences": 1.0,
    "lost": 8.0,
    "paused": 2.0,
    "killed": 0.2,
    "collided": 0.5,
    "landed late": 0.05,
    "LeaseLost": 0.1,
    "AlreadyRunning": 1.0,
}
"""A run of seeds below any of these has shown nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """What happened under one seed."""

    seed: int
    violations: list[str]
    counts: Counter[str]
    hash: str


@dataclass(slots=True)
class Tally:
    """What happened under many."""

    seeds: list[int] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, episode: Episode) -> None:
        self.seeds.append(episode.seed)
        self.counts += episode.counts

    def too_little(self) -> list[str]:
        least = {name: share * len(self.seeds) for name, share in LEAST_PER_SEED.items()}
        return [
            f"{name}: {self.counts[name]} < {limit:g}" for name, limit in least.items() if self.counts[name] < limit
        ]

    def __str__(self) -> str:
        counts = ", ".join(f"{name} {count}" for name, count in sorted(self.counts.items()))
        return f"seeds {min(self.seeds)}-{max(self.seeds)} ({len(self.seeds)}): {counts}"


def play(seed: int, variant: Variant = AS_BUILT) -> Episode:
    store = variant.store()
    world = World(seed, store)
    told = Told()
    # One world in ten is long enough for its log to pass a checkpoint.
    until_s = 1_200 if world.dice.random() < 0.1 else 240
    actors = [Actor(world, str(number)) for number in range(world.dice.choice((4, 4, 5)))]
    programs = {actor: Contender(world, actor, told, until_s=until_s, claim=variant.claim).run for actor in actors}
    if variant.prepare:
        variant.prepare(world, store)
    try:
        with variant.in_force():
            world.run(programs)
            found = violations(world, told, store)
    except IntegrityError as error:
        found = [f"unreadable: {error.problem}"]
    keys = [key for key in store.snapshot() if key.startswith("log/")]
    world.counts |= Counter(
        {
            "acknowledged": len(told.acknowledged),
            "claims": len(told.claims),
            "entries": len(keys),
            "checkpoints": len(keys) // 64,
            "fences": sum(b'"kind":"fence"' in data for data in store.snapshot().values()),
            "reads": len(told.reads),
            "refused": len(told.refused),
        }
    )
    return Episode(seed=seed, violations=found, counts=world.counts, hash=world.hash)


@contextmanager
def one_core() -> Generator[None, None, None]:
    """Threads that take turns lose most of their time by moving between cores."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {sorted(allowed)[os.getpid() % len(allowed)]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)
