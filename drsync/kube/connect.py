"""Opens a cluster: kubeconfig, in-cluster account, credential plugins, TLS and proxies."""

from collections.abc import Mapping

from drsync.clock import Cancellation, Clock
from drsync.kube.client import KubeClient
from drsync.kube.wire import Timeouts
from drsync.model.policy import ClusterTarget

_TIMEOUTS = Timeouts()


def connect(
    target: ClusterTarget,
    *,
    timeouts: Timeouts = _TIMEOUTS,
    connections: int = 8,
    clock: Clock | None = None,
    cancel: Cancellation | None = None,
    environ: Mapping[str, str] | None = None,
) -> KubeClient:
    """A client for the cluster; asks nothing of it yet.

    Raises UserError for a kubeconfig that cannot be used, PermissionDenied when its credential plugin fails.
    """
    raise NotImplementedError
