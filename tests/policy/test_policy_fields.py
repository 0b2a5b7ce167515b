"""The table of fields and the schema say the same."""

from collections.abc import Iterator
from typing import Any, get_args, get_origin

import pytest
from pydantic import BaseModel

from drsync.model.event import EventKind
from drsync.policy.fields import FIELDS, INERT_VALUES, REFUSED_VALUES, Effect, row_of
from drsync.policy.schema.protection import EventName
from drsync.policy.validate import MODELS, inner_model


def _is_list(annotation: Any) -> bool:
    return get_origin(annotation) is tuple or any(_is_list(part) for part in get_args(annotation))


def schema_fields(model: type[BaseModel], name: str) -> Iterator[tuple[str, bool]]:
    """Every field of the schema, and whether it is a leaf."""
    for info in model.model_fields.values():
        field = f"{name}.{info.alias}"
        inner = inner_model(info.annotation)
        is_map = get_origin(info.annotation) is dict
        yield field, inner is None or is_map
        if inner is not None and not is_map:
            yield from schema_fields(inner, field + ("[]" if _is_list(info.annotation) else ""))


SCHEMA = {field: is_leaf for kind, model in MODELS.items() for field, is_leaf in schema_fields(model, kind)}


@pytest.mark.parametrize("field", [field for field, is_leaf in SCHEMA.items() if is_leaf])
def test_every_field_has_a_row(field: str) -> None:
    assert row_of(field) is not None


def test_every_row_names_a_field_or_a_kind() -> None:
    assert not [field for field in FIELDS if field not in SCHEMA and field not in MODELS]


def test_only_single_fields_are_active() -> None:
    assert not [field for field, row in FIELDS.items() if row.effect is Effect.ACTIVE and not SCHEMA[field]]


def test_every_row_that_is_not_active_says_why() -> None:
    assert not [field for field, row in FIELDS.items() if row.effect is not Effect.ACTIVE and not row.reason]
    assert not [field for field, row in FIELDS.items() if row.effect is Effect.REFUSED and not row.remedy]


def test_values_that_are_refused_belong_to_active_fields() -> None:
    assert not [field for field, _ in REFUSED_VALUES if FIELDS[field].effect is not Effect.ACTIVE]


def test_a_row_below_a_refused_field_does_not_change_it() -> None:
    row = row_of("ProtectionPolicy.spec.hooks[].pre.exec")

    assert row is not None
    assert row.effect is Effect.REFUSED


def test_a_new_field_beside_active_ones_has_no_row_until_someone_writes_it() -> None:
    assert row_of("ProtectionPolicy.spec.select.colour") is None


def test_every_event_can_be_asked_for_and_the_others_are_inert() -> None:
    names = set(get_args(EventName))
    inert = {value for field, value in INERT_VALUES if field == "ProtectionPolicy.spec.notify[].when[]"}

    assert names == {event.value for event in EventKind} | inert
