"""What the environment and the command line say about where things are."""

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from posixpath import join, normpath
from typing import Literal
from urllib.parse import urlsplit

from drsync.errors import UserError
from drsync.model.policy import SecretRef

Reader = Callable[[str], bytes]
"""Reads a whole file; raises OSError."""

DEFAULT_LISTEN = "127.0.0.1:9742"
MOST_SECRET_BYTES = 64 * 1024
"""No key, token or address is longer; what is longer is the wrong file."""

_SITE = re.compile(r"[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9.]{0,251}[A-Za-z0-9])?", re.ASCII)


class Hidden:
    """A text that is shown only to who asks for it; never in logs, errors or a repr."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "Hidden(…)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Resolved once, in an entry point."""

    cwd: str
    config_dir: str
    """The folder, or the one file, that holds the policies; absolute."""
    config_given: bool
    """Someone asked for it; when not, a missing folder means no policies."""
    key_files: tuple[str, ...]
    secrets_dir: str | None
    """Mounted Secrets: `DIR/secret/field`."""
    site: str
    """Where this process runs, as heartbeats and leases name it."""
    listen_host: str
    listen_port: int
    ping_url: Hidden | None
    """Asked for after each good round of the daemon, so that its silence is noticed elsewhere."""
    log_format: Literal["text", "json"]


def read_settings(
    environ: Mapping[str, str],
    *,
    cwd: str,
    host: str,
    config: str | None = None,
    key_files: Sequence[str] = (),
    read: Reader | None = None,
) -> Settings:
    """Options win over the environment. `host` names this site when nothing else does. Raises UserError.

    An empty variable is one that is not set.
    """
    given = config or environ.get("DRSYNC_CONFIG") or ""
    keys = key_files or [environ.get("DRSYNC_KEY_FILE") or ""]
    secrets = environ.get("DRSYNC_SECRETS") or ""
    listen_host, listen_port = _listen(environ.get("DRSYNC_LISTEN") or DEFAULT_LISTEN)
    return Settings(
        cwd=cwd,
        config_dir=_path(given or "policies", cwd, "DRSYNC_CONFIG"),
        config_given=bool(given),
        key_files=tuple(_path(key, cwd, "DRSYNC_KEY_FILE") for key in keys if key),
        secrets_dir=_path(secrets, cwd, "DRSYNC_SECRETS") if secrets else None,
        site=_site(environ.get("DRSYNC_SITE") or "", host),
        listen_host=listen_host,
        listen_port=listen_port,
        ping_url=_ping_url(environ, cwd, read),
        log_format=_log_format(environ.get("DRSYNC_LOG_FORMAT") or "json"),
    )


def with_config(settings: Settings, config: str) -> Settings:
    """The same settings for other policy files."""
    return replace(settings, config_dir=_path(config, settings.cwd, "--config"), config_given=True)


def secret_path(ref: SecretRef, settings: Settings) -> str:
    """The file that holds the secret. Raises UserError when no folder of mounted Secrets is set."""
    if ref.file:
        return _path(ref.file, settings.cwd, "the key's file")
    if settings.secrets_dir is None:
        raise UserError(
            f"The Secret {ref.secret} cannot be read: no folder of Secrets is set.",
            remedy="mount it as DIR/SECRET/FIELD and set DRSYNC_SECRETS=DIR, or name a file in the policy instead",
        )
    parts = (ref.secret, ref.field)
    if any("/" in part or part in {"", ".", ".."} for part in parts):
        raise UserError("A Secret's name and field must be plain names.", remedy="correct the policy")
    return join(settings.secrets_dir, *parts)


def resolve_secret(ref: SecretRef, settings: Settings, *, read: Reader) -> Hidden:
    """The secret's text without its last newline. Raises UserError."""
    return _read_secret(secret_path(ref, settings), read)


def _read_secret(path: str, read: Reader) -> Hidden:
    remedy = "look at its path, its owner and its mode"
    try:
        data = read(path)
    except OSError as error:
        problem = f"The secret in {path} cannot be read: {error.strerror or 'the file cannot be opened'}."
        raise UserError(problem, remedy=remedy) from error
    try:
        text = data.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        text = ""  # The bytes stay out of the error: they may be the secret.
    if not text or len(data) > MOST_SECRET_BYTES:
        raise UserError(f"The file {path} holds no secret: it is empty, too long or not a text.", remedy=remedy)
    return Hidden(text)


def _path(path: str, cwd: str, what: str) -> str:
    if not path.isprintable():
        raise UserError(f"{what} is not a path.", remedy="name a file or a folder")
    return normpath(join(cwd, path))


def _site(named: str, host: str) -> str:
    if named:
        if not _SITE.fullmatch(named):
            raise UserError("DRSYNC_SITE is not a site's name.", remedy="use a-z, 0-9, - and ., at most 63 of them")
        return named
    plain = re.sub(r"[^a-z0-9.-]", "-", host.lower())[:63].strip("-.")
    return plain or "unnamed"


def _listen(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") if host.startswith("[") else host
    if not colon or not re.fullmatch(r"[0-9]{1,5}", port, re.ASCII) or int(port) > 65_535 or not _is_host(host):
        raise UserError("DRSYNC_LISTEN is not an address.", remedy=f"write it as {DEFAULT_LISTEN} or [::]:9742")
    return host, int(port)


def _is_host(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return _HOST.fullmatch(host) is not None
    return True


def _ping_url(environ: Mapping[str, str], cwd: str, read: Reader | None) -> Hidden | None:
    """From a file where there is one, since other users may see a process's environment."""
    file = environ.get("DRSYNC_PING_URL_FILE") or ""
    url = environ.get("DRSYNC_PING_URL") or ""
    if file and read is not None:
        url = _read_secret(_path(file, cwd, "DRSYNC_PING_URL_FILE"), read).reveal()
    if not url:
        return None
    try:
        parts = urlsplit(url)
        is_right = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_right = False
    if not is_right or not url.isprintable() or " " in url:
        # The address itself is a secret, and is not repeated.
        raise UserError("DRSYNC_PING_URL is not a web address.", remedy="write it as https://host/path")
    return Hidden(url)


def _log_format(text: str) -> Literal["text", "json"]:
    match text:
        case "text" | "json":
            return text
        case _:
            raise UserError("DRSYNC_LOG_FORMAT is neither text nor json.", remedy="set it to json, or unset it")
