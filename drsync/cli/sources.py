"""Where a command reads from: policy files and the stores that they name, or one store alone."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from drsync.cli.options import Call
from drsync.engine.opening import OpenedStore, config_in_store, find_policy, opened_store, read_config, store_of
from drsync.errors import DrsyncError, NotFound, UserError
from drsync.model.policy import BackupStore, Config, ProtectionPolicy
from drsync.state.log import CommitLog, policies


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A store that was opened, and the policies whose points it holds."""

    name: str
    opened: OpenedStore
    config: Config


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A store that could not be opened; unknown is never green."""

    name: str
    config: Config
    error: DrsyncError


def config_of(call: Call) -> Config:
    """Policy files, for commands that need no store."""
    if call.from_store:
        with opened_store(call.from_store, call.settings, call.clock) as opened:
            return config_in_store(opened, call.settings)
    return read_config(call.settings)


@contextmanager
def policy_source(call: Call, policy: str) -> Generator[tuple[Source, ProtectionPolicy]]:
    """The store of one policy. Raises NotFound."""
    if call.from_store:
        with opened_store(call.from_store, call.settings, call.clock) as opened:
            config = config_in_store(opened, call.settings)
            yield Source(name=call.from_store, opened=opened, config=config), find_policy(config, policy)
        return
    config = read_config(call.settings)
    found = find_policy(config, policy)
    spec = store_of(config, found)
    with opened_store(spec.url, call.settings, call.clock, spec) as opened:
        yield Source(name=spec.name, opened=opened, config=config), found


@contextmanager
def point_source(call: Call, reference: str) -> Generator[Source]:
    """The store that holds a point: `rp-…` is looked for in every store, POLICY@… in the policy's own."""
    policy, at, _ = reference.partition("@")
    if at and not call.from_store:
        with policy_source(call, policy) as (source, _):
            yield source
        return
    for spec_name, url, spec in store_specs(call):
        with opened_store(url, call.settings, call.clock, spec) as opened:
            config = config_in_store(opened, call.settings) if call.from_store else read_config(call.settings)
            if at or _holds(opened, reference):
                yield Source(name=spec_name, opened=opened, config=config)
                return
    raise NotFound(f"No store holds a point {reference}.", remedy="`drsync get points` lists the points that there are")


def _holds(opened: OpenedStore, reference: str) -> bool:

    for name in policies(opened.store):
        points = CommitLog(opened.store, name, key=opened.log_key).read().points
        if any(p.point.id.startswith(reference) for p in points):
            return True
    return False


def each_source(call: Call) -> Iterator[Source | Unreadable]:
    """Every store, one after the other; one that cannot be read is told, not skipped."""
    config = Config() if call.from_store else read_config(call.settings)
    for name, url, spec in store_specs(call):
        try:
            with opened_store(url, call.settings, call.clock, spec) as opened:
                yield Source(
                    name=name,
                    opened=opened,
                    config=config_in_store(opened, call.settings) if call.from_store else config,
                )
        except DrsyncError as error:
            if call.from_store:
                raise
            yield Unreadable(name=name, config=config, error=error)


def store_specs(call: Call) -> list[tuple[str, str, BackupStore | None]]:
    """(name, URL, spec) of the stores in question. Raises UserError when there is none."""
    if call.from_store:
        return [(call.from_store, call.from_store, None)]
    stores = read_config(call.settings).stores
    if not stores:
        raise UserError(
            f"No policy files in {call.settings.config_dir}, and no store is named.",
            remedy="name the policy files with --config PATH, or a store with --from-store URL",
        )
    return [(spec.name, spec.url, spec) for spec in stores.values()]
