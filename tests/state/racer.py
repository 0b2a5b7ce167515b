"""A process that claims and commits on a real store until it is killed: `python -m tests.state.racer URL NAME`.

It says what it is about to write, and what was acknowledged, one line each.
"""

import itertools
import random
import sys
from datetime import timedelta

from drsync.clock import Cancellation, SystemClock
from drsync.errors import AlreadyRunning, LeaseLost, StoreUnreachable
from drsync.state.claim import claim
from drsync.state.entries import SealedBody
from drsync.state.holder import this_holder
from drsync.state.log import CommitLog
from drsync.stores.open import open_store
from tests.state.contenders import KEY, POLICY, sealed_point

TTL = timedelta(seconds=0.6)


def main(url: str, name: str) -> None:
    clock, cancel = SystemClock(), Cancellation()
    store = open_store(url, clock=clock)
    log = CommitLog(store, POLICY, key=KEY)
    numbers = itertools.count(1)
    while True:
        try:
            lease = claim(store, log, this_holder(name, "here"), clock=clock, cancel=cancel, ttl=TTL)
            say(f"claimed {lease.epoch}")
            try:
                for _ in range(random.randint(1, 20)):  # noqa: S311 - any number will do
                    lease.check()
                    point = f"{name}-{next(numbers)}"
                    say(f"begins {point}")
                    entry = log.append(SealedBody(sealed_point(point)), epoch=lease.epoch, now=clock.now())
                    say(f"sealed {point} {entry.sequence}")
                    if point.endswith("5"):
                        lease.renew()
            finally:
                if random.random() < 0.7:  # noqa: S311 - some forget
                    lease.release()
        except (AlreadyRunning, LeaseLost, StoreUnreachable) as error:
            say(f"stopped {type(error).__name__}")


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
