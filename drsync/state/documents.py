"""Typed values ↔ JSON in the store. Whatever the bytes are, decoding gives a valid value or IntegrityError."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, TypeVar, cast

from pydantic import TypeAdapter, ValidationError
from pydantic_core import CoreSchema, PydanticSerializationError, SchemaValidator

from drsync.errors import DrsyncError, IntegrityError, ObjectExists, ObjectMissing, Unreachable
from drsync.stores.object_store import Blob, ObjectStore

T = TypeVar("T")

LIMIT_BYTES: Final = 256 << 20
"""The largest document read into memory; a checkpoint of 10,000 points takes some 50 MiB."""

_FIRST: Final = datetime(2000, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(2200, 1, 1, tzinfo=UTC)

REMEDY: Final = (
    "someone or something changed it: compare it with a copy or an older version of this store, "
    "and put the right bytes back"
)


def encode(value: object) -> bytes:
    """Compact JSON that `decode` reads back; what it would not read is never written."""
    type_: type[Any] = type(value)
    try:
        data = _adapter(type_).dump_json(value, warnings="none", fallback=_as_json)
        _ = _validator(type_).validate_json(data, strict=True)
    except (PydanticSerializationError, ValidationError) as error:
        why = _first_fault(error) if isinstance(error, ValidationError) else printable(str(error))
        raise DrsyncError(
            f"A {type_.__name__} cannot be kept in the store: {why}.",
            remedy="nothing was written; please report this with the command that led here",
        ) from None
    return data


def decode(type_: type[T], data: bytes, *, what: str) -> T:
    """`what` names the bytes for people: their key. Raises IntegrityError."""
    try:
        return cast("T", _validator(type_).validate_json(data, strict=True))
    except ValidationError as error:
        if _is_of_another_format(error):
            raise IntegrityError(
                f"{what} is of a format that this drsync does not know.", remedy="use a newer drsync"
            ) from None
        raise damaged(what, _first_fault(error)) from None


def fetch(store: ObjectStore, key: str) -> Blob:
    """The whole object, but never more than LIMIT_BYTES of it. Raises ObjectMissing, IntegrityError."""
    blob = store.get(key, length=LIMIT_BYTES + 1)
    if len(blob.data) > LIMIT_BYTES:
        raise damaged(key, f"it is larger than {LIMIT_BYTES >> 20} MiB")
    return blob


def fetch_all(store: ObjectStore, keys: Sequence[str], *, threads: int = 8) -> list[bytes]:
    """The whole of each key that a listing told of, in order. Few are not worth a thread."""

    def one(key: str) -> bytes:
        try:
            return fetch(store, key).data
        except ObjectMissing:
            raise damaged(key, "it is missing, and was there when the store was listed") from None

    if threads <= 1 or len(keys) <= threads:
        return [one(key) for key in keys]
    with ThreadPoolExecutor(threads, thread_name_prefix="fetch") as pool:
        return list(pool.map(one, keys))


def create_once(store: ObjectStore, key: str, data: bytes) -> bytes | None:
    """None when the key now holds `data`, else what was there first.

    `data` must be like no other writer's, which a nonce sees to: what is in the store decides, not
    the answer's code. Raises StoreUnreachable when nobody can tell.
    """
    try:
        store.create(key, data)
    except ObjectExists:
        there = fetch(store, key).data
    except Unreachable as error:
        try:
            there = fetch(store, key).data
        except (ObjectMissing, Unreachable):
            raise error from None  # It may still arrive.
    else:
        return None
    return None if there == data else there


def damaged(what: str, why: str) -> IntegrityError:
    return IntegrityError(f"{what} cannot be what drsync wrote: {why}.", remedy=REMEDY)


def _as_json(value: Any) -> Any:
    """For what is a Mapping by its type and something other than a dict by its nature."""
    if isinstance(value, Mapping):
        return dict(cast("Mapping[Any, Any]", value))
    raise TypeError(f"{type(value).__name__} is not JSON")


def printable(text: str) -> str:
    """What may go to a terminal of a text that anyone may have written."""
    return "".join(c if " " <= c <= "~" else "?" for c in text)[:200]


def _is_of_another_format(error: ValidationError) -> bool:
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    return any(fault["loc"] == ("schema",) for fault in faults)


def _first_fault(error: ValidationError) -> str:
    fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
    # Both halves may quote what was read, which may be anything, and may be meant for a terminal.
    where = ".".join(str(part) for part in fault["loc"])
    return printable(f"{where}: {fault['msg']}" if where else fault["msg"])


@lru_cache(maxsize=64)
def _adapter(type_: Any) -> TypeAdapter[Any]:
    return TypeAdapter(type_)


@lru_cache(maxsize=64)
def _validator(type_: Any) -> SchemaValidator:
    return SchemaValidator(cast("CoreSchema", _in_utc(_adapter(type_).core_schema)))


def _in_utc(schema: Any) -> Any:
    """The schema with every instant held to UTC and to this age.

    A naive instant, or one at the edge of what Python can count, would pass here and raise
    wherever it is first compared or subtracted.
    """
    if isinstance(schema, list):
        return [_in_utc(part) for part in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    copy = {name: _in_utc(part) for name, part in cast("dict[str, Any]", schema).items()}
    if copy.get("type") == "datetime":
        copy |= {"tz_constraint": 0, "ge": _FIRST, "le": _LAST}
    return copy
