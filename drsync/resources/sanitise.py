"""Takes from a captured object what only its own cluster could have given it."""

from drsync.model.resource import Manifest
from drsync.resources.skip import PointIndex, index_point, skip_reason

__all__ = ["PointIndex", "index_point", "sanitise", "skip_reason"]


def sanitise(manifest: Manifest) -> Manifest:
    """A new manifest that another API server accepts; `manifest` itself is never changed.

    Owner references keep their old uids: owners.relink turns them.
    """
    raise NotImplementedError
