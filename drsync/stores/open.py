"""Opens a store by its address: the driver for it, in the wrappers that every caller needs."""

from dataclasses import dataclass

from drsync.clock import Cancellation, Clock
from drsync.stores.address import FileUrl, S3Url, StoreUrl, parse_url
from drsync.stores.drivers.file import FileStore
from drsync.stores.object_store import ObjectStore
from drsync.stores.wrappers.prefix import Prefixed
from drsync.stores.wrappers.retry import Patience, Retrying
from drsync.stores.wrappers.throttle import Throttled

__all__ = ["FileUrl", "S3Url", "StoreOptions", "StoreUrl", "open_store", "parse_url"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreOptions:
    """How hard a store may be worked, and how long it is waited for."""

    parallel: int = 8
    upload_mib_s: int | None = None
    attempts: int = 5
    budget_s: float = 60


_DEFAULT = StoreOptions()


def open_store(
    url: str, *, clock: Clock, options: StoreOptions = _DEFAULT, cancel: Cancellation | None = None
) -> ObjectStore:
    """Sends nothing yet. Raises UserError for an address that is wrong."""
    address = parse_url(url)
    driver = _driver(address, clock=clock, parallel=options.parallel)
    throttled = Throttled(
        driver, clock=clock, parallel=options.parallel, upload_mib_s=options.upload_mib_s, cancel=cancel
    )
    patience = Patience(attempts=options.attempts, budget_s=options.budget_s)
    retrying = Retrying(throttled, clock=clock, patience=patience, cancel=cancel)
    prefix = address.prefix if isinstance(address, S3Url) else ""
    return Prefixed(retrying, prefix) if prefix else retrying


def _driver(address: StoreUrl, *, clock: Clock, parallel: int) -> ObjectStore:
    if isinstance(address, FileUrl):
        return FileStore(address.directory, clock=clock)
    # boto3 takes a third of a second to import; only who uses S3 pays for it.
    from drsync.stores.drivers.s3 import S3Store  # noqa: PLC0415
    from drsync.stores.drivers.s3_client import S3Asker  # noqa: PLC0415

    return S3Store(address, asker=S3Asker(address, clock=clock, connections=parallel), clock=clock)
