"""Who may act on a scope: one object, changed by compare-and-swap alone and never deleted.

A lease saves work, it does not make anything safe: that is the log's part. No wall clock is
compared. A holder counts from just before it sent its last good renewal, less a margin; a
watcher counts on its own clock for how long the object stood still.
"""

import threading
import uuid
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

from drsync.clock import Cancellation, Clock
from drsync.errors import AlreadyRunning, DrsyncError, Interrupted, LeaseLost
from drsync.model.epoch import Epoch
from drsync.state.holder import Holder, is_gone
from drsync.state.lease_document import LeaseDocument, LeaseState, Seen, lease_key, read_lease, write_lease
from drsync.stores.object_store import ObjectStore

__all__ = [
    "TTL",
    "Bid",
    "HeldLease",
    "LeaseDocument",
    "LeaseState",
    "Seen",
    "acquire",
    "lease_key",
    "read_lease",
]

TTL: Final = timedelta(seconds=30)
MARGIN_SHARE: Final = 6
"""A holder stops a sixth of the ttl early: 5 s of 30."""
RENEWALS: Final = 3
"""Renewals in one ttl."""
LOOKS: Final = 15
"""Looks of a watcher in one ttl."""
PATIENCE_S: Final = 5.0
"""How long an end waits for a renewal that is under way."""
LOST_RACES: Final = 16
"""Races for a free lease that one attempt may lose before it says that others are faster."""


def acquire(
    store: ObjectStore, scope: str, holder: Holder, *, clock: Clock, cancel: Cancellation, ttl: timedelta = TTL
) -> "HeldLease":
    """Takes the lease, waiting at most for a dead holder's two ttls to pass.

    Raises AlreadyRunning as soon as a holder is seen to renew, LeaseLost never.
    """
    bid = Bid(store=store, scope=scope, holder=holder, clock=clock, cancel=cancel, ttl=ttl)
    return bid.take()


@dataclass(slots=True, kw_only=True)
class Bid:
    """One attempt to take a lease."""

    store: ObjectStore
    scope: str
    holder: Holder
    clock: Clock
    cancel: Cancellation
    ttl: timedelta
    floor: int = 0
    """The highest epoch that the scope's log tells of; a lease that vanished must not begin below it."""
    _watched: str | None = field(default=None, init=False)
    _since_s: float = field(default=0.0, init=False)

    def take(self) -> "HeldLease":
        lost = 0
        while lost < LOST_RACES:
            self.cancel.check()
            seen = read_lease(self.store, self.scope)
            if seen and not self._is_free(seen):
                self._watch(seen)
            elif taken := self._write(seen):
                return taken
            else:
                lost += 1
        raise AlreadyRunning(
            f"Others took the lease of {self.scope} {LOST_RACES} times while this run asked for it.",
            remedy="run the same command again, or fewer of them at once",
        )

    def _is_free(self, seen: Seen) -> bool:
        document = seen.document
        if document.state is LeaseState.RELEASED or document.holder.owner == self.holder.owner:
            return True
        return is_gone(document.holder, seen_by=self.holder) or self._stood_still(seen)

    def _stood_still(self, seen: Seen) -> bool:
        wait_s = 2 * seen.document.ttl_s
        return self._watched == seen.version and self.clock.boot_s() - self._since_s >= wait_s

    def _watch(self, seen: Seen) -> None:
        if self._watched is None:
            # From after the read: the holder may have renewed while it was under way.
            self._watched, self._since_s = seen.version, self.clock.boot_s()
        elif self._watched != seen.version:
            raise _already_running(seen.document)
        self.clock.sleep(seen.document.ttl_s / LOOKS, self.cancel)

    def _write(self, seen: Seen | None) -> "HeldLease | None":
        """None when someone else was faster."""
        document = self._document(seen)
        sent_s = self.clock.boot_s()
        version = write_lease(self.store, document, version=seen.version if seen else None)
        if version is None:
            return None
        return HeldLease(self.store, Seen(document, version), clock=self.clock, sent_s=sent_s)

    def _document(self, seen: Seen | None) -> LeaseDocument:
        before = seen.document if seen else None
        vanished = before.fence_due or before.state is LeaseState.HELD if before else self.floor > 0
        return LeaseDocument(
            scope=self.scope,
            epoch=max(before.epoch if before else 0, self.floor) + 1,
            nonce=uuid.uuid4().hex,
            ttl_s=self.ttl.total_seconds(),
            sequence=0,
            state=LeaseState.HELD,
            fence_due=vanished,
            holder=self.holder,
        )


