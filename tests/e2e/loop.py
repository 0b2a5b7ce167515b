"""A controller's loop in a thread: do the work again and again until asked to stop."""

import threading
from collections.abc import Callable

import urllib3

from tests.e2e.api import Refused

_PAUSE_S = 0.1


class Loop:
    """Runs `work` until `stop`.

    An API server that is away, or an object that changed meanwhile, is everyday life to a
    controller; any other error ends the loop and is raised by `stop`.
    """

    def __init__(self, work: Callable[[], None], *, name: str) -> None:
        self._work = work
        self._ending = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._ending.set()
        self._thread.join(30)
        if self._failure:
            raise self._failure

    def _run(self) -> None:
        while not self._ending.wait(_PAUSE_S):
            try:
                self._work()
            except urllib3.exceptions.HTTPError:
                continue
            except Refused as refusal:
                if refusal.status not in {403, 404, 409, 422, 429, 500, 503, 504}:
                    self._failure = refusal
                    return
            except Exception as error:  # noqa: BLE001 - handed to whoever stops the loop
                self._failure = error
                return
