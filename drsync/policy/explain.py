"""What a policy comes to: resolved values, defaults, fields that do nothing yet, and the worst case."""

from collections.abc import Sequence
from datetime import datetime

from drsync.model.policy import Config


def explain(config: Config, policy: str, *, upcoming: Sequence[datetime] = ()) -> tuple[str, ...]:
    """Lines for people. `upcoming` are the next slots, as `schedule.next_slot` gives them. Raises NotFound."""
    raise NotImplementedError
