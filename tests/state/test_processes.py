"""Real processes on real stores, killed and stopped at any moment, lose nothing that was sealed."""

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from drsync.clock import SystemClock
from drsync.state.log import CommitLog
from drsync.stores.open import open_store
from tests.fakes.seaweed import seaweed_s3
from tests.state.contenders import KEY, POLICY

__all__ = ["seaweed_s3"]

ROOT = Path(__file__).parents[2]
LASTS_S = 12.0
RACERS = 4


class Race:
    """Racers that are started again when they are killed; what each said is in a file of its own."""

    def __init__(self, url: str, folder: Path) -> None:
        self.counts: Counter[str] = Counter()
        self._url = url
        self._folder = folder
        self._running: dict[int, subprocess.Popen[bytes]] = {}

    def start(self, lane: int) -> None:
        self.counts["started"] += 1
        name = f"p{self.counts['started']}"
        with (self._folder / name).open("wb") as said:
            command = [sys.executable, "-m", "tests.state.racer", self._url, name]
            self._running[lane] = subprocess.Popen(command, stdout=said, cwd=ROOT)

    def kill(self, lane: int) -> None:
        self.counts["killed"] += 1
        self._running[lane].kill()
        self._running.pop(lane).wait()

    def stop_for(self, lane: int, seconds: float) -> None:
        self.counts["stopped"] += 1
        self._running[lane].send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        self._running[lane].send_signal(signal.SIGCONT)

    def end(self) -> list[list[str]]:
        for lane in list(self._running):
            self.kill(lane)
        return [line.split() for path in self._folder.iterdir() for line in path.read_text().splitlines()]


@pytest.fixture(params=["directory", "s3"])
def url(request, tmp_path, monkeypatch):
    """A store that processes can share: a directory, and an S3 server that others wrote."""
    if request.param == "directory":
        (tmp_path / "store").mkdir()
        return f"file://{tmp_path}/store"
    site = request.getfixturevalue("seaweed_s3")
    site.enter(monkeypatch, tmp_path)
    return site.url(site.make_bucket(), "dr")


def run_race(url: str, folder: Path) -> tuple[Race, list[list[str]]]:
    dice = random.Random(7)  # noqa: S311 - when to kill
    race = Race(url, folder)
    for lane in range(RACERS):
        race.start(lane)
    ends = time.monotonic() + LASTS_S
    while time.monotonic() < ends:
        time.sleep(dice.uniform(0.3, 1.2))
        lane = dice.randrange(RACERS)
        if dice.random() < 0.3:
            race.stop_for(lane, 1.5)
        else:
            race.kill(lane)
            race.start(lane)
    return race, race.end()


@pytest.mark.slow
def test_processes_that_are_killed_and_stopped_lose_nothing_and_seal_nothing_twice(url, tmp_path, capsys):
    (tmp_path / "said").mkdir()

    race, said = run_race(url, tmp_path / "said")

    history = CommitLog(open_store(url, clock=SystemClock()), POLICY, key=KEY).read()
    there = {sealed.point.id: sealed.sequence for sealed in history.points}
    begun = {words[1] for words in said if words[0] == "begins"}
    sealed = {words[1]: int(words[2]) for words in said if words[0] == "sealed" and len(words) == 3}
    with capsys.disabled():
        print(f"\n{dict(race.counts)}, {len(sealed)} sealed, epoch {history.epoch}")  # noqa: T201 - the figures
    assert {point: there.get(point) for point in sealed} == sealed
    assert set(there) <= begun
    assert len(sealed) >= 30, "void: too little happened"
    assert race.counts["killed"] >= 8, "void: too few were killed"
