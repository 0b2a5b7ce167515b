"""One restore from point to report; also only the plan of one, and a dry run on the server."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from drsync.clock import Deadline
from drsync.engine.actions.apply_objects import apply_objects, write_waves
from drsync.engine.actions.ensure_namespaces import ensure_namespaces
from drsync.engine.actions.link_owners import link_owners
from drsync.engine.actions.restore_volume import restore_volume
from drsync.engine.actions.verify_restore import verify_restore
from drsync.engine.choosing import Choice, choose, target_kinds
from drsync.engine.executor import Action, execute
from drsync.engine.restore_inputs import RestoreInputs
from drsync.engine.volume_access import VolumeAccess
from drsync.engine.world import Work, World
from drsync.engine.writing import Writer, Written
from drsync.kube.discovery import discover
from drsync.model.facts import RestoreFacts
from drsync.model.manifest import manifest_of
from drsync.model.plan import Plan, RunKind
from drsync.model.recovery_point import SealedPoint
from drsync.model.request import RestoreRequest
from drsync.model.resource import Manifest, ResourceId, ResourceObject
from drsync.model.run import Outcome, Run, RunEnd
from drsync.plans.restore import chosen_volumes, plan_restore, target_of
from drsync.repository.objects import ObjectSet
from drsync.resources.owners import arrange, late
from drsync.state.holder import Holder
from drsync.state.journal import Journal, create_run, list_runs, read_run
from drsync.state.lease import acquire
from drsync.transforms.transform import build

RESUMABLE_FOR: Final = timedelta(days=7)
"""An unfinished restore older than this is not gone on with by itself."""
_REHEARSAL: Final = timedelta(minutes=30)

ACTIONS: Final[Mapping[str, Action[RestoreInputs]]] = {
    "ensure-namespaces": ensure_namespaces,
    "apply-objects": apply_objects,
    "restore-volume": restore_volume,
    "link-owners": link_owners,
    "verify-restore": verify_restore,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreOrder:
    """What to restore, and who does it."""

    request: RestoreRequest
    sealed: SealedPoint
    run: str
    holder: Holder
    tool_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A plan that was made, and what its actions need."""

    plan: Plan
    inputs: RestoreInputs


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreReport:
    """What came of it."""

    run: Run
    end: RunEnd
    resumed: bool
    inputs: RestoreInputs


def prepare(order: RestoreOrder, world: World, access: VolumeAccess) -> Prepared:
    """Reads the point and the target, and plans. Changes nothing. Raises NothingToRestore and Blocked."""
    point = order.sealed.point
    held = ObjectSet(world.repository.reader(point.objects.session))
    choice = choose(order.request, tuple(held.read(held.entries)))
    stages = arrange(choice.objects)
    facts = RestoreFacts(
        sealed=order.sealed,
        chosen=tuple(o.id for o in choice.objects),
        stages=tuple(stages),
        late_owners=bool(late(choice.objects)),
        claims=choice.claims,
        reaches_volumes=access.reaches,
    )
    plan = plan_restore(order.request, facts, run=order.run, now=world.clock.now(), tool_version=order.tool_version)
    fills = chosen_volumes(order.request, facts)
    targets = [target_of(v.claim, order.request) for v in fills]
    inputs = RestoreInputs(
        request=order.request,
        stages=stages,
        namespaces=_namespaces(order.request, choice),
        left_out=choice.left_out,
        late=late(choice.objects),
        by_uid={o.uid: o for o in choice.objects if o.uid},
        filled_claims=frozenset(
            ResourceId(group_resource="persistentvolumeclaims", namespace=t.namespace, name=t.name) for t in targets
        ),
        transform=build(order.request),
        access=access,
        kinds=target_kinds(choice.objects, discover(world.cluster).kinds),
    )
    return Prepared(plan=plan, inputs=inputs)


def restore(order: RestoreOrder, world: World, access: VolumeAccess) -> RestoreReport:
    """Carries the plan out; goes on with an unfinished run of the same request if there is one."""
    unfinished = find_unfinished(world, order.request)
    prepared = prepare(order if unfinished is None else _as_run(order, unfinished.id), world, access)
    plan = unfinished.plan if unfinished else prepared.plan
    key = world.keyring.derive("journal")
    lease = acquire(world.store, plan.run, order.holder, clock=world.clock, cancel=world.cancel)
    try:
        if unfinished is None:
            create_run(world.store, plan, key=key)
        journal = Journal(world.store, plan.run, key=key)
        work = Work(world=world, plan=plan, inputs=prepared.inputs, results={})
        with lease.keep_alive(world.cancel):
            run = execute(work, journal, lease, ACTIONS).run
        end = _end(run, world.clock.now())
        journal.end(end)
    finally:
        lease.release()
    return RestoreReport(run=run, end=end, resumed=unfinished is not None, inputs=prepared.inputs)


def rehearse(prepared: Prepared, world: World, *, ask_server: bool) -> list[Written]:
    """What a restore would do to each object; with `ask_server` the API server checks every write and stores none."""
    writer = Writer(
        cluster=world.cluster,
        inputs=prepared.inputs,
        run=prepared.plan.run,
        dry_run=ask_server,
        rehearse=not ask_server,
    )
    work = Work(world=world, plan=prepared.plan, inputs=prepared.inputs, results={})
    deadline = Deadline.after(world.clock, _REHEARSAL, "The dry run")
    return [
        written for waves in prepared.inputs.stages.values() for written in write_waves(writer, waves, work, deadline)
    ]


def find_unfinished(world: World, request: RestoreRequest) -> Run | None:
    """The newest restore of exactly this request that has no end."""
    newest: Run | None = None
    for summary in list_runs(world.store, since=world.clock.now() - RESUMABLE_FOR):
        if summary.kind is RunKind.RESTORE and not summary.ended:
            run = read_run(world.store, summary.run, key=world.keyring.derive("journal"))
            if run.plan.request == request:
                newest = run
    return newest


def _as_run(order: RestoreOrder, run: str) -> RestoreOrder:
    return RestoreOrder(
        request=order.request, sealed=order.sealed, run=run, holder=order.holder, tool_version=order.tool_version
    )


def _namespaces(request: RestoreRequest, choice: Choice) -> dict[str, Manifest | None]:
    """Where the objects go, and what makes each of those namespaces."""
    captured = {o.name: o for o in choice.objects if o.kind.group_resource == "namespaces"}
    sources = sorted({o.namespace for o in choice.objects if o.namespace} | captured.keys())
    return {
        request.namespace_map.get(name, name): _decoded(captured[name]) if name in captured else None
        for name in sources
    }


def _decoded(namespace: ResourceObject) -> Manifest:
    return {**manifest_of(namespace), "apiVersion": "v1", "kind": "Namespace"}


def _end(run: Run, now: datetime) -> RunEnd:
    results: list[Mapping[str, Any]] = [record.result for record in run.records]
    failed = [name for result in results for name in result.get("failed", ())]
    gone = [name for result in results for name in result.get("gone", ())]
    partial = bool(failed or gone)
    return RunEnd(
        outcome=Outcome.PARTIAL if partial else Outcome.COMPLETE,
        exit_code=3 if partial else 0,
        at=now,
        summary={"failed": len(failed), "gone": len(gone)},
    )
