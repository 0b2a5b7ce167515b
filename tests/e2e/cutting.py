"""Taking cuts in tests, and getting in between their requests."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import urllib3

from drsync.clock import Cancellation, SystemClock
from drsync.kube.client import KubeClient
from drsync.kube.connect import connect
from drsync.kube.cut import Cut, ListWant, take_cut
from drsync.model.policy import ClusterTarget
from drsync.model.resource import ResourceKind


class Interposed:
    """Stands between a client and its transport: notes paths, and does something before a chosen request."""

    def __init__(self, client: KubeClient) -> None:
        self._inner = client._wire._transport
        self.paths: list[str] = []
        self.before: Callable[[str], None] = lambda _: None
        client._wire._transport = self

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    def urlopen(self, method: str, path: str, **keywords: object) -> urllib3.BaseHTTPResponse:
        self.paths.append(path)
        self.before(path)
        return self._inner.urlopen(method, path, **keywords)


@contextmanager
def opened(kubeconfig: Path, *, connections: int = 8) -> Iterator[KubeClient]:
    with connect(ClusterTarget(name="it", kubeconfig=str(kubeconfig)), connections=connections) as client:
        yield client


def cut_of(client: KubeClient, *wants: ListWant) -> Cut:
    return take_cut(client, wants, clock=SystemClock(), cancel=Cancellation())


def names(cut: Cut, of: ResourceKind, namespace: str = "") -> set[str]:
    found = (each for listing in cut.listings if listing.kind == of for each in listing.objects)
    return {each.name for each in found if not namespace or each.namespace == namespace}


@contextmanager
def writing(step: Callable[[int], None]) -> Iterator[Callable[[], int]]:
    """Runs `step(0)`, `step(1)`, … in a thread; yields how many are done."""
    done, ended = [0], threading.Event()

    def run() -> None:
        while not ended.is_set():
            step(done[0])
            done[0] += 1

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield lambda: done[0]
    finally:
        ended.set()
        thread.join()
