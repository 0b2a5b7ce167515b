"""Which server, whose credentials: read from kubeconfig text or from what a pod is given.

Messages name files, contexts and fields, never values: any of them may be a secret.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from drsync.errors import UserError

_LARGEST = 4 << 20
_POD_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class EnvVar(msgspec.Struct, frozen=True):
    name: str
    value: str


class ExecPlugin(msgspec.Struct, frozen=True, rename="camel"):
    """A command that prints an ExecCredential."""

    command: str
    api_version: str
    args: tuple[str, ...] | None = None
    env: tuple[EnvVar, ...] | None = None
    provide_cluster_info: bool = False

    def __repr__(self) -> str:
        return f"ExecPlugin({self.command!r}, …)"


class ClusterEntry(msgspec.Struct, frozen=True, rename="kebab", omit_defaults=True):
    server: str
    certificate_authority: str | None = None
    certificate_authority_data: str | None = None
    insecure_skip_tls_verify: bool | None = None
    tls_server_name: str | None = None
    proxy_url: str | None = None
    """May hold a password."""

    def __repr__(self) -> str:
        return f"ClusterEntry({self.server!r}, …)"


class UserEntry(msgspec.Struct, frozen=True, rename="kebab", omit_defaults=True):
    token: str | None = None
    token_file: str | None = msgspec.field(default=None, name="tokenFile")
    client_certificate: str | None = None
    client_certificate_data: str | None = None
    client_key: str | None = None
    client_key_data: str | None = None
    username: str | None = None
    password: str | None = None
    exec: ExecPlugin | None = None
    auth_provider: dict[str, Any] | None = None

    def __repr__(self) -> str:
        return "UserEntry(…)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """One context, resolved; paths in it are absolute."""

    context: str
    source: str
    """The file it came from, or that it is the pod's own account; for messages."""
    directory: Path
    cluster: ClusterEntry
    user: UserEntry


class _Named(msgspec.Struct):
    name: str


class _NamedCluster(_Named):
    cluster: ClusterEntry


class _NamedUser(_Named):
    user: UserEntry | None = None


class _Context(msgspec.Struct):
    cluster: str
    user: str = ""


class _NamedContext(_Named):
    context: _Context


class _File(msgspec.Struct, rename="kebab"):
    current_context: str | None = None
    clusters: list[_NamedCluster] | None = None
    users: list[_NamedUser] | None = None
    contexts: list[_NamedContext] | None = None


_Entry = TypeVar("_Entry", bound=_Named)


def read_access(paths: Sequence[Path], context: str | None) -> Access:
    """The context out of kubeconfig files, of which the first to define a name wins. Raises UserError."""
    found = [(path, _parse(path)) for path in paths if path.exists()]
    if not found:
        raise UserError(
            f"No kubeconfig at {_shown(paths)}.",
            remedy="set kubeconfig on the ClusterTarget, or KUBECONFIG, to a file that is there",
        )
    wanted = context or next((file.current_context for _, file in found if file.current_context), None)
    if not wanted:
        raise UserError(
            f"{_shown(paths)} names no current context.",
            remedy=f"choose one of its contexts: {_names([c for _, f in found for c in f.contexts or []])}",
        )
    source, chosen = _find([(p, f.contexts) for p, f in found], wanted, "context")
    cluster_source, cluster = _find([(p, f.clusters) for p, f in found], chosen.context.cluster, "cluster")
    user_source, user = source, None
    if chosen.context.user:
        user_source, user = _find([(p, f.users) for p, f in found], chosen.context.user, "user")
    directory = user_source.absolute().parent
    return Access(
        context=wanted,
        source=str(source),
        directory=directory,
        cluster=_absolute_cluster(cluster.cluster, cluster_source.absolute().parent),
        user=_absolute_user((user and user.user) or UserEntry(), directory),
    )


def pod_access(environ: Mapping[str, str], account: Path = _POD_ACCOUNT) -> Access | None:
    """The account that a pod is given; None outside of a pod, or in one without an account."""
    host, port = environ.get("KUBERNETES_SERVICE_HOST", ""), environ.get("KUBERNETES_SERVICE_PORT", "443")
    if not host or not (account / "token").exists():
        return None
    return Access(
        context="in-cluster",
        source="the pod's service account",
        directory=account,
        cluster=ClusterEntry(
            server=f"https://{f'[{host}]' if ':' in host else host}:{port}",
            certificate_authority=str(account / "ca.crt"),
        ),
        user=UserEntry(token_file=str(account / "token")),
    )


def default_paths(environ: Mapping[str, str]) -> list[Path]:
    """Where a person's own kubeconfig is."""
    listed = [Path(part).expanduser() for part in environ.get("KUBECONFIG", "").split(":") if part]
    return listed or [Path(environ.get("HOME", "~")).expanduser() / ".kube" / "config"]


def _parse(path: Path) -> _File:
    remedy = "write the file anew, or name another one; `kubectl config view` with it must work"
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(
            f"{path} cannot be read: {error.strerror}.", remedy="check the file's owner and mode"
        ) from error
    if len(data) > _LARGEST:
        raise UserError(f"{path} is larger than a kubeconfig may be.", remedy=remedy)
    try:
        return msgspec.convert(yaml.safe_load(data), _File)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        # the parser's own words quote the file, and the file holds credentials
        raise UserError(f"{path}{place} is not valid YAML.", remedy=remedy) from None
    except msgspec.ValidationError as error:
        raise UserError(f"{path} is no kubeconfig: {error}.", remedy=remedy) from None
    except (yaml.YAMLError, ValueError, RecursionError):
        raise UserError(f"{path} is not valid YAML.", remedy=remedy) from None


def _find(files: Sequence[tuple[Path, Sequence[_Entry] | None]], name: str, what: str) -> tuple[Path, _Entry]:
    for path, entries in files:
        for entry in entries or ():
            if entry.name == name:
                return path, entry
    there = _names([entry for _, entries in files for entry in entries or ()])
    raise UserError(
        f"{_shown([path for path, _ in files])} has no {what} named {name!r}.",
        remedy=f"use one that is there: {there}",
    )


def _names(entries: Sequence[_Named]) -> str:
    return ", ".join(sorted({entry.name for entry in entries})[:20]) or "none"


def _shown(paths: Sequence[Path]) -> str:
    return ", ".join(map(str, paths))


def _absolute_cluster(cluster: ClusterEntry, directory: Path) -> ClusterEntry:
    return msgspec.structs.replace(cluster, certificate_authority=_absolute(cluster.certificate_authority, directory))


def _absolute_user(user: UserEntry, directory: Path) -> UserEntry:
    return msgspec.structs.replace(
        user,
        token_file=_absolute(user.token_file, directory),
        client_certificate=_absolute(user.client_certificate, directory),
        client_key=_absolute(user.client_key, directory),
    )


def _absolute(path: str | None, directory: Path) -> str | None:
    return str(directory / path) if path else None
