"""Which cluster-scoped objects the selected ones cannot do without."""

from collections.abc import Iterable, Sequence

from drsync.model.resource import ResourceObject


def referenced(
    objects: Iterable[ResourceObject],
    cluster_objects: Iterable[ResourceObject],
    mode: str,
    *,
    include: Sequence[str] = (),
    rbac: str = "exclude",
) -> tuple[ResourceObject, ...]:
    """Those of `cluster_objects` that are kept: Namespaces of the objects, what `mode` asks for, and
    the kinds of `include` whole. `mode` is `referenced` or `none`.
    """
    raise NotImplementedError
