"""Who we are to an API server, kept fresh: fixed credentials, token files that rotate, plugins that print tokens."""

import os
import re
import signal
import subprocess
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

import msgspec

from drsync.clock import Clock
from drsync.errors import PermissionDenied, UserError
from drsync.kube.kubeconfig import Access, ExecPlugin
from drsync.units import parse_instant

# kubelets renew projected tokens minutes before they end; a minute is how long client-go keeps one, too.
_FILE_AGE_S = 60.0
# A plugin may ask a cloud's login service; one that waits for a person cannot be used unattended.
_PLUGIN_S = 60.0
_EARLY = timedelta(seconds=60)
_TOKEN = re.compile(r"[\x21-\x7e]+", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What is shown to the server: a header, or a client certificate with its key (PEM)."""

    header: str | None = None
    certificate: str = ""
    key: str = ""

    def __repr__(self) -> str:
        return "Identity(…)"


class Credential(Protocol):
    def identity(self) -> Identity:
        """As of now; cheap when nothing has to be read anew."""
        ...

    def renew(self) -> bool:
        """Forgets what is cached; False when reading anew cannot help."""
        ...


class Fixed:
    """Credentials that stand in the kubeconfig."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    def identity(self) -> Identity:
        return self._identity

    def renew(self) -> bool:
        return False


class TokenFile:
    """A file that something else keeps fresh, as projected service account tokens are."""

    def __init__(self, path: Path, *, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._lock = threading.Lock()
        self._identity: Identity | None = None
        self._read_s = 0.0

    def identity(self) -> Identity:
        with self._lock:
            if self._identity is None or self._clock.boot_s() - self._read_s > _FILE_AGE_S:
                self._identity = Identity(header=bearer(self._text(), str(self._path)))
                self._read_s = self._clock.boot_s()
            return self._identity

    def renew(self) -> bool:
        with self._lock:
            self._identity = None
        return True

    def _text(self) -> str:
        try:
            return self._path.read_text("utf-8").strip()
        except (OSError, ValueError) as error:
            raise UserError(
                f"The token file {self._path} cannot be read.", remedy="check that it is there, and its owner and mode"
            ) from error


class Plugin:
    """A credential plugin: run when its last answer ends or was refused."""

    def __init__(self, plugin: ExecPlugin, access: Access, *, clock: Clock) -> None:
        self._plugin = plugin
        self._access = access
        self._clock = clock
        self._lock = threading.Lock()
        self._identity: Identity | None = None
        self._ends: datetime | None = None

    def identity(self) -> Identity:
        with self._lock:
            if self._identity is None or (self._ends and self._clock.now() >= self._ends - _EARLY):
                self._identity, self._ends = run_plugin(self._plugin, self._access)
            return self._identity

    def renew(self) -> bool:
        with self._lock:
            self._identity = None
        return True


class _Status(msgspec.Struct, rename="camel"):
    token: str = ""
    client_certificate_data: str = ""
    client_key_data: str = ""
    expiration_timestamp: str = ""


class _ExecCredential(msgspec.Struct, rename="camel"):
    api_version: str
    status: _Status


def bearer(token: str, source: str) -> str:
    """The header's value. Refuses what would break the header, without showing it."""
    if not _TOKEN.fullmatch(token):
        raise UserError(f"The token in {source} is empty or no token.", remedy="renew it, or write the file anew")
    return f"Bearer {token}"


def run_plugin(plugin: ExecPlugin, access: Access) -> tuple[Identity, datetime | None]:
    """What the plugin prints, and until when it holds. Raises PermissionDenied, with nothing of its output."""
    command = _resolve(plugin.command, access.directory)
    told = _run(command, plugin, access)
    try:
        found = msgspec.json.decode(told, type=_ExecCredential)
        ends = parse_instant(found.status.expiration_timestamp) if found.status.expiration_timestamp else None
    except (ValueError, RecursionError):
        raise _refused(command, "printed no ExecCredential") from None
    if found.api_version != plugin.api_version:
        raise _refused(command, "speaks another apiVersion than the kubeconfig says")
    status = found.status
    if bool(status.client_certificate_data) != bool(status.client_key_data):
        raise _refused(command, "printed a certificate without its key, or a key alone")
    if not status.token and not status.client_certificate_data:
        raise _refused(command, "printed neither a token nor a certificate")
    identity = Identity(
        header=bearer(status.token, "the credential plugin's answer") if status.token else None,
        certificate=status.client_certificate_data,
        key=status.client_key_data,
    )
    return identity, ends


def _run(command: str, plugin: ExecPlugin, access: Access) -> bytes:
    environ = {**os.environ, **{item.name: item.value for item in plugin.env or ()}}
    environ["KUBERNETES_EXEC_INFO"] = msgspec.json.encode(_exec_info(plugin, access)).decode()
    try:
        process = subprocess.Popen(  # noqa: S603 - the user's own kubeconfig names the command
            [command, *(plugin.args or ())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environ,
            cwd=access.directory,
            # its own group, so that whatever it starts ends with it
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise _refused(command, "cannot be started") from error
    with process:
        try:
            told, _ = process.communicate(timeout=_PLUGIN_S)
        except subprocess.TimeoutExpired:
            raise _refused(command, f"did not end within {_PLUGIN_S:.0f} s") from None
        finally:
            _end(process)
    if process.returncode:
        raise _refused(command, f"ended with {process.returncode}")
    return told


def _end(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)


def _exec_info(plugin: ExecPlugin, access: Access) -> dict[str, object]:
    spec: dict[str, object] = {"interactive": False}
    if plugin.provide_cluster_info:
        spec["cluster"] = msgspec.to_builtins(access.cluster)
    return {"apiVersion": plugin.api_version, "kind": "ExecCredential", "spec": spec}


def _resolve(command: str, directory: Path) -> str:
    """As kubectl does: a name is searched in PATH, a relative path starts at the kubeconfig."""
    return str(directory / command) if "/" in command else command


def _refused(command: str, why: str) -> PermissionDenied:
    return PermissionDenied(
        f"The kubeconfig's credential plugin {command} {why}.",
        remedy="run a kubectl command with the same kubeconfig to see the plugin's own words, and log in again",
    )
