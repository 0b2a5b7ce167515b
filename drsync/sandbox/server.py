"""One sandbox's HTTP server: who may ask, which route answers, and how the answer is sent."""

import asyncio
import hmac
import zlib
from collections.abc import Mapping

import msgspec
from aiohttp import web

from drsync.sandbox import answers, apply, discovery, patches, reading, requests, selectors, watching
from drsync.sandbox.answers import ApiError
from drsync.sandbox.cluster import Cluster
from drsync.sandbox.controllers.loop import MALFORMED
from drsync.sandbox.ownership import Manager
from drsync.sandbox.registry import DeleteOptions, Place

_MAX_BODY_BYTES = 3 * 1024 * 1024
"""The real server's limit on a request."""
_GZIP_FROM_BYTES = 128 * 1024
"""The real server compresses from here on."""
_GZIP_WBITS = 31
_JSON = "application/json"
_TRUE = ("true", "1")
_WATCH_S = 1800.0
"""How long a watch lasts that does not say; the real server takes half an hour to an hour."""
_HEALTH = (["healthz"], ["readyz"], ["livez"])


class ApiServer:
    """Answers requests about one cluster."""

    def __init__(self, cluster: Cluster, *, token: str) -> None:
        self._cluster = cluster
        self._authorization = f"Bearer {token}"

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """The one entry of every request."""
        try:
            self._authenticate(request)
            return await self._route(request)
        except ApiError as error:
            if error.plain:
                return web.Response(status=error.code, text=f"{error}\n")
            return _send(error.code, msgspec.json.encode(error.body()))
        except MALFORMED as error:
            refused = ApiError(400, f"the object provided is malformed: {error!r}")
            return _send(400, msgspec.json.encode(refused.body()))
        except OSError as error:
            refused = ApiError(500, f"etcdserver: {error.strerror or error}")
            return _send(500, msgspec.json.encode(refused.body()))

    def _authenticate(self, request: web.BaseRequest) -> None:
        sent = request.headers.get("Authorization", "")
        if not hmac.compare_digest(sent.encode(errors="surrogateescape"), self._authorization.encode()):
            raise ApiError(401, "Unauthorized")

    async def _route(self, request: web.BaseRequest) -> web.StreamResponse:
        path = requests.resource_path(request.path)
        if path is None or not path.parts:
            return await self._send_large(request, 200, self._document(request, path))
        if not self._cluster.kinds.serves_group(path.group, path.version):
            raise answers.page_not_found()
        place = requests.place(self._cluster.kinds, path)
        if request.method == "GET":
            return await self._read(request, place)
        body = await self._body(request)
        code, answer = self._write(request, place, body)
        return await self._send_large(request, code, answer)

    def _document(self, request: web.BaseRequest, path: requests.ResourcePath | None) -> bytes:
        """Discovery, health and version."""
        if request.method != "GET":
            raise answers.method_not_allowed()
        kinds = self._cluster.kinds
        parts = request.path.strip("/").split("/")
        if parts in _HEALTH:
            return b"ok"
        found = None
        match parts:
            case ["version"]:
                found = discovery.VERSION
            case ["api"]:
                found = discovery.core_versions(request.host)
            case ["apis"]:
                found = discovery.group_list(kinds)
            case ["apis", name]:
                found = discovery.group(kinds, name)
            case _:
                found = discovery.resource_list(kinds, path.group, path.version) if path else None
        if found is None:
            raise answers.page_not_found()
        return msgspec.json.encode(found)

    async def _read(self, request: web.BaseRequest, place: Place) -> web.StreamResponse:
        if request.query.get("watch") in _TRUE:
            return await self._watch(request, place)
        if place.name:
            manifest = self._cluster.registry.get(place)
            return _send(200, _object(place, manifest))
        query = reading.parse(request.query)
        return await self._send_large(request, 200, reading.list_objects(self._cluster.storage, place, query))

    def _write(self, request: web.BaseRequest, place: Place, body: bytes) -> tuple[int, bytes]:
        registry, agent = self._cluster.registry, request.headers.get("User-Agent", "")
        match request.method, bool(place.name):
            case "POST", False:
                manifest = requests.manifest(place.served, body, request.content_type)
                options = requests.write_options(request.query, agent, verb="Create")
                return 201, _object(place, registry.create(place, manifest, options))
            case "PUT", True:
                manifest = requests.manifest(place.served, body, request.content_type)
                options = requests.write_options(request.query, agent, verb="Update")
                return 200, _object(place, registry.replace(place, manifest, options))
            case "DELETE", True:
                return 200, self._delete(place, requests.delete_options(request.query, body))
            case "PATCH", True:
                return self._patch(request, place, body)
            case "DELETE", False if "deletecollection" in place.served.kind.verbs:
                return 200, self._delete_collection(request, place, body)
            case _:
                raise answers.method_not_allowed()

    def _patch(self, request: web.BaseRequest, place: Place, body: bytes) -> tuple[int, bytes]:
        registry, media_type = self._cluster.registry, request.content_type
        if media_type not in (patches.APPLY, patches.MERGE, patches.JSON_PATCH):
            known = ", ".join((patches.JSON_PATCH, patches.MERGE, patches.APPLY))
            raise answers.unsupported(
                f"the body of the request was in an unknown format - accepted media types include: {known}"
            )
        options = requests.patch_options(request.query, request.headers.get("User-Agent", ""), media_type)
        if media_type == patches.APPLY:
            wanted = requests.manifest(place.served, body, "application/yaml", strict=True)
            manager = Manager("Apply", options.manager, place.served.kind.api_version, place.subresource)
            force = request.query.get("force") == "true"
            application = apply.Application(wanted=wanted, manager=manager, force=force, options=options)
            new, manifest = apply.apply(registry, place, application)
            return 201 if new else 200, _object(place, manifest)
        live = place.served.with_kind(registry.get(place))
        patched = requests.strip_kind(place.served, patches.patch(live, body, media_type))
        return 200, _object(place, registry.replace(place, patched, options, patched=True))

    def _delete_collection(self, request: web.BaseRequest, place: Place, body: bytes) -> bytes:
        query = reading.parse(request.query)
        wanted = selectors.predicate(place.served, query.labels, query.fields)
        options = requests.delete_options(request.query, body)
        listed = reading.list_objects(self._cluster.storage, place, query)
        for one in self._cluster.registry.places(place.served, place.namespace):
            if wanted is None or wanted(self._cluster.registry.get(one)):
                self._cluster.registry.delete(one, options)
        return listed

    async def _watch(self, request: web.BaseRequest, place: Place) -> web.StreamResponse:
        query = reading.parse(request.query)
        watching.first_revision(query, self._cluster.storage)
        watch = watching.Watch(
            place=place,
            query=query,
            timeout_s=float(request.query.get("timeoutSeconds") or _WATCH_S),
            bookmarks=request.query.get("allowWatchBookmarks") in _TRUE,
        )
        lines = watching.stream(self._cluster.storage, self._cluster.waker, watch)
        response = web.StreamResponse(headers={"Content-Type": _JSON})
        await response.prepare(request)
        try:
            async for line in lines:
                if line:
                    await response.write(line)
            await response.write_eof()
        except ConnectionError:
            pass  # The client went; that ends a watch.
        return response

    def _delete(self, place: Place, options: DeleteOptions) -> bytes:
        deleted = self._cluster.registry.delete(place, options)
        if not deleted.gone or place.served.returns_deleted:
            return _object(place, deleted.manifest)
        details = {"name": place.name, "kind": place.served.kind.resource, "uid": deleted.manifest["metadata"]["uid"]}
        if place.served.kind.group:
            details["group"] = place.served.kind.group
        status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
        return msgspec.json.encode(status)

    async def _body(self, request: web.BaseRequest) -> bytes:
        parts: list[bytes] = []
        size = 0
        async for part in request.content.iter_any():
            size += len(part)
            if size > _MAX_BODY_BYTES:
                message = f"Request entity too large: limit is {_MAX_BODY_BYTES}"
                raise ApiError(413, message, reason="RequestEntityTooLarge")
            parts.append(part)
        return b"".join(parts)

    async def _send_large(self, request: web.BaseRequest, code: int, body: bytes) -> web.Response:
        if len(body) < _GZIP_FROM_BYTES or "gzip" not in request.headers.get("Accept-Encoding", ""):
            return _send(code, body)
        packed = await asyncio.to_thread(_gzip, body)
        return _send(code, packed, {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"})


def _send(code: int, body: bytes, headers: Mapping[str, str] | None = None) -> web.Response:
    content_type = "text/plain" if body == b"ok" else _JSON
    return web.Response(status=code, body=body, content_type=content_type, headers=headers)


def _gzip(body: bytes) -> bytes:
    packer = zlib.compressobj(level=1, wbits=_GZIP_WBITS)
    return packer.compress(body) + packer.flush()


def _object(place: Place, manifest: dict[str, object]) -> bytes:
    return place.served.head + msgspec.json.encode(manifest)[1:]
