"""Whatever clocks, pauses, lost answers and crashes do: what was acknowledged is there, and nothing else."""

import os

import pytest

from tests.state.episode import Tally, one_core, play
from tests.state.weakened import VARIANTS

FIRST = int(os.environ.get("DRSYNC_FIRST_SEED", "0"))
SEEDS = int(os.environ.get("DRSYNC_SEEDS", "2000"))


@pytest.fixture(autouse=True)
def _one_core():
    with one_core():
        yield


def _play_all(count: int) -> Tally:
    tally = Tally()
    for seed in range(FIRST, FIRST + count):
        episode = play(seed)
        assert not episode.violations, f"seed {seed}: {episode.violations}"
        tally.add(episode)
    return tally


def test_a_few_seeds_lose_nothing_and_show_nothing_unexpected():
    tally = _play_all(20)

    assert not tally.too_little(), f"void, too little happened: {tally.too_little()}"


@pytest.mark.slow
def test_thousands_of_seeds_lose_nothing_and_show_nothing_unexpected(capsys):
    tally = _play_all(SEEDS)

    with capsys.disabled():
        print(f"\n{tally}")  # noqa: T201 - the figures are the result
    assert tally.counts["checkpoints"] >= SEEDS // 50, "void: too few logs passed a checkpoint"
    assert not tally.too_little(), f"void, too little happened: {tally.too_little()}"


def test_the_same_seed_gives_the_same_trace():
    assert play(11).hash == play(11).hash != play(12).hash


@pytest.mark.slow
@pytest.mark.parametrize("name", VARIANTS)
def test_the_checker_catches(name, capsys):
    variant = VARIANTS[name]

    for seed in range(FIRST, FIRST + SEEDS):
        found = [line for line in play(seed, variant).violations if line.startswith(variant.shows)]
        if found:
            break
    else:
        pytest.fail(f"{SEEDS} seeds show no {variant.shows}")

    with capsys.disabled():
        print(f"\n{name}: seed {seed}: {found[0]}")  # noqa: T201 - the seed is the result
