"""Which kinds an API server serves, asked anew on each run."""

from dataclasses import dataclass

from drsync.kube.client import KubeClient
from drsync.model.resource import ResourceKind


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupFailure:
    """A group version that is registered and does not answer."""

    group_version: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """Every resource once, in the version that its group prefers among those that serve it; no subresources."""

    kinds: tuple[ResourceKind, ...]
    failures: tuple[GroupFailure, ...] = ()

    def find(self, group_resource: str) -> ResourceKind | None:
        """By `deployments.apps`."""
        return next((kind for kind in self.kinds if kind.group_resource == group_resource), None)


def discover(client: KubeClient) -> Discovery:
    """Raises ClusterUnreachable or PermissionDenied when the server itself does not answer."""
    raise NotImplementedError
