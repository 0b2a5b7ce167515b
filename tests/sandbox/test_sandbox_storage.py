"""What a sandbox remembers: on disk before it answers, whole after a kill, no larger than it must be."""

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsync.errors import IntegrityError
from drsync.sandbox import change_log
from drsync.sandbox.fields import from_fields_v1, to_fields_v1
from drsync.sandbox.patches import merge
from drsync.sandbox.storage import Storage


def manifest(name: str, value: str = "1") -> dict[str, object]:
    return {"metadata": {"name": name, "uid": name}, "data": {"a": value}}


def everything(storage: Storage):
    return {(resource, key): stored for resource, key, stored in storage.live()}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state.jsonl"


@pytest.fixture
def filled(path):
    storage = Storage(path)
    for number in range(5):
        storage.put("configmaps", f"app/c{number}", manifest(f"c{number}"))
    storage.put("configmaps", "app/c1", manifest("c1", "2"))
    storage.remove("configmaps", "app/c3")
    yield storage
    storage.close()


def test_a_new_process_knows_the_same_present_past_and_revision(filled, path) -> None:
    again = Storage(path)

    assert everything(again) == everything(filled)
    assert again.revision == filled.revision == 7
    assert again.at("configmaps", 5) == filled.at("configmaps", 5)
    again.close()


def test_a_line_cut_off_by_a_kill_is_dropped_and_the_next_one_is_whole(filled, path) -> None:
    with path.open("ab") as file:
        file.write(b'{"r":8,"k":"configmaps","n":"app/torn","o":{"metad')

    again = Storage(path)
    again.put("configmaps", "app/after", manifest("after"))
    third = Storage(path)

    assert again.get("configmaps", "app/torn") is None
    assert everything(third) == everything(again)
    again.close()
    third.close()


def test_a_damaged_line_in_the_middle_is_an_error_with_a_remedy(filled, path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b"garbage\n" + b"".join(lines[1:]))

    with pytest.raises(IntegrityError, match="Line 2") as caught:
        Storage(path)

    assert "remove its directory" in caught.value.remedy


def test_a_write_that_the_disk_refuses_leaves_no_half_line(filled, path, monkeypatch) -> None:
    real = os.write
    monkeypatch.setattr(change_log.os, "write", lambda file, data: real(file, data[:10]))
    with pytest.raises(OSError, match="No space left"):
        filled.put("configmaps", "app/big", manifest("big"))
    monkeypatch.undo()
    filled.put("configmaps", "app/small", manifest("small"))

    again = Storage(path)

    assert again.get("configmaps", "app/big") is None
    assert again.get("configmaps", "app/small") is not None
    again.close()


def test_compaction_is_remembered(filled, path) -> None:
    filled.compact(6)

    again = Storage(path)

    assert again.compacted == 6
    assert again.at("configmaps", 6) == filled.at("configmaps", 6)
    assert again.changes("configmaps", after=6) == filled.changes("configmaps", after=6)
    again.close()


def test_a_log_of_mostly_the_past_is_rewritten(path, monkeypatch) -> None:
    monkeypatch.setattr(change_log, "_WASTE_FLOOR_BYTES", 1000)
    storage = Storage(path)
    for number in range(200):
        storage.put("configmaps", "app/one", manifest("one", str(number)))
    storage.put("configmaps", "app/gone", manifest("gone"))
    storage.remove("configmaps", "app/gone")
    before = path.stat().st_size
    storage.compact(storage.revision - 1)
    storage.put("configmaps", "app/two", manifest("two"))

    again = Storage(path)

    assert path.stat().st_size < before / 10
    assert everything(again) == everything(storage)
    assert again.revision == storage.revision
    assert again.at("configmaps", 201) == storage.at("configmaps", 201)
    storage.close()
    again.close()


def test_the_state_is_for_its_owner_alone(filled, path) -> None:
    assert path.stat().st_mode & 0o777 == 0o600


names = st.text("abc.", min_size=1, max_size=3).map("f:{}".format)
paths = st.sets(st.lists(names, min_size=1, max_size=4).map(tuple), max_size=12)


@given(paths)
def test_sets_of_fields_survive_their_nested_form(owned) -> None:
    assert set(from_fields_v1(to_fields_v1(owned))) == owned


documents = st.recursive(
    st.integers() | st.text(max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abcd"), inner, max_size=3) | st.lists(inner, max_size=2),
    max_leaves=8,
)
patches = st.recursive(
    st.none() | st.integers(),
    lambda inner: st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
    max_leaves=8,
)


@given(documents, patches)
def test_a_merge_patch_done_twice_is_done_once(document, change) -> None:
    once = merge(document, change)

    assert merge(once, change) == once


@given(documents)
def test_an_empty_patch_changes_nothing(document) -> None:
    before = json.dumps(document)

    merge(document, {}) if isinstance(document, dict) else None

    assert json.dumps(document) == before
