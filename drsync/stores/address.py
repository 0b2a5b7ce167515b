"""A store's address, read from the URL that a policy or a command gives. It never holds a secret."""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit

from drsync.errors import UserError
from drsync.stores.keys import is_key

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,62}", re.ASCII)
_REGION = re.compile(r"[a-z0-9-]{1,40}", re.ASCII)
_HOST = re.compile(r"\[[0-9a-f:.]+\]|[a-z0-9]([a-z0-9.-]*[a-z0-9])?", re.ASCII | re.IGNORECASE)
_OPTIONS = ("endpoint", "region", "pathStyle", "ca")
_LATER = {"gs": "Google Cloud Storage", "azblob": "Azure Blob Storage"}
_FORMS = "write file:///directory or s3://bucket/prefix?endpoint=…&region=…"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileUrl:
    """`file:///directory`."""

    directory: Path

    def __str__(self) -> str:
        return "file://" + quote(str(self.directory))


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Url:
    """`s3://bucket/prefix?endpoint=https://host:port&region=name&pathStyle=true&ca=/file.pem`."""

    bucket: str
    prefix: str = ""
    endpoint: str = ""
    region: str = ""
    path_style: bool = False
    ca: str = ""

    def __str__(self) -> str:
        options = {"endpoint": self.endpoint, "region": self.region, "ca": self.ca}
        if self.path_style != bool(self.endpoint):
            options["pathStyle"] = str(self.path_style).lower()
        query = urlencode({name: value for name, value in options.items() if value}, safe="/:")
        path = f"/{quote(self.prefix)}" if self.prefix else ""
        return f"s3://{self.bucket}{path}" + (f"?{query}" if query else "")


StoreUrl = FileUrl | S3Url


def parse_url(url: str) -> StoreUrl:
    """Raises UserError for what is no store's address, and for one with a secret in it, which is not repeated."""
    parts = _split(url)
    match parts.scheme:
        case "file":
            return _file(parts)
        case "s3":
            return _s3(parts)
        case "gs" | "azblob":
            raise UserError(
                f"{_LATER[parts.scheme]} cannot be used as a store yet.", remedy="use an s3:// or file:// store"
            )
        case "http" | "https":
            raise UserError(
                "A store's address does not begin with http.", remedy="write s3://bucket/prefix?endpoint=https://host"
            )
        case _:
            raise UserError("The store's address does not say what kind of store it is.", remedy=_FORMS)


def _split(url: str) -> SplitResult:
    if not url.isascii() or not url.isprintable() or len(url) > 2048 or " " in url:
        raise UserError(
            "The store's address has characters that no address has, or is too long.",
            remedy="write other characters as %XX, a space as %20",
        )
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise UserError("The store's address cannot be read.", remedy=_FORMS) from error
    if "@" in parts.netloc:
        raise _secret()
    if parts.fragment:
        raise UserError("The store's address has a part after #.", remedy="write # in a name as %23")
    return parts


def _file(parts: SplitResult) -> FileUrl:
    directory = unquote(parts.path)
    if parts.netloc not in {"", "localhost"}:
        raise UserError(
            "A file store's address names a host.",
            remedy="write three slashes: file:///directory; mount what is remote",
        )
    if parts.query:
        raise UserError("A file store has no options.", remedy="leave out what follows the ?")
    if not directory.startswith("/") or not directory.isprintable() or ".." in directory.split("/"):
        raise UserError("A file store's directory must be absolute and without `..`.", remedy="write file:///directory")
    return FileUrl(directory=Path(directory))


def _s3(parts: SplitResult) -> S3Url:
    options = _options(parts.query)
    prefix = unquote(parts.path).strip("/")
    if not _BUCKET.fullmatch(parts.netloc):
        raise UserError("The store's address names no bucket that could exist.", remedy=_FORMS)
    if prefix and not is_key(prefix):
        raise UserError(
            "The prefix in the store's address cannot begin a key.",
            remedy="use printable ASCII in parts parted by single slashes, none beginning with a dot",
        )
    region = options.get("region", "")
    if region and not _REGION.fullmatch(region):
        raise UserError("The region in the store's address is not a region's name.", remedy="write one as eu-west-1")
    endpoint = _endpoint(options.get("endpoint", ""))
    return S3Url(
        bucket=parts.netloc,
        prefix=prefix,
        endpoint=endpoint,
        region=region,
        path_style=_flag(options.get("pathStyle", ""), default=bool(endpoint)),
        ca=_ca(options.get("ca", "")),
    )


def _options(query: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError as error:
        raise UserError("The options after the ? cannot be read.", remedy="write name=value&name=value") from error
    options = dict(pairs)
    if len(options) != len(pairs):
        raise UserError("An option is given twice in the store's address.", remedy="give it once")
    if set(options) - set(_OPTIONS):
        # Neither name nor value is repeated: either may be a key pasted here.
        raise UserError(
            "The store's address has an option that is not known.",
            remedy=f"use {', '.join(_OPTIONS)}; credentials come from the environment, a profile or a workload "
            "identity, never from the address",
        )
    return options


def _endpoint(text: str) -> str:
    if not text:
        return ""
    wrong = UserError(
        "The endpoint in the store's address is not a server's address.", remedy="write endpoint=https://host:port"
    )
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError as error:
        raise wrong from error
    if "@" in parts.netloc:
        raise _secret()
    host = parts.netloc.rpartition(":")[0] if parts.port is not None else parts.netloc
    if parts.scheme not in {"http", "https"} or not _HOST.fullmatch(host) or parts.query or parts.fragment:
        raise wrong
    return text.rstrip("/")


def _flag(text: str, *, default: bool) -> bool:
    if text not in {"", "true", "false"}:
        raise UserError("pathStyle in the store's address is neither true nor false.", remedy="write pathStyle=true")
    return text == "true" if text else default


def _ca(text: str) -> str:
    if text and not (text.startswith("/") and text.isprintable()):
        raise UserError("ca in the store's address is not an absolute path.", remedy="write ca=/path/to/ca.pem")
    return text


def _secret() -> UserError:
    return UserError(
        "The store's address has a user or password in it, which would end up in logs and in the store.",
        remedy="take it out and change it; give credentials by the environment, a profile or a workload identity",
    )
