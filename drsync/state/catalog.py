"""From what a person types to one sealed point."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from drsync.errors import IntegrityError, NoRecoveryPoint, NotFound
from drsync.model.recovery_point import SealedPoint
from drsync.state.documents import printable
from drsync.state.log import CommitLog, policies
from drsync.stores.object_store import ObjectStore
from drsync.units import parse_instant, print_instant

SHOWN: Final = 5
"""Names that a remedy lists."""


def resolve(store: ObjectStore, ref: str, *, key: bytes | None, now: datetime) -> SealedPoint:
    """`rp-…` or a unique beginning of it, or POLICY@latest, @previous, @2026-08-21T02:53Z.

    By policy only complete, usable points are found; by id any, and the caller looks at
    `complete` and `unusable`. Raises NotFound or NoRecoveryPoint (4), IntegrityError (9).
    """
    policy, at, which = ref.partition("@")
    if at:
        return _by_time(store, policy, which, key=key, now=now)
    return _by_id(store, ref, key=key)


def restorable(points: Sequence[SealedPoint]) -> list[SealedPoint]:
    """The complete, usable ones, newest content first."""
    good = (sealed for sealed in points if sealed.point.complete and not sealed.unusable)
    return sorted(good, key=lambda sealed: (sealed.point.consistent_at, sealed.sequence), reverse=True)


def _by_time(store: ObjectStore, policy: str, which: str, *, key: bytes | None, now: datetime) -> SealedPoint:
    history = CommitLog(store, policy, key=key).read()
    if not history.sequence:
        raise NotFound(f"No policy {policy} has a log in this store.", remedy=_known_policies(store))
    found = restorable(history.points)
    match which:
        case "latest":
            chosen = found[:1]
        case "previous":
            chosen = found[1:2]
        case _:
            instant = _instant(policy, which, now=now)
            chosen = [sealed for sealed in found if sealed.point.consistent_at <= instant][:1]
    if not chosen:
        raise NoRecoveryPoint(
            f"{policy}@{which} names no complete recovery point.", remedy=_known_points(policy, history.points)
        )
    return chosen[0]


def _instant(policy: str, text: str, *, now: datetime) -> datetime:
    try:
        instant = parse_instant(text)
    except (ValueError, OverflowError):
        raise NotFound(
            f"{policy}@{text} names no recovery point.",
            remedy=f"write {policy}@latest, {policy}@previous or an instant such as {policy}@2026-08-21T02:53Z",
        ) from None
    if instant > now:
        raise NotFound(
            f"{print_instant(instant)} has not come yet.", remedy=f"write {policy}@latest for the newest point"
        )
    return instant


def _by_id(store: ObjectStore, ref: str, *, key: bytes | None) -> SealedPoint:
    """A damaged log of another policy does not stand between a person and a point named in full."""
    candidates: list[SealedPoint] = []
    damage: IntegrityError | None = None
    for policy in policies(store) if ref else ():
        try:
            history = CommitLog(store, policy, key=key).read()
        except IntegrityError as error:
            damage = damage or error
            continue
        if exact := history.point(ref):
            return exact
        candidates += [sealed for sealed in history.points if _begins(sealed.point.id, ref)]
    if damage:
        raise damage
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        ids = _listed(sorted(sealed.point.id for sealed in candidates))
        raise NotFound(f"{ref} could be any of {len(candidates)} points.", remedy=f"write more of it: {ids}")
    raise NotFound(
        f"No recovery point is called {printable(ref)}.",
        remedy=f"list them with drsync get points; {_known_policies(store)}",
    )


def _begins(point: str, ref: str) -> bool:
    return point.startswith((ref, f"rp-{ref}"))


def _listed(ids: Sequence[str]) -> str:
    return ", ".join(printable(one) for one in ids[:SHOWN])


def _known_policies(store: ObjectStore) -> str:
    names = policies(store)
    if not names:
        return "nothing was ever captured into this store: run drsync backup first"
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"the store knows {', '.join(names[:SHOWN])}{more}"


def _known_points(policy: str, points: Sequence[SealedPoint]) -> str:
    good = restorable(points)
    if good:
        oldest, newest = good[-1].point, good[0].point
        return (
            f"{len(good)} complete points hold {print_instant(oldest.consistent_at)} ({printable(oldest.id)}) "
            f"to {print_instant(newest.consistent_at)} ({printable(newest.id)})"
        )
    partial = [sealed.point.id for sealed in points if not sealed.unusable]
    if partial:
        return f"only partial points are there; restore one by its id with --allow-partial: {_listed(partial[::-1])}"
    return f"run drsync backup {policy}"
