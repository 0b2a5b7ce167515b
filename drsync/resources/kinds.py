"""Kinds by the names that people give them."""

from fnmatch import fnmatchcase

from drsync.model.resource import ResourceKind


def kind_matches(pattern: str, kind: ResourceKind) -> bool:
    """`deployments.apps`, `deployments`, `Deployment`, or a glob over `deployments.apps`.

    A plural or a kind's name without a group means every group that has it.
    """
    wanted = pattern.lower()
    if wanted in (kind.group_resource, kind.resource, kind.kind.lower()):
        return True
    return fnmatchcase(kind.group_resource, wanted)
