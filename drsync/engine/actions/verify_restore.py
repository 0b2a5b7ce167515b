"""Look again: asked for is not done."""

from typing import Any, Final

from drsync.clock import Deadline
from drsync.engine.restore_inputs import RestoreInputs
from drsync.engine.world import Work
from drsync.model.resource import ResourceId
from drsync.model.step import ApplyObjects, VerifyRestore

_THERE: Final = ("created", "unchanged", "skipped", "merged", "replaced")


def verify_restore(_step: VerifyRestore, work: Work[RestoreInputs], deadline: Deadline) -> dict[str, Any]:
    """Every object that was written or found is still there; what is gone again is named."""
    expected = {
        name
        for step in work.plan.steps()
        if isinstance(step, ApplyObjects)
        for fate in _THERE
        for name in work.results[step.id].get(fate, ())
    }
    there = _there(work, deadline)
    gone = sorted(expected - there)
    words = f"{len(expected) - len(gone):,} of {len(expected):,} objects are there"
    return {"words": words + (f"; gone again: {gone[0]}" if gone else ""), "gone": gone}


def _there(work: Work[RestoreInputs], deadline: Deadline) -> set[str]:
    inputs, found = work.inputs, set[str]()
    kinds = {item.kind.group_resource for waves in inputs.stages.values() for wave in waves for item in wave}
    for group_resource in sorted(kinds & inputs.kinds.keys()):
        deadline.check(work.world.clock)
        kind = inputs.kinds[group_resource]
        for namespace in inputs.namespaces if kind.namespaced else ("",):
            found.update(_name(one.id) for one in work.world.cluster.list(kind, namespace=namespace).objects)
    return found


def _name(item: ResourceId) -> str:
    return str(item)
