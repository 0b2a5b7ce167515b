"""The transforms of one restore, composed; and what they cannot turn, told."""

from collections.abc import Callable

from drsync.model.request import RestoreRequest
from drsync.model.resource import Manifest

Transform = Callable[[Manifest], Manifest]
"""Never changes its argument."""


def build(request: RestoreRequest) -> Transform:
    """Namespace map, then storage class map; the identity when the request maps nothing."""
    raise NotImplementedError


def notices(request: RestoreRequest, manifest: Manifest) -> tuple[str, ...]:
    """Places in an object of the point that name a mapped namespace and are left as they are."""
    raise NotImplementedError
