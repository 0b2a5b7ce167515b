"""Make sure that the namespaces are there, and are not on their way out."""

from typing import Any, Final

import msgspec

from drsync.clock import Deadline
from drsync.engine.observe import NAMESPACES
from drsync.engine.restore_inputs import RestoreInputs
from drsync.engine.world import Work
from drsync.errors import DeadlineExceeded, ObjectExists
from drsync.model.manifest import entries, manifest_of, section
from drsync.model.resource import Manifest, ResourceObject
from drsync.model.step import EnsureNamespaces
from drsync.resources.sanitise import sanitise

_POLL_S: Final = 0.5


def ensure_namespaces(_step: EnsureNamespaces, work: Work[RestoreInputs], deadline: Deadline) -> dict[str, Any]:
    """A namespace that is being deleted is waited for, never stripped of its finalizers."""
    made: list[str] = []
    for name, captured in work.inputs.namespaces.items():
        if _wait_while_terminating(name, work, deadline) is None:
            _create(name, captured, work)
            made.append(name)
    there = len(work.inputs.namespaces)
    return {"words": f"{there} namespaces, {len(made)} created", "created": made}


def _wait_while_terminating(name: str, work: Work[RestoreInputs], deadline: Deadline) -> ResourceObject | None:
    world = work.world
    while True:
        there = world.cluster.get(NAMESPACES, "", name)
        if there is None or not there.terminating:
            return there
        try:
            deadline.check(world.clock)
        except DeadlineExceeded as error:
            raise DeadlineExceeded(
                f"Namespace {name} is being deleted and does not go away: {_held_by(there)}.",
                remedy="find out who owns what holds it, or restore under another name with --map-namespace",
            ) from error
        world.clock.sleep(_POLL_S, world.cancel)


def _held_by(namespace: ResourceObject) -> str:
    conditions = entries(manifest_of(namespace), "status", "conditions")
    words = [
        str(c.get("message", "")) for c in conditions if c.get("status") == "True" and "Remain" in str(c.get("type"))
    ]
    return "; ".join(words) or "no finalizer is named"


def _create(name: str, captured: Manifest | None, work: Work[RestoreInputs]) -> None:
    manifest = work.inputs.transform(sanitise(captured)) if captured else {}
    metadata = {**section(manifest, "metadata"), "name": name}
    body = {**manifest, "apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
    try:
        work.world.cluster.create(NAMESPACES, "", msgspec.json.encode(body))
    except ObjectExists:
        return
