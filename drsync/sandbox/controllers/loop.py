"""Runs the controllers: after each change, what it may concern is looked at again."""

import asyncio
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial

import msgspec

from drsync.sandbox.answers import ApiError
from drsync.sandbox.controllers import (
    claims,
    collector,
    definitions,
    endpoints,
    namespaces,
    pods,
    stateful,
    workloads,
)
from drsync.sandbox.controllers.control import Control
from drsync.sandbox.storage import Change, ChangeType

_TURN = 10
"""Reconciliations in a row before requests get their turn."""
_AGAIN_S = 0.2
"""After a refusal: often something that is still being made, such as a service account."""
_DISK_AGAIN_S = 2.0
"""After the disk refused; it may have room again."""
_TERMINATING_S = 0.2
"""How long a deleted namespace can be seen dying; a real one takes seconds."""
_COLLECT = "#"
"""Before a resource's name: look at its ownership, not at what it asks for."""
MALFORMED = (
    *(KeyError, TypeError, ValueError, AttributeError, IndexError, ArithmeticError),
    *(RecursionError, msgspec.MsgspecError),
)
"""What an object that the sandbox does not check field by field can make of a controller."""

Item = tuple[str, str]
Reconcile = Callable[[Control, str], None]

_RECONCILE: Mapping[str, Reconcile] = {
    "namespaces": namespaces.reconcile,
    claims.CLAIMS: claims.reconcile_claim,
    claims.VOLUMES: claims.reconcile_volume,
    "pods": pods.reconcile,
    definitions.RESOURCE: definitions.reconcile,
    workloads.DEPLOYMENTS: workloads.reconcile_deployment,
    workloads.DAEMON_SETS: workloads.reconcile_daemon_set,
    workloads.JOBS: workloads.reconcile_job,
    stateful.STATEFUL_SETS: stateful.reconcile,
    endpoints.SERVICES: endpoints.reconcile,
}
_OWNERS = (workloads.REPLICA_SETS, workloads.CONTROLLERS, workloads.DAEMON_SETS, workloads.JOBS, stateful.STATEFUL_SETS)


class Controllers:
    """The queue of what to look at, each thing once."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._dependents = collector.Dependents()
        self._queue: dict[Item, None] = {}
        self._wake = asyncio.Event()

    def follow(self, change: Change) -> None:
        """Takes note of a change; called by the store."""
        for item in self._dependents.follow(change):
            self._add(_COLLECT + item[0], item[1])
        for resource, key in self._concerned(change):
            self._add(resource, key)

    async def run(self) -> None:
        """Works until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            done = 0
            while self._queue:
                item = next(iter(self._queue))
                del self._queue[item]
                self._look_at(item)
                done += 1
                if done % _TURN == 0:
                    await asyncio.sleep(0)

    def _add(self, resource: str, key: str) -> None:
        self._queue[resource, key] = None
        self._wake.set()

    def _later(self, seconds: float, item: Item) -> None:
        asyncio.get_running_loop().call_later(seconds, partial(self._add, *item))

    def _look_at(self, item: Item) -> None:
        try:
            self._reconcile(item)
        except ApiError as error:
            if error.code != 404:
                self._later(_AGAIN_S, item)
        except OSError as error:
            sys.stderr.write(f"cannot look after {item[0].removeprefix(_COLLECT)} {item[1]} now: {error}\n")
            self._later(_DISK_AGAIN_S, item)
        except MALFORMED as error:
            sys.stderr.write(f"cannot make sense of {item[0].removeprefix(_COLLECT)} {item[1]}: {error!r}\n")

    def _reconcile(self, item: Item) -> None:
        resource, key = item
        if resource.startswith(_COLLECT):
            resource = resource.removeprefix(_COLLECT)
            if self._control.registry.kinds.of_resource(resource) is not None:
                collector.reconcile(self._control, self._dependents, resource, key)
        elif resource in (workloads.REPLICA_SETS, workloads.CONTROLLERS):
            workloads.reconcile_replicas(self._control, resource, key)
        else:
            _RECONCILE[resource](self._control, key)

    def _concerned(self, change: Change) -> Iterator[Item]:
        resource, key = change.resource, change.key
        if resource == "namespaces" and change.stored.head().metadata.deletionTimestamp:
            self._later(_TERMINATING_S, (resource, key))
        elif resource in _RECONCILE or resource in _OWNERS:
            yield resource, key
        namespace = key.rpartition("/")[0]
        match resource:
            case "pods":
                yield from self._owners_of(change, *_OWNERS)
                yield from self._all(endpoints.SERVICES, namespace)
                if change.type is not ChangeType.MODIFIED:
                    yield from self._all(claims.CLAIMS, namespace)
            case workloads.REPLICA_SETS:
                yield from self._owners_of(change, workloads.DEPLOYMENTS)
            case claims.CLAIMS:
                yield from self._all("pods", namespace)
                yield from self._all(claims.VOLUMES)
            case claims.VOLUMES | claims.CLASSES:
                yield from self._all(claims.CLAIMS)
            case _:
                pass
        yield from self._namespace_of(change, namespace)

    def _namespace_of(self, change: Change, namespace: str) -> Iterator[Item]:
        """A namespace that loses something may be empty now, or miss what it always has."""
        if change.type is ChangeType.ADDED or not self._control.registry.storage.get("namespaces", namespace):
            return
        if change.type is ChangeType.DELETED or change.stored.head().metadata.deletionTimestamp:
            yield "namespaces", namespace
            if "." in change.resource:
                yield from ((definitions.RESOURCE, key) for key in self._definitions(change.resource))

    def _definitions(self, resource: str) -> list[str]:
        storage = self._control.registry.storage
        return [resource] if storage.get(definitions.RESOURCE, resource) is not None else []

    def _owners_of(self, change: Change, *resources: str) -> Iterator[Item]:
        namespace = change.key.rpartition("/")[0]
        manifest = change.stored.manifest()
        storage = self._control.registry.storage
        for owner in manifest["metadata"].get("ownerReferences") or ():
            for resource in resources:
                key = f"{namespace}/{owner.get('name')}"
                if storage.get(resource, key) is not None:
                    yield resource, key
        if not manifest["metadata"].get("ownerReferences"):
            for resource in resources:
                yield from self._all(resource, namespace)

    def _all(self, resource: str, namespace: str = "") -> list[Item]:
        keys = self._control.registry.storage.keys(resource)
        return [(resource, key) for key in keys if not namespace or key.startswith(f"{namespace}/")]
