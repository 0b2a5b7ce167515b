"""`make bench`: the figures that drsync promises, each as a ratio against a peer in the same run.

Prints one line a figure and fails when one is missed, unless docs/performance.md records the miss
(a line that begins with `Missed: NAME`). `--only NAME` measures less, `--objects N` makes it shorter.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench import load, measure
from tests.e2e.cluster import Cluster
from tests.e2e.site import Site

_ROOT = Path(__file__).parents[1]
_MISSES = _ROOT / "docs" / "performance.md"
_ROUNDS = 3
_HELP_ROUNDS = 9
_POLICY = "load"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One promise, and what was measured."""

    name: str
    measured: float
    limit: float
    unit: str
    at_most: bool = True
    note: str = ""

    @property
    def kept(self) -> bool:
        return self.measured <= self.limit if self.at_most else self.measured >= self.limit

    def __str__(self) -> str:
        sign = "≤" if self.at_most else "≥"
        word = "ok    " if self.kept else "MISSED"
        text = f"{word} {self.name:<28} {self.measured:>9.3f} {self.unit:<6} {sign} {self.limit:.3f}"
        return f"{text}  {self.note}".rstrip()


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--only", choices=("help", "capture", "restore"))
    options.add_argument("--objects", type=int, default=20_000, help="objects of the capture; a restore takes half")
    chosen = options.parse_args()
    figures: list[Figure] = []
    for figure in _figures(chosen.only, chosen.objects):
        print(figure, flush=True)
        figures.append(figure)
    recorded = _MISSES.read_text() if _MISSES.exists() else ""
    missed = [f.name for f in figures if not f.kept and f"Missed: {f.name}" not in recorded]
    if missed:
        print(f"missed and not recorded in docs/performance.md: {', '.join(missed)}")
    return 1 if missed else 0


def _figures(only: str | None, objects: int) -> Iterator[Figure]:
    if only in (None, "help"):
        yield _help()
    if only == "help":
        return
    with load.two_clusters() as (primary, standby, folder):
        if only in (None, "capture"):
            yield from _capture(primary, folder, objects)
        if only in (None, "restore"):
            yield from _restore(primary, standby, folder, objects // 2)


def _help() -> Figure:
    command = [sys.executable, "-m", "drsync", "--help"]
    env = {"PYTHONPATH": str(_ROOT)}
    runs = [measure.run(command, env=env, cwd=_ROOT).seconds for _ in range(_HELP_ROUNDS + 1)]
    # The first one may have to compile.
    return Figure(name="help", measured=statistics.median(runs[1:]) * 1000, limit=150, unit="ms")


def _capture(primary: Cluster, folder: Path, objects: int) -> Iterator[Figure]:
    namespace = primary.create_namespace("load")
    load.create(primary, namespace, objects)
    to_seal, over, curls, whole, peaks = [], [], [], [], []
    lists: list[str] = []
    for number in range(_ROUNDS):
        site = _site(folder / f"capture-{number}", namespace, primary=primary)
        began = datetime.now(UTC)
        done = _backup(site)
        asked = [request for request in load.requests(primary, after=began) if request.verb == "list"]
        lists = [request.uri for request in asked]
        sealed_at = datetime.fromtimestamp(_newest_entry(site).lstat().st_mtime, UTC)
        curls.append(measure.timed(partial(load.curl, primary, lists)))
        to_seal.append((sealed_at - asked[0].began).total_seconds())
        over.append(done.seconds - to_seal[-1])
        whole.append(done.seconds)
        peaks.append(done.peak_mib)
    base = statistics.median(curls)
    told = f"{statistics.median(to_seal):.2f} s, curl {base:.2f} s for the same {len(lists)} lists"
    ratio = statistics.median([mine / theirs for mine, theirs in zip(to_seal, curls, strict=True)])
    yield Figure(name="capture-to-seal", measured=ratio, limit=2, unit="x curl", note=told)
    took = f"{statistics.median(whole):.2f} s in all"
    yield Figure(name="capture-command", measured=statistics.median(over), limit=1, unit="s more", note=took)
    yield Figure(name="capture-memory", measured=max(peaks), limit=300, unit="MiB")
    yield from _unchanged(site)


def _unchanged(site: Site) -> Iterator[Figure]:
    """A second capture of what the first one has."""
    before = _state(site.store_folder)
    done = _backup(site)
    added = [key for key, stamp in _state(site.store_folder).items() if before.get(key) != stamp]
    written = json.loads(done.out).get("requests", {})
    repo = [key for key in added if key.startswith("repo/")]
    yield Figure(name="unchanged-repo-objects", measured=len(repo), limit=10, unit="keys", note=f"{done.seconds:.2f} s")
    # Keys that are written several times count once in the folder, so requests are counted where they are told.
    calls = sum(count for call, count in written.items() if call in ("create", "replace", "delete"))
    others = max(len(added) - len(repo), calls - len(repo))
    yield Figure(name="unchanged-other-writes", measured=others, limit=30, unit="writes")


def _restore(primary: Cluster, standby: Cluster, folder: Path, objects: int) -> Iterator[Figure]:
    namespace = primary.create_namespace("small")
    load.create(primary, namespace, objects)
    site = _site(folder / "restore", namespace, primary=primary, standby=standby)
    _backup(site)
    mine, theirs, whole = [], [], []
    for number in range(_ROUNDS):
        bare = standby.create_namespace("bare")
        theirs.append(objects / measure.timed(partial(load.create, standby, bare, objects)))
        began = datetime.now(UTC)
        done = _run(
            site, "restore", f"{_POLICY}@latest", "--to", "standby", "--map-namespace", f"{namespace}=r{number}"
        )
        made = [r for r in load.requests(standby, after=began) if r.verb == "create" and "/configmaps" in r.uri]
        mine.append(len(made) / (max(r.ended for r in made) - min(r.began for r in made)).total_seconds())
        whole.append(done.seconds)
    ratio = statistics.median([a / b for a, b in zip(mine, theirs, strict=True)])
    note = (
        f"{statistics.median(mine):,.0f}/s, bare loop {statistics.median(theirs):,.0f}/s, "
        f"whole command {statistics.median(whole):.1f} s"
    )
    yield Figure(name="restore-rate", measured=ratio, limit=0.8, unit="x bare", at_most=False, note=note)


def _site(folder: Path, namespace: str, *, primary: Cluster, standby: Cluster | None = None) -> Site:
    site = Site(folder)
    site.add_cluster("primary", primary)
    if standby:
        site.add_cluster("standby", standby)
    site.protect(_POLICY, [namespace], standbys=[{"cluster": "standby"}] if standby else [])
    site.init()
    return site


def _backup(site: Site) -> measure.Measured:
    return _run(site, "backup", _POLICY)


def _run(site: Site, *args: str) -> measure.Measured:
    done = measure.run([sys.executable, "-m", "drsync", *args, "-q", "-o", "json"], env=site.env, cwd=site.folder)
    if done.code:
        raise RuntimeError(f"drsync {' '.join(args)}: exit {done.code}\n{done.out[-2000:]}\n{done.err[-2000:]}")
    return done


def _newest_entry(site: Site) -> Path:
    return max(site.store_folder.glob(f"log/{_POLICY}/*"), key=lambda path: path.name)


def _state(folder: Path) -> dict[str, int]:
    """Every key, and when it was written. A key is a link to a hidden file beside it."""
    links = (path for path in folder.rglob("*") if path.is_symlink())
    return {str(path.relative_to(folder)): path.lstat().st_mtime_ns for path in links}


if __name__ == "__main__":
    sys.exit(main())
