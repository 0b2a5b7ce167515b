"""What the log of a policy comes to: its objective, for each standby. Reads the store alone."""

from datetime import datetime, timedelta

from drsync.engine.opening import OpenedStore
from drsync.model.policy import Config, ProtectionPolicy
from drsync.objectives import Objective, judge
from drsync.schedule import next_slot
from drsync.state.log import CommitLog, History


def read_history(opened: OpenedStore, policy: str) -> History:
    return CommitLog(opened.store, policy, key=opened.log_key).read()


def judge_policy(
    config: Config, policy: ProtectionPolicy, history: History, *, now: datetime, skew: timedelta | None
) -> list[tuple[str, Objective]]:
    """(standby, objective) for each standby; one with an empty name where the policy names none."""
    upcoming = None if policy.schedule.paused else next_slot(policy.schedule, policy.name, after=now)
    standbys = policy.standbys or ("",)
    return [
        (
            standby,
            judge(
                policy,
                history.points if reads(config, policy, standby) else (),
                now=now,
                since=history.since,
                next_slot=upcoming,
                missed=history.missed,
                bound=abs(skew) if skew else timedelta(),
                unreadable="",
            ),
        )
        for standby in standbys
    ]


def reads(config: Config, policy: ProtectionPolicy, standby: str) -> bool:
    """Whether the standby can read the store that the points go to; a point elsewhere is no point for it."""
    target = config.clusters.get(standby)
    return target is None or not target.reads_stores or policy.copies[0].store in target.reads_stores
