"""Opens a cluster: kubeconfig, in-cluster account, credential plugins, TLS and proxies.

The `kubernetes` package reads the kubeconfig's entries into TLS, certificates, basic auth and proxies. What it
does not do well enough unattended is done here: plugins run under a deadline and their failure is
told, token files are read again, private keys that it writes to temporary files are gone before
connect() returns, and one TLS context serves all connections.
"""

import base64
import ipaddress
import os
import ssl
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import msgspec
import urllib3
from kubernetes.client.configuration import Configuration
from kubernetes.client.rest import should_bypass_proxies
from kubernetes.config import kube_config
from kubernetes.config.config_exception import ConfigException
from urllib3.util import make_headers
from urllib3.util.ssl_ import create_urllib3_context

from drsync.clock import Cancellation, Clock, SystemClock
from drsync.errors import UserError
from drsync.kube.client import KubeClient
from drsync.kube.credentials import Credential, Fixed, Identity, Plugin, TokenFile, bearer
from drsync.kube.kubeconfig import Access, UserEntry, default_paths, pod_access, read_access
from drsync.kube.wire import Timeouts, Wire
from drsync.model.policy import ClusterTarget

_TIMEOUTS = Timeouts()
_CONTEXT_PREFIX = "context/"


def connect(
    target: ClusterTarget,
    *,
    timeouts: Timeouts = _TIMEOUTS,
    connections: int = 8,
    clock: Clock | None = None,
    cancel: Cancellation | None = None,
    environ: Mapping[str, str] = os.environ,
) -> KubeClient:
    """A client for the cluster; asks nothing of it yet. A target named `context/NAME` is that context.

    Raises UserError for a kubeconfig that cannot be used, PermissionDenied when its credential plugin fails.
    """
    clock = clock or SystemClock()
    access = _access(target, environ)
    transport = PooledTransport(access, _credential(access, clock), connections=connections)
    wire = Wire(transport, timeouts=timeouts, clock=clock, cancel=cancel or Cancellation())
    return KubeClient(wire, connections=connections)


class PooledTransport:
    """urllib3's pool, with the kubeconfig's TLS and proxy; made anew when the client certificate changes."""

    def __init__(self, access: Access, credential: Credential, *, connections: int) -> None:
        self._access = access
        self._credential = credential
        self._connections = connections
        self._lock = threading.Lock()
        url = _server_url(access)
        self._gzip = not _is_loopback(url)
        self._server = url.geturl().rstrip("/")
        self._path = url.path.rstrip("/")
        identity = credential.identity()
        if url.scheme == "http" and self._gzip and (identity.header or identity.certificate):
            raise UserError(
                f"{self._server} would get the credentials unencrypted.",
                remedy="use the https URL of the API server",
            )
        self._certificate: str = identity.certificate
        self._open = _open_pool(access, identity, self._server, connections)

    @property
    def server(self) -> str:
        return self._server

    @property
    def gzip(self) -> bool:
        return self._gzip

    def urlopen(
        self, method: str, path: str, *, body: bytes | None, headers: dict[str, str], timeout: urllib3.Timeout
    ) -> urllib3.BaseHTTPResponse:
        opened = self._current()
        # through a proxy, plain HTTP needs the whole URL
        where = self._server + path if isinstance(opened, urllib3.ProxyManager) else self._path + path
        return opened.urlopen(
            method,
            where,
            body=body,
            headers=headers,
            timeout=timeout,
            retries=False,
            redirect=False,
            preload_content=False,
        )

    def authorization(self) -> str | None:
        return self._credential.identity().header

    def renew(self) -> bool:
        return self._credential.renew()

    def close(self) -> None:
        _close(self._open)

    def _current(self) -> "urllib3.ProxyManager | urllib3.HTTPConnectionPool":
        identity = self._credential.identity()
        if identity.certificate != self._certificate:
            with self._lock:
                if identity.certificate != self._certificate:
                    _close(self._open)
                    self._open = _open_pool(self._access, identity, self._server, self._connections)
                    self._certificate = identity.certificate
        return self._open


def _access(target: ClusterTarget, environ: Mapping[str, str]) -> Access:
    context = target.context
    if context is None and target.name.startswith(_CONTEXT_PREFIX):
        context = target.name.removeprefix(_CONTEXT_PREFIX)
    if target.kubeconfig:
        return read_access([Path(target.kubeconfig).expanduser()], context)
    pod = pod_access(environ) if context is None else None
    return pod or read_access(default_paths(environ), context)


