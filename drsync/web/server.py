"""A small HTTP server for /healthz, /readyz and /metrics, which no client can hold up."""

from collections.abc import Callable
from types import TracebackType

from drsync.clock import Clock
from drsync.web.view import DaemonView


class StatusServer:
    """Serves from its own threads between `__enter__` and `__exit__`.

    `view` is called at every request, from any thread. Raises UserError when the address cannot be had.
    """

    def __init__(self, view: Callable[[], DaemonView], *, clock: Clock, host: str = "127.0.0.1", port: int = 0) -> None:
        self._view = view
        self._clock = clock

    @property
    def url(self) -> str:
        """`http://127.0.0.1:PORT`, once entered."""
        raise NotImplementedError

    def __enter__(self) -> "StatusServer":
        raise NotImplementedError

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        raise NotImplementedError
