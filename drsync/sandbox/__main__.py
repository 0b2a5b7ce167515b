"""`python -m drsync.sandbox FOLDER`: serves the cluster of one folder until it is told to end."""

import argparse
import asyncio
import fcntl
import signal
import socket
import sys
from pathlib import Path

from drsync.errors import DrsyncError
from drsync.sandbox.cluster import Cluster
from drsync.sandbox.process import last_port, token, write_record
from drsync.sandbox.serving import listen, serve


def main() -> int:
    """Serves; the folder is this process's alone."""
    parser = argparse.ArgumentParser(prog="drsync.sandbox", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--compact-every", type=float, default=300, metavar="SECONDS")
    asked = parser.parse_args()
    with (asked.folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.stderr.write(f"another process serves {asked.folder} already\n")
            return 1
        try:
            asyncio.run(_serve(asked.folder, asked.compact_every))
        except DrsyncError as error:
            sys.stderr.write(f"{error}\n")
            return error.exit_code
    return 0


async def _serve(folder: Path, compact_every_s: float) -> None:
    stop = asyncio.Event()
    for sent in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sent, stop.set)
    cluster = Cluster(folder)
    listener = _listen(last_port(folder))
    write_record(folder, listener.getsockname()[1])
    await serve(cluster, listener, token(folder), stop, compact_every_s=compact_every_s)


def _listen(port: int) -> socket.socket:
    """The port of the last time, so that kubeconfigs stay true; a free one when someone took it."""
    try:
        return listen(port)
    except OSError:
        return listen()


if __name__ == "__main__":
    sys.exit(main())
