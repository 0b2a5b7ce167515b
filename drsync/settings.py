"""What the environment and the command line say about where things are."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from drsync.model.policy import SecretRef


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

    config_dir: str
    """The folder, or the one file, that holds the policies; absolute."""
    config_given: bool
    """Someone asked for it; when not, a missing folder means no policies."""
    key_files: tuple[str, ...]
    secrets_dir: str | None
    site: str
    listen_host: str
    listen_port: int
    ping_url: Hidden | None
    log_format: Literal["text", "json"]


def read_settings(
    environ: Mapping[str, str],
    *,
    cwd: str,
    host: str,
    config: str | None = None,
    key_files: Sequence[str] = (),
    read: Callable[[str], bytes] | None = None,
) -> Settings:
    """Options win over the environment. `host` names this site when nothing else does. Raises UserError."""
    raise NotImplementedError


def secret_path(ref: SecretRef, settings: Settings) -> str:
    """The file that holds the secret. Raises UserError when no folder of mounted Secrets is set."""
    raise NotImplementedError


def resolve_secret(ref: SecretRef, settings: Settings, *, read: Callable[[str], bytes]) -> Hidden:
    """The secret's text without its last newline. Raises UserError."""
    raise NotImplementedError
