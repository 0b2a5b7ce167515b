"""Beginning to act on a policy: its lease, and the fence that silences a holder who vanished."""

from datetime import timedelta

from drsync.clock import Cancellation, Clock
from drsync.errors import DrsyncError
from drsync.state.entries import FenceBody
from drsync.state.holder import Holder
from drsync.state.lease import TTL, Bid, HeldLease
from drsync.state.log import CommitLog
from drsync.stores.object_store import ObjectStore


def claim(
    store: ObjectStore, log: CommitLog, holder: Holder, *, clock: Clock, cancel: Cancellation, ttl: timedelta = TTL
) -> HeldLease:
    """Takes the lease of the log's policy; `store` is the one that keeps leases.

    When an earlier holder vanished, a fence record is in the log before this returns: whatever
    that holder still sends comes too late. Entries are to be appended through this very `log`: it
    knows whether one of them may still be under way when the lease is released. Raises
    AlreadyRunning (11).
    """
    before = log.read()
    bid = Bid(
        store=store,
        scope=log.policy,
        holder=holder,
        clock=clock,
        cancel=cancel,
        ttl=ttl,
        floor=before.epoch.lease,
    )
    lease = bid.take()
    try:
        if lease.fence_due:
            log.append(FenceBody(reason="an earlier holder vanished"), epoch=lease.epoch, now=clock.now())
    except DrsyncError:
        lease.release()
        raise
    lease.guard(lambda: log.in_doubt)
    return lease