class HeldLease:
    """A lease while it is held. Safe to use from several threads."""

    def __init__(self, store: ObjectStore, seen: Seen, *, clock: Clock, sent_s: float) -> None:
        self._store = store
        self._seen = seen
        self._clock = clock
        self._turn = threading.Lock()
        self._lost = False
        self._in_doubt: Callable[[], bool] = bool
        self._deadline_s = self._deadline(sent_s)

    @property
    def scope(self) -> str:
        return self._seen.document.scope

    @property
    def epoch(self) -> Epoch:
        return Epoch(lease=self._seen.document.epoch)

    @property
    def fence_due(self) -> bool:
        """Whether an earlier holder vanished without a fence record since."""
        return self._seen.document.fence_due

    def guard(self, in_doubt: Callable[[], bool]) -> None:
        """The log is fenced. `in_doubt` says at release whether a write of this holder may still arrive."""
        with self._turn:
            self._in_doubt = in_doubt
            self._seen = replace(self._seen, document=replace(self._seen.document, fence_due=False))

    def check(self) -> None:
        """Raises LeaseLost once nothing new may be started."""
        if self._clock.boot_s() >= self._deadline_s:
            self._lost = True
        if self._lost:
            raise _lost(self.scope)

    def renew(self) -> None:
        """Raises LeaseLost when another took it, StoreUnreachable when nobody can tell."""
        with self._turn:
            if self._lost:
                raise _lost(self.scope)
            sent_s = self._write(LeaseState.HELD)
            if sent_s is None:
                self._lost = True
                raise _lost(self.scope)
            self._deadline_s = self._deadline(sent_s)

    def release(self) -> bool:
        """Lets the next run start at once. False: the store did not hear it, or another has the lease."""
        self._lost = True
        if not self._turn.acquire(timeout=PATIENCE_S):
            return False
        try:
            return self._write(LeaseState.RELEASED) is not None
        except DrsyncError:
            return False  # A run ends as it ended; the next one meets the same trouble and says so.
        finally:
            self._turn.release()

    @contextmanager
    def keep_alive(self, cancel: Cancellation) -> Generator[None, None, None]:
        """Renews from a thread of its own; cancels with LeaseLost when that fails for too long."""
        stop = Cancellation()
        thread = threading.Thread(target=self._keep, args=(stop, cancel), name=f"lease {self.scope}", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.cancel()
            # A renewal that hangs in a store that is away must not keep the run from ending.
            thread.join(PATIENCE_S)

    def _keep(self, stop: Cancellation, cancel: Cancellation) -> None:
        trouble: DrsyncError | None = None
        try:
            while True:
                # What went wrong once may go well before the deadline: credentials are renewed, networks heal.
                self._clock.sleep(self._seen.document.ttl_s / (LOOKS if trouble else RENEWALS), stop)
                self.check()
                trouble = self._try_to_renew()
        except Interrupted:
            return
        except LeaseLost:
            cancel.cancel(_lost(self.scope, trouble))
        finally:
            # Also when this thread dies of a bug: nobody renews any more.
            if not stop.cancelled:
                cancel.cancel(_lost(self.scope))

    def _try_to_renew(self) -> DrsyncError | None:
        """What kept it from being renewed; raises only LeaseLost."""
        try:
            self.renew()
        except LeaseLost:
            raise
        except DrsyncError as error:
            return error
        return None

    def _write(self, state: LeaseState) -> float | None:
        """When the write that counted was sent; None when the lease is another's by now."""
        for _ in range(RENEWALS):
            document = self._next(state)
            sent_s = self._clock.boot_s()
            version = write_lease(self._store, document, version=self._seen.version)
            if version is not None:
                self._seen = Seen(document, version)
                return sent_s
            now = read_lease(self._store, self.scope)
            if now is None or not self._is_ours(now.document):
                return None
            # An earlier renewal, whose answer was lost, has arrived late.
            self._seen = Seen(replace(now.document, fence_due=self.fence_due), now.version)
        return None

    def _is_ours(self, document: LeaseDocument) -> bool:
        mine = self._seen.document
        return (document.holder.owner, document.epoch, document.state) == (
            mine.holder.owner,
            mine.epoch,
            LeaseState.HELD,
        )

    def _next(self, state: LeaseState) -> LeaseDocument:
        document = self._seen.document
        return replace(
            document,
            state=state,
            sequence=document.sequence + 1,
            nonce=uuid.uuid4().hex,
            fence_due=document.fence_due or (state is LeaseState.RELEASED and self._in_doubt()),
        )

    def _deadline(self, sent_s: float) -> float:
        ttl_s = self._seen.document.ttl_s
        return sent_s + ttl_s - ttl_s / MARGIN_SHARE


def _already_running(document: LeaseDocument) -> AlreadyRunning:
    holder = document.holder
    return AlreadyRunning(
        f"Run {holder.run} on {holder.host} (site {holder.site}, pid {holder.pid}) is at work on {document.scope}.",
        remedy="wait for it to end; if it hangs, end that process and run the same command again",
    )


def _lost(scope: str, trouble: DrsyncError | None = None) -> LeaseLost:
    if trouble:
        return LeaseLost(f"The lease of {scope} could not be renewed in time: {trouble.problem}", remedy=trouble.remedy)
    return LeaseLost(
        f"This run no longer holds the lease of {scope}.",
        remedy="run the same command again; what was sealed is safe, and what was uploaded is used again",
    )
