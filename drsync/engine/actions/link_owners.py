"""Link objects to owners that had to be written after them."""

from typing import Any

from drsync.clock import Deadline
from drsync.engine.restore_inputs import RestoreInputs
from drsync.engine.world import Work
from drsync.engine.writing import Fate, Writer, Written, tell
from drsync.model.step import LinkOwners


def link_owners(_step: LinkOwners, work: Work[RestoreInputs], deadline: Deadline) -> dict[str, Any]:
    """A claim is written before the StatefulSet that owns it, or the set would make an empty one."""
    writer = Writer(cluster=work.world.cluster, inputs=work.inputs, run=work.plan.run)
    results: list[Written] = []
    for item in work.inputs.late:
        work.world.cancel.check()
        deadline.check(work.world.clock)
        results.append(writer.link(item))
    linked = sum(one.fate is Fate.MERGED for one in results)
    told = tell(one for one in results if one.fate is Fate.FAILED)
    return {"words": f"{linked} objects linked to their owners", **told}
