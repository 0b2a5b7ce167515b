"""Runs one sandbox server: in this process until told to stop, or in a thread for tests."""

import asyncio
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from drsync.sandbox.cluster import Cluster
from drsync.sandbox.server import ApiServer

LOOPBACK = "127.0.0.1"
_READY_S = 20
_TEST_TOKEN = "sandbox-token-of-a-test"  # noqa: S105


@dataclass(frozen=True, slots=True)
class Served:
    """A server that answers now."""

    url: str
    token: str
    cluster: Cluster
    loop: asyncio.AbstractEventLoop

    def compact(self) -> int:
        """Forgets all history, as a compaction does; returns the oldest revision that is still known."""

        async def forget() -> int:
            self.cluster.storage.compact(self.cluster.storage.revision)
            return self.cluster.storage.compacted

        return asyncio.run_coroutine_threadsafe(forget(), self.loop).result(_READY_S)


async def serve(
    cluster: Cluster, listener: socket.socket, token: str, stop: asyncio.Event, *, compact_every_s: float = 300
) -> None:
    """Answers on the socket until `stop` is set; then closes the cluster."""
    runner = web.ServerRunner(web.Server(ApiServer(cluster, token=token).handle, access_log=None), shutdown_timeout=1)
    await runner.setup()
    tasks = [asyncio.create_task(cluster.controllers.run()), asyncio.create_task(_forget(cluster, compact_every_s))]
    try:
        await web.SockSite(runner, listener).start()
        await stop.wait()
    finally:
        for task in tasks:
            task.cancel()
        await runner.cleanup()
        cluster.close()


async def _forget(cluster: Cluster, every_s: float) -> None:
    """As the real server: at each interval, what was known at the last one is compacted."""
    known = cluster.storage.revision
    while True:
        await asyncio.sleep(every_s)
        cluster.storage.compact(known)
        known = cluster.storage.revision


def listen(port: int = 0) -> socket.socket:
    """A loopback socket; a port of 0 takes a free one."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((LOOPBACK, port))
    listener.listen(128)
    return listener


@contextmanager
def serve_in_thread(directory: Path, *, token: str = _TEST_TOKEN) -> Generator[Served]:
    """A server for the length of a test."""
    listener = listen()
    url = f"http://{LOOPBACK}:{listener.getsockname()[1]}"
    ready = threading.Event()
    found: list[Served] = []
    stops: list[asyncio.Event] = []

    async def run() -> None:
        stop = asyncio.Event()
        cluster = Cluster(directory)
        found.append(Served(url, token, cluster, asyncio.get_running_loop()))
        stops.append(stop)
        ready.set()
        await serve(cluster, listener, token, stop)

    def live() -> None:
        try:
            asyncio.run(run())
        finally:
            listener.close()
            ready.set()

    thread = threading.Thread(target=live, name="sandbox", daemon=True)
    thread.start()
    if not ready.wait(_READY_S) or not found:
        raise RuntimeError(f"the sandbox in {directory} did not start")
    try:
        yield found[0]
    finally:
        found[0].loop.call_soon_threadsafe(stops[0].set)
        thread.join(_READY_S)
