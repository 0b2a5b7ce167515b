"""Which cluster-scoped objects the selected ones cannot do without."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, cast

from drsync.fields import decode, mapping, mappings
from drsync.model.resource import Manifest, ResourceKind, ResourceObject
from drsync.resources.kinds import kind_matches
from drsync.resources.labels import matches, selector_of

_DEFINITIONS: Final = "customresourcedefinitions.apiextensions.k8s.io"
_VOLUMES: Final = "persistentvolumes"
_ROLES: Final = "clusterroles.rbac.authorization.k8s.io"
_ROLE_BINDINGS: Final = "rolebindings.rbac.authorization.k8s.io"
_BINDINGS: Final = "clusterrolebindings.rbac.authorization.k8s.io"

_FIELDS: Final = {
    "storageClassName": "storageclasses.storage.k8s.io",
    "volume.beta.kubernetes.io/storage-class": "storageclasses.storage.k8s.io",
    "volumeAttributesClassName": "volumeattributesclasses.storage.k8s.io",
    "priorityClassName": "priorityclasses.scheduling.k8s.io",
    "runtimeClassName": "runtimeclasses.node.k8s.io",
    "deviceClassName": "deviceclasses.resource.k8s.io",
    "ingressClassName": "ingressclasses.networking.k8s.io",
    "kubernetes.io/ingress.class": "ingressclasses.networking.k8s.io",
    "gatewayClassName": "gatewayclasses.gateway.networking.k8s.io",
    "volumeName": _VOLUMES,
}
"""Field or annotation, wherever it stands (custom resources have pod and claim templates too) → what it names."""

_MARKS: Final = (b'ClassName"', b'"volumeName"', b'storage-class"', b'ingress.class"')
"""An object without any of these bytes has none of the fields, and need not be decoded."""

LISTED: Final = frozenset({*_FIELDS.values(), "namespaces", _DEFINITIONS, _ROLES, _BINDINGS})
"""The cluster-scoped kinds that `referenced` may keep."""

_Name = tuple[str, str]
"""(group_resource, name)"""


def referenced(
    objects: Iterable[ResourceObject],
    cluster_objects: Iterable[ResourceObject],
    mode: str,
    *,
    include: Sequence[str] = (),
    rbac: str = "exclude",
) -> tuple[ResourceObject, ...]:
    """Those of `cluster_objects` that are kept, in their order.

    The Namespaces of `objects` always, the kinds of `include` whole, and for the mode `referenced`:
    volumes and storage classes of claims, definitions of custom resources, priority, runtime, device,
    ingress and gateway classes, and with `rbac="include"` the cluster roles bound for them. The
    mode `none` adds nothing.
    """
    candidates = tuple(cluster_objects)
    chosen = tuple(objects)
    namespaces = {item.namespace for item in chosen if item.namespace}
    namespaces |= {item.name for item in chosen if item.kind.group_resource == "namespaces"}
    wanted: set[_Name] = {("namespaces", name) for name in namespaces}
    wanted |= _whole(candidates, include)
    if mode == "referenced":
        wanted |= _named_by(chosen)
        if rbac == "include":
            wanted |= _bound(chosen, candidates, namespaces)
        _follow(wanted, candidates)
    return tuple(item for item in candidates if (item.kind.group_resource, item.name) in wanted)


def _whole(candidates: Sequence[ResourceObject], include: Sequence[str]) -> set[_Name]:
    kinds = {item.kind for item in candidates}
    taken = {kind for kind in kinds if any(kind_matches(pattern, kind) for pattern in include)}
    return {(item.kind.group_resource, item.name) for item in candidates if item.kind in taken}


def _named_by(objects: Iterable[ResourceObject]) -> set[_Name]:
    found: set[_Name] = set()
    kinds: set[ResourceKind] = set()
    for item in objects:
        kinds.add(item.kind)
        if any(mark in item.raw for mark in _MARKS):
            found.update(_fields(decode(item.raw)))
    # A definition is named like its kind; for built-in kinds there simply is none.
    return found | {(_DEFINITIONS, kind.group_resource) for kind in kinds}


def _fields(value: Any) -> Iterator[_Name]:
    if isinstance(value, dict):
        for key, inner in cast("dict[str, Any]", value).items():
            if isinstance(inner, str):
                if key in _FIELDS:
                    yield _FIELDS[key], inner
            else:
                yield from _fields(inner)
    elif isinstance(value, list):
        for inner in cast("list[Any]", value):
            yield from _fields(inner)


def _follow(wanted: set[_Name], candidates: Sequence[ResourceObject]) -> None:
    """Adds what kept cluster-scoped objects name in turn: the class of a volume, the definition of a class."""
    kept = [item for item in candidates if (item.kind.group_resource, item.name) in wanted]
    while kept:
        more = _named_by(kept) - wanted
        wanted |= more
        kept = [item for item in candidates if (item.kind.group_resource, item.name) in more]


def _bound(objects: Sequence[ResourceObject], candidates: Sequence[ResourceObject], namespaces: set[str]) -> set[_Name]:
    """Cluster roles that are bound inside of the namespaces, or to their service accounts."""
    found: set[_Name] = set()
    for item in objects:
        if item.kind.group_resource == _ROLE_BINDINGS:
            found |= _role(decode(item.raw))
    for item in candidates:
        if item.kind.group_resource == _BINDINGS and _binds(binding := decode(item.raw), namespaces):
            found |= {(_BINDINGS, item.name)} | _role(binding)
    return found | _aggregated(found, candidates)


def _role(binding: Manifest) -> set[_Name]:
    role = mapping(binding.get("roleRef"))
    return {(_ROLES, role["name"])} if role.get("kind") == "ClusterRole" and "name" in role else set()


def _binds(binding: Manifest, namespaces: set[str]) -> bool:
    for subject in mappings(binding.get("subjects")):
        if subject.get("kind") == "ServiceAccount" and subject.get("namespace") in namespaces:
            return True
        prefix, _, namespace = str(subject.get("name", "")).rpartition(":")
        if subject.get("kind") == "Group" and prefix == "system:serviceaccounts" and namespace in namespaces:
            return True
    return False


def _aggregated(found: set[_Name], candidates: Sequence[ResourceObject]) -> set[_Name]:
    """The roles that a bound role is put together from, by its own selectors."""
    roles = [item for item in candidates if item.kind.group_resource == _ROLES]
    more: set[_Name] = set()
    for item in roles:
        if (_ROLES, item.name) not in found or b'"aggregationRule"' not in item.raw:
            continue
        rule = mapping(decode(item.raw).get("aggregationRule"))
        for structure in mappings(rule.get("clusterRoleSelectors")):
            selector = selector_of(structure)
            more |= {(_ROLES, role.name) for role in roles if matches(selector, role.labels)}
    return more
