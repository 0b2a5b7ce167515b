"""The tests' own client of an API server: plain requests, and nothing shared with drsync's gateway."""

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import urllib3
import yaml

Manifest = dict[str, Any]

_PATIENCE_S = 20


class Refused(Exception):
    """The API server answered with an error status."""

    def __init__(self, status: int, text: str, what: str) -> None:
        super().__init__(f"{what}: {status} {text[:600]}")
        self.status = status


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind as the server offers it in its preferred version."""

    group_version: str
    kind: str
    plural: str
    namespaced: bool
    verbs: tuple[str, ...]

    @property
    def prefix(self) -> str:
        return f"/api/{self.group_version}" if "/" not in self.group_version else f"/apis/{self.group_version}"

    def path(self, namespace: str = "", name: str = "") -> str:
        scope = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return f"{self.prefix}{scope}/{self.plural}" + (f"/{name}" if name else "")


class Api:
    """Requests to one API server; safe in many threads."""

    def __init__(self, server: str, *, ca: Path, token: str) -> None:
        self.server = server
        self._pool = urllib3.PoolManager(
            num_pools=1, maxsize=16, ca_certs=str(ca), retries=False, headers={"Authorization": f"Bearer {token}"}
        )
        self._known: dict[tuple[str, str], Kind] = {}

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        content_type: str = "application/json",
        timeout_s: float = 30,
    ) -> Answer:
        """Any request; raises only when there is no answer (urllib3's HTTPError)."""
        raw = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        headers = {**self._pool.headers, "Content-Type": content_type, "Accept": "application/json"}
        answer = self._pool.request(method, self.server + path, body=raw, headers=headers, timeout=timeout_s)
        return Answer(answer.status, answer.data)

    def call(self, method: str, path: str, body: object = None, *, content_type: str = "application/json") -> Any:
        """A request that must succeed; returns the decoded answer. Asked to come back later, it does."""
        deadline = time.monotonic() + _PATIENCE_S
        answer = self.request(method, path, body, content_type=content_type)
        while answer.status == 429 and time.monotonic() < deadline:
            time.sleep(0.2)
            answer = self.request(method, path, body, content_type=content_type)
        if answer.status >= 300:
            raise Refused(answer.status, answer.body.decode(errors="replace"), f"{method} {path}")
        return answer.json()

    def get(self, path: str) -> Any:
        return self.call("GET", path)

    def find(self, path: str) -> Any:
        """What is at the path, or None."""
        answer = self.request("GET", path)
        if answer.status == 404:
            return None
        if answer.status >= 300:
            raise Refused(answer.status, answer.body.decode(errors="replace"), f"GET {path}")
        return answer.json()

    def list(self, kind: Kind, namespace: str = "", **query: str) -> list[Manifest]:
        """Every object of a kind, each with the apiVersion and kind that lists leave out."""
        path = kind.path(namespace) + (f"?{urlencode(query)}" if query else "")
        return [{"apiVersion": kind.group_version, "kind": kind.kind} | item for item in self.get(path)["items"]]

    def kinds(self) -> Iterator[Kind]:
        """Every kind that can be listed, in its group's preferred version."""
        versions = ["v1", *(group["preferredVersion"]["groupVersion"] for group in self.get("/apis")["groups"])]
        for version in versions:
            yield from self._kinds_of(version)

    def kind_of(self, manifest: Manifest) -> Kind:
        wanted = (manifest["apiVersion"], manifest["kind"])
        if wanted not in self._known:
            self._known |= {(kind.group_version, kind.kind): kind for kind in self._kinds_of(wanted[0])}
        return self._known[wanted]

    def path_of(self, manifest: Manifest, namespace: str = "") -> str:
        metadata = manifest["metadata"]
        return self.kind_of(manifest).path(metadata.get("namespace") or namespace or "default", metadata["name"])

    def create(self, manifest: Manifest, *, namespace: str = "") -> Manifest:
        path = self.path_of(manifest | {"metadata": {"name": "", **manifest["metadata"]}}, namespace).rpartition("/")[0]
        return self.call("POST", path.removesuffix("/"), manifest)

    def apply(self, manifest: Manifest, *, namespace: str = "", manager: str = "e2e") -> Manifest:
        """Server-side apply, as a user's GitOps tool would do it."""
        path = f"{self.path_of(manifest, namespace)}?fieldManager={manager}&force=true"
        return self.call("PATCH", path, manifest, content_type="application/apply-patch+yaml")

    def merge(self, path: str, patch: object) -> Manifest:
        return self.call("PATCH", path, patch, content_type="application/merge-patch+json")

    def delete(self, path: str) -> None:
        answer = self.request("DELETE", path)
        if answer.status >= 300 and answer.status != 404:
            raise Refused(answer.status, answer.body.decode(errors="replace"), f"DELETE {path}")

    def revision(self) -> int:
        """The revision of the store behind the server: it rises with every write, and only then."""
        return int(self.get("/api/v1/namespaces?limit=1")["metadata"]["resourceVersion"])

    def _kinds_of(self, group_version: str) -> Iterator[Kind]:
        prefix = f"/apis/{group_version}" if "/" in group_version else f"/api/{group_version}"
        for entry in self.get(prefix)["resources"]:
            if "/" not in entry["name"] and "list" in entry["verbs"]:
                yield Kind(group_version, entry["kind"], entry["name"], entry["namespaced"], tuple(entry["verbs"]))


def documents(text: str) -> Iterable[Manifest]:
    """The objects of a YAML stream, lists flattened."""
    for document in yaml.load_all(text, Loader=yaml.CSafeLoader):
        if document and document.get("kind") == "List":
            yield from document["items"]
        elif document:
            yield document
