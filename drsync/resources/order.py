"""The order in which kinds are written: what others need comes first."""

from drsync.model.resource import ResourceKind

STAGES: tuple[str, ...] = (
    "namespaces",
    "definitions",
    "cluster",
    "accounts",
    "rbac",
    "configuration",
    "limits",
    "claims",
    "services",
    "custom",
    "workloads",
    "entrances",
    "admission",
)


def stage_of(kind: ResourceKind) -> str:
    """The name of the stage that objects of this kind are written in."""
    raise NotImplementedError
