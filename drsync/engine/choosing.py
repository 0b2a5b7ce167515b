"""Which objects of a point a restore writes, and which it leaves out and why."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from drsync.engine.restore_inputs import LeftOut
from drsync.model.manifest import manifest_of
from drsync.model.policy import LabelSelector
from drsync.model.request import RestoreRequest
from drsync.model.resource import ResourceKind, ResourceObject
from drsync.model.volume import ClaimId
from drsync.resources.labels import matches, parse_selector
from drsync.resources.related import referenced
from drsync.resources.select import kind_matches
from drsync.resources.skip import index_point, skip_reason
from drsync.transforms.transform import superseded

CLAIMS: Final = "persistentvolumeclaims"
_DEFINITIONS: Final = "customresourcedefinitions.apiextensions.k8s.io"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The part of a point that is written back."""

    objects: tuple[ResourceObject, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def claims(self) -> tuple[ClaimId, ...]:
        return tuple(
            ClaimId(namespace=o.namespace, name=o.name) for o in self.objects if o.kind.group_resource == CLAIMS
        )


def choose(request: RestoreRequest, objects: Sequence[ResourceObject]) -> Choice:
    """Filters by the request, adds the cluster-scoped objects that are needed, leaves out what is made anew."""
    selector = parse_selector(request.selector) if request.selector else ()
    namespaced = [o for o in objects if o.kind.namespaced and _asked_for(request, selector, o)]
    cluster = [o for o in objects if not o.kind.namespaced]
    wanted = [*_cluster_scoped(request, selector, cluster, namespaced), *namespaced]
    index = index_point(wanted)
    kept: list[ResourceObject] = []
    left_out: list[LeftOut] = []
    for one in wanted:
        manifest = manifest_of(one)
        whole = {**manifest, "apiVersion": one.kind.api_version, "kind": one.kind.kind}
        reason = skip_reason(one, manifest, index) or superseded(request, whole)
        if reason:
            left_out.append(LeftOut(id=one.id, reason=reason))
        else:
            kept.append(one)
    return Choice(objects=tuple(kept), left_out=tuple(left_out))


def target_kinds(objects: Iterable[ResourceObject], served: Sequence[ResourceKind]) -> Mapping[str, ResourceKind]:
    """How the target is to be asked for each kind; a kind whose definition is restored first counts as served."""
    captured = {o.kind.group_resource: o.kind for o in objects}
    by_name: dict[str, ResourceKind] = {}
    for kind in served:
        known = captured.get(kind.group_resource)
        # The version in which the objects were captured, where the target serves it too.
        if kind.group_resource not in by_name or (known and kind.version == known.version):
            by_name[kind.group_resource] = kind
    defined = {o.name: o for o in objects if o.kind.group_resource == _DEFINITIONS}
    for name, kind in captured.items():
        if name not in by_name and name in defined:
            by_name[name] = kind
    return by_name


def _asked_for(request: RestoreRequest, selector: LabelSelector, item: ResourceObject) -> bool:
    if request.namespaces and not any(fnmatchcase(item.namespace, pattern) for pattern in request.namespaces):
        return False
    if request.paths:
        return item.kind.group_resource == CLAIMS and _volume_asked_for(request, item)
    if request.kinds and not any(kind_matches(pattern, item.kind) for pattern in request.kinds):
        return False
    return not selector or matches(selector, item.labels)


def _volume_asked_for(request: RestoreRequest, claim: ResourceObject) -> bool:
    names = (claim.name, f"{claim.namespace}/{claim.name}")
    return request.volumes is None or any(name in names for name in request.volumes)


def _cluster_scoped(
    request: RestoreRequest,
    selector: LabelSelector,
    cluster: Sequence[ResourceObject],
    namespaced: Sequence[ResourceObject],
) -> Sequence[ResourceObject]:
    """All that the point holds in a whole restore; in a narrower one, what the chosen objects need."""
    if request.kinds:
        named = [o for o in cluster if any(kind_matches(pattern, o.kind) for pattern in request.kinds)]
        return [o for o in named if not selector or matches(selector, o.labels)]
    if request.paths:
        return []
    if request.namespaces or selector:
        return referenced(namespaced, cluster, "referenced")
    return cluster
