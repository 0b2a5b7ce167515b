"""What of a manifest may be shown to people."""

from typing import Any, Final, cast

from drsync.fields import LAST_APPLIED, Fields, mapping, text
from drsync.redaction import HIDDEN, looks_secret

_LONGEST: Final = 200


def shown(path: tuple[str | int, ...], value: Any, *, secret: bool) -> Any:
    """The value at `path` of an object, fit to be printed; `secret` when the object is a Secret."""
    if value is None:
        return None
    if secret and path[:1] in (("data",), ("stringData",)):
        return HIDDEN
    names = [part for part in path if isinstance(part, str)]
    # Beside an env value stands its name, which a path to the value does not tell.
    if any(name == LAST_APPLIED or looks_secret(name) for name in names[-1:]) or names[-2:] == ["env", "value"]:
        return HIDDEN
    return _shown(value)


def _shown(value: Any) -> Any:
    if isinstance(value, dict):
        fields = cast("Fields", value)
        return {name: _field(name, inner, fields) for name, inner in fields.items()}
    if isinstance(value, list):
        return [_shown(item) for item in cast("list[Any]", value)]
    if isinstance(value, str) and len(value) > _LONGEST:
        return f"{value[:_LONGEST]}… ({len(value)} characters)"
    return value


def _field(name: str, value: Any, beside: Fields) -> Any:
    if name == LAST_APPLIED:
        return HIDDEN
    if isinstance(value, str) and looks_secret(text(beside.get("name")) if name == "value" else name):
        return HIDDEN
    # `valueFrom: {secretKeyRef: {name: …}}` names a Secret and tells nothing of it.
    return value if name in ("secretKeyRef", "secretRef") and mapping(value) else _shown(value)