def _credential(access: Access, clock: Clock) -> Credential:
    user = access.user
    if user.auth_provider is not None:
        raise UserError(
            f"{access.source}: context {access.context!r} uses an auth-provider, which Kubernetes has abandoned.",
            remedy="use a credential plugin (exec), a client certificate or a service account's token instead",
        )
    if user.token_file:
        return TokenFile(Path(user.token_file), clock=clock)
    if user.token:
        return Fixed(Identity(header=bearer(user.token, access.source)))
    if user.exec:
        return Plugin(user.exec, access, clock=clock)
    if user.username is not None:
        pair = f"{user.username}:{user.password or ''}"
        return Fixed(Identity(header=make_headers(basic_auth=pair)["authorization"]))
    return Fixed(Identity())


def _open_pool(
    access: Access, identity: Identity, server: str, connections: int
) -> "urllib3.ProxyManager | urllib3.HTTPConnectionPool":
    # the package writes keys to files, for OpenSSL reads nothing else; they are loaded, then removed
    with tempfile.TemporaryDirectory(prefix="drsync-") as private:
        configuration = _configuration(access, identity, private)
        tls = _tls(configuration, access) if server.startswith("https:") else None
    options: dict[str, object] = {"maxsize": connections, "block": False}
    if tls:
        options |= {"ssl_context": tls, "server_hostname": configuration.tls_server_name}
        if configuration.tls_server_name:
            options["assert_hostname"] = configuration.tls_server_name
    proxy = _proxy(configuration, access, server)
    if not proxy:
        return urllib3.connectionpool.connection_from_url(server, **options)
    try:
        return urllib3.ProxyManager(proxy, **options)  # pyright: ignore[reportArgumentType]
    except (ValueError, urllib3.exceptions.HTTPError):
        raise UserError(
            f"The proxy for {server} is no http or https URL.", remedy="correct proxy-url, or HTTPS_PROXY"
        ) from None


def _configuration(access: Access, identity: Identity, directory: str) -> Configuration:
    user = access.user
    if identity.certificate:
        user = UserEntry(client_certificate_data=_base64(identity.certificate), client_key_data=_base64(identity.key))
    # tokens and plugins are ours; what is left for the package are certificates
    kept = msgspec.structs.replace(user, token=None, token_file=None, exec=None, username=None, password=None)
    document = {
        "current-context": "it",
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
        "clusters": [{"name": "it", "cluster": msgspec.to_builtins(access.cluster)}],
        "users": [{"name": "it", "user": msgspec.to_builtins(kept)}],
    }
    configuration = Configuration()
    try:
        kube_config.load_kube_config_from_dict(  # pyright: ignore[reportUnknownMemberType]
            document, client_configuration=configuration, persist_config=False, temp_file_path=directory
        )
    except ConfigException as error:
        raise _unusable(access, "names a certificate or key file that is not there") from error
    except (ValueError, TypeError, AttributeError):
        raise _unusable(access, "holds certificate data that is no base64") from None
    return configuration


def _tls(configuration: Configuration, access: Access) -> ssl.SSLContext:
    context = create_urllib3_context()
    try:
        if not configuration.verify_ssl:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            # the kubeconfig asks for it, so saying it on every request helps nobody
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        elif configuration.ssl_ca_cert:
            context.load_verify_locations(cafile=configuration.ssl_ca_cert)
        else:
            context.load_default_certs()
        if configuration.cert_file:
            # a password is given lest OpenSSL asks the terminal for one
            context.load_cert_chain(configuration.cert_file, configuration.key_file, password=b"")
    except (ssl.SSLError, OSError) as error:
        raise _unusable(access, "holds a certificate, key or CA that OpenSSL cannot use") from error
    return context


def _proxy(configuration: Configuration, access: Access, server: str) -> str | None:
    if access.cluster.proxy_url:
        return access.cluster.proxy_url
    # as Go's clients do: never a proxy from the environment for this very host
    if _is_loopback(urlsplit(server)) or should_bypass_proxies(server, configuration.no_proxy or ""):
        return None
    return configuration.proxy


def _server_url(access: Access) -> SplitResult:
    try:
        url = urlsplit(access.cluster.server.strip())
        sound = url.scheme in {"http", "https"} and url.hostname and not url.username and url.port != 0
    except ValueError:
        sound, url = False, urlsplit("")
    if not sound:
        raise _unusable(access, "has a server that is no https://HOST:PORT URL without user and password")
    return url._replace(query="", fragment="")


def _is_loopback(url: SplitResult) -> bool:
    host = url.hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _close(opened: "urllib3.ProxyManager | urllib3.HTTPConnectionPool") -> None:
    if isinstance(opened, urllib3.ProxyManager):
        opened.clear()
    else:
        opened.close()


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _unusable(access: Access, why: str) -> UserError:
    return UserError(
        f"{access.source}: context {access.context!r} {why}.",
        remedy="correct the kubeconfig; `kubectl version` with it must work",
    )
