"""The kinds of value that fields hold, each with the sentence that says what is wrong with another."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from drsync.units import parse_duration

_HOST = re.compile(r"\[[0-9a-fA-F:.]+\]|[a-zA-Z0-9]([a-zA-Z0-9.-]*[a-zA-Z0-9])?", re.ASCII)


class Fields(BaseModel):
    """Strict: no field that is not listed, no value turned into another type."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, alias_generator=to_camel, hide_input_in_errors=True
    )


def wrong(problem: str, remedy: str) -> PydanticCustomError:
    """Both are sentences; braces in them are kept as they are."""
    return PydanticCustomError("wrong", "{problem}", {"problem": problem, "remedy": remedy})


def _matching(pattern: str, problem: str, remedy: str) -> Callable[[str], str]:
    compiled = re.compile(pattern, re.ASCII)

    def check(text: str) -> str:
        if not compiled.fullmatch(text):
            raise wrong(problem, remedy)
        return text

    return check


def _duration(value: object) -> timedelta:
    if not isinstance(value, str):
        raise wrong("must be a duration.", "write it with its unit, such as 90s, 15m, 1h30m or 7d")
    try:
        return parse_duration(value)
    except ValueError:
        problem = "must be a duration longer than nothing and shorter than a century."
        raise wrong(problem, "write it as 90s, 15m, 1h30m or 7d") from None


def _years(value: object) -> timedelta:
    if isinstance(value, str) and (match := re.fullmatch(r"([1-9][0-9]?)y", value, re.ASCII)):
        return timedelta(days=365 * int(match[1]))
    return _duration(value)


def _duration_or_never(value: object) -> timedelta | None:
    return None if value == "never" else _duration(value)


def _endpoint(text: str) -> str:
    problem, remedy = "must be the address of a server.", "write it as https://host:port, nothing behind it"
    try:
        parts = urlsplit(text)
        port_is_right = parts.port is None or parts.port > 0
    except ValueError:
        raise wrong(problem, remedy) from None
    if parts.username is not None or parts.password is not None:
        raise wrong("must not hold a user or password.", "give credentials in the environment")
    host = parts.netloc.rpartition(":")[0] if parts.port is not None else parts.netloc
    plain = parts.path in {"", "/"} and not parts.query and not parts.fragment and _HOST.fullmatch(host)
    if parts.scheme not in {"http", "https"} or not port_is_right or not plain:
        raise wrong(problem, remedy)
    return text.rstrip("/")


def _web_address(text: str) -> str:
    try:
        parts = urlsplit(text)
        right = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        right = False
    if not right or not text.isprintable() or " " in text:
        raise wrong("must be a web address.", "write it as https://host/path")
    return text


def _prefix(text: str) -> str:
    parts = text.split("/")
    if not re.fullmatch(r"[A-Za-z0-9!_.*'()/-]{1,512}", text, re.ASCII) or any(
        not p or p.startswith(".") for p in parts
    ):
        raise wrong("must be a path of plain words.", "write it as prod or teams/payments, no slash at either end")
    return text


def _file(text: str) -> str:
    if not text or not text.isprintable() or len(text) > 4096:
        raise wrong("must be the path of a file.", "write an absolute path, or one relative to this file's folder")
    return text


DnsLabel = Annotated[
    str,
    AfterValidator(
        _matching(
            r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?",
            "must be a DNS label.",
            "use at most 63 of a-z, 0-9 and -, with a letter or digit at both ends",
        )
    ),
]
Duration = Annotated[timedelta, BeforeValidator(_duration)]
LongDuration = Annotated[timedelta, BeforeValidator(_years)]
DurationOrNever = Annotated[timedelta | None, BeforeValidator(_duration_or_never)]
Endpoint = Annotated[str, AfterValidator(_endpoint)]
WebAddress = Annotated[str, AfterValidator(_web_address)]
Prefix = Annotated[str, AfterValidator(_prefix)]
FilePath = Annotated[str, AfterValidator(_file)]
Text = Annotated[str, Field(min_length=1, max_length=1024)]
Words = Annotated[tuple[Text, ...], Field(min_length=1)]
Count = Annotated[int, Field(ge=0, le=100_000)]
Region = Annotated[
    str, AfterValidator(_matching(r"[a-z0-9-]{1,63}", "must be a region's name.", "write it as us-east-1"))
]
Bucket = Annotated[
    str,
    AfterValidator(
        _matching(
            r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", "must be a bucket's name.", "use a-z, 0-9, - and . as the cloud does"
        )
    ),
]
LabelKey = Annotated[
    str,
    AfterValidator(
        _matching(
            r"([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?",
            "must be a label's key.",
            "write it as app or example.com/app",
        )
    ),
]
LabelValue = Annotated[
    str,
    AfterValidator(
        _matching(
            r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?",
            "must be a label's value.",
            "use at most 63 letters, digits, -, _ and ., with a letter or digit at both ends",
        )
    ),
]
Labels = dict[LabelKey, LabelValue]
NamespaceGlob = Annotated[
    str,
    AfterValidator(
        _matching(
            r"([a-z0-9*?-]|\[!?[a-z0-9-]+\]){1,63}",
            "must be a namespace's name or a pattern of one.",
            "write it as shop, shop-* or shop-[ab]",
        )
    ),
]
KindGlob = Annotated[
    str,
    AfterValidator(
        _matching(
            r"([a-z0-9*?.-]|\[!?[a-z0-9-]+\]){1,253}",
            "must be a kind's plural name or a pattern of one.",
            "write it as secrets, deployments.apps or *.metrics.k8s.io",
        )
    ),
]
SecretWord = Annotated[
    str,
    AfterValidator(
        # No slash and no leading dot: it becomes part of a path.
        _matching(r"[A-Za-z0-9_-][-A-Za-z0-9_.]{0,252}", "must be a plain name.", "use letters, digits, -, _ and .")
    ),
]


class Metadata(Fields):
    """As Kubernetes has it, less what has no meaning in a file."""

    name: DnsLabel
    labels: Labels = Field(default_factory=dict)


class SecretField(Fields):
    """A field of a Secret, mounted as `DIR/secret/field`."""

    secret: SecretWord
    field: SecretWord


class SecretSource(Fields):
    """A field of a Secret, or a file."""

    secret: SecretWord | None = None
    field: SecretWord | None = None
    file: FilePath | None = None


class Requirement(Fields):
    """One expression of a label selector."""

    key: LabelKey
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    values: tuple[LabelValue, ...] = ()


class Selector(Fields):
    """Kubernetes' own label selector; every part must match."""

    match_labels: Labels = Field(default_factory=dict)
    match_expressions: tuple[Requirement, ...] = ()


class Place(Fields):
    """Where something stands."""

    jurisdiction: Text | None = None
    cloud: Text | None = None
    region: Text | None = None
