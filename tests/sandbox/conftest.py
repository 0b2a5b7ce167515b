"""A sandbox server for each test, and a plain HTTP client that knows nothing of drsync's own."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import urllib3

from drsync.sandbox.serving import Served, serve_in_thread

WAIT_S = 10
MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any
    headers: Any


class Caller:
    """Sends one request, returns what came back."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self.token = token
        self.http = urllib3.PoolManager(maxsize=8, retries=False, timeout=30)

    def __call__(self, method: str, path: str, body=None, *, type="application/json", headers=None) -> Answer:  # noqa: A002
        sent = {"Authorization": f"Bearer {self.token}", "User-Agent": "recorder/1", **(headers or {})}
        if body is not None:
            sent["Content-Type"] = type
            body = body if isinstance(body, (str, bytes)) else json.dumps(body)
        answer = self.http.request(method, self.url + path, body=body, headers=sent)
        is_json = "json" in answer.headers.get("Content-Type", "")
        return Answer(answer.status, json.loads(answer.data) if is_json else answer.data.decode(), answer.headers)

    def get(self, path: str) -> Any:
        answer = self("GET", path)
        assert answer.status == 200, answer.body
        return answer.body

    def create(self, path: str, body: Any) -> Any:
        answer = self("POST", path, body)
        assert answer.status == 201, answer.body
        return answer.body

    def names(self, path: str) -> list[str]:
        return [one["metadata"]["name"] for one in self.get(path)["items"]]

    def until(self, path: str, holds: Callable[[Answer], Any]) -> Answer:
        """Asks until the answer is as wanted."""
        deadline = time.monotonic() + WAIT_S
        while True:
            answer = self("GET", path)
            if holds(answer):
                return answer
            assert time.monotonic() < deadline, (path, answer.status, answer.body)
            time.sleep(0.01)

    def until_gone(self, path: str) -> None:
        self.until(path, lambda answer: answer.status == 404)

    def close(self) -> None:
        self.http.clear()


@pytest.fixture
def served(tmp_path) -> Iterator[Served]:
    with serve_in_thread(tmp_path / "cluster") as server:
        yield server


@pytest.fixture
def call(served) -> Iterator[Caller]:
    caller = Caller(served.url, served.token)
    yield caller
    caller.close()


@pytest.fixture
def configmaps(call) -> str:
    """A namespace of the test's own; the path of its ConfigMaps."""
    call.create("/api/v1/namespaces", {"metadata": {"name": "app"}})
    return "/api/v1/namespaces/app/configmaps"


def config(name: str, /, data: dict[str, str] | None = None, **metadata: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **metadata}, "data": data or {"a": "1"}}
