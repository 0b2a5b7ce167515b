"""Stores agree with a plain dictionary, and listings are in byte order whatever the server's order."""

import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drsync.clock import SystemClock
from drsync.errors import ObjectExists, Refused, UserError, VersionChanged
from drsync.stores.drivers.byte_order import in_byte_order, safe_start
from drsync.stores.drivers.file import FileStore
from drsync.stores.keys import check_prefix, is_key
from drsync.stores.object_store import ObjectInfo, ObjectStore
from drsync.stores.wrappers.prefix import Prefixed
from tests.contracts.object_store import keys
from tests.fakes.memory_store import MemoryStore

parts = st.text(alphabet="ab-.0~", min_size=1, max_size=3).filter(lambda part: not part.startswith("."))
some_keys = st.lists(parts, min_size=1, max_size=3).map("/".join)
operations = st.lists(
    st.tuples(st.sampled_from(["create", "replace", "delete", "list"]), some_keys, st.binary(max_size=4)), max_size=25
)


@given(operations)
@settings(max_examples=60)
def test_a_directory_does_what_a_dictionary_does(steps: Sequence[tuple[str, str, bytes]]):
    with tempfile.TemporaryDirectory() as folder:
        _agree(FileStore(Path(folder), clock=SystemClock()), steps)


@given(operations)
def test_memory_does_what_a_dictionary_does(steps: Sequence[tuple[str, str, bytes]]):
    _agree(MemoryStore(), steps)


@given(operations)
def test_a_prefix_does_what_a_dictionary_does(steps: Sequence[tuple[str, str, bytes]]):
    _agree(Prefixed(MemoryStore(), "a/b"), steps)


@given(
    found=st.sets(some_keys, max_size=25),
    prefix=st.one_of(st.just(""), some_keys, some_keys.map(lambda key: key + "/")),
    after=st.one_of(st.just(""), some_keys, some_keys.map(lambda key: key + "/~")),
)
@pytest.mark.parametrize("is_by_folder", [False, True])
def test_a_listing_is_whole_and_in_byte_order(found: set[str], prefix: str, after: str, is_by_folder: bool):
    listed = _listed_by_server(_without_folders(found), prefix, safe_start(prefix, after), is_by_folder)

    ordered = [info.key for info in in_byte_order(listed, prefix)]

    expected = sorted(key for key in _without_folders(found) if key.startswith(prefix))
    assert ordered == sorted(ordered)
    assert [key for key in ordered if key > after] == [key for key in expected if key > after]


def test_a_flat_listing_is_not_held_back():
    def forever() -> Iterator[ObjectInfo]:
        for number in range(10**9):
            yield _info(f"log/shop/{number:020}.json")

    assert next(in_byte_order(forever(), "log/shop/")).key.endswith("0.json")


@given(st.text(max_size=600))
def test_what_is_a_key_is_a_prefix(text: str):
    if is_key(text):
        check_prefix(text)
        check_prefix(text[:-1])
        if len(text) < 512:
            check_prefix(text + "/")
    elif "/" not in text and text and not text.startswith("."):
        with pytest.raises(UserError):
            check_prefix(text)


def _agree(store: ObjectStore, steps: Sequence[tuple[str, str, bytes]]) -> None:
    model: dict[str, bytes] = {}
    versions: dict[str, str] = {}
    for name, key, data in steps:
        if _clashes(key, model):
            continue
        match name:
            case "create" if key in model:
                with pytest.raises(ObjectExists):
                    store.create(key, data)
            case "create":
                versions[key] = store.create(key, data)
                model[key] = data
            case "replace" if key in model:
                versions[key] = store.replace(key, data, version=versions[key])
                model[key] = data
            case "replace":
                with pytest.raises((VersionChanged, Refused)):
                    store.replace(key, data, version=versions.get(key, "none"))
            case "delete":
                store.delete(key, version=versions.get(key, "none"))
                model.pop(key, None)
            case _:
                assert keys(store, key[:2], after=key) == sorted(k for k in model if k.startswith(key[:2]) and k > key)
    assert {info.key: store.get(info.key).data for info in store.list("")} == model


def _clashes(key: str, model: dict[str, bytes]) -> bool:
    """A key is never another's folder; what stores do then is not of this law."""
    return any(other.startswith(key + "/") or key.startswith(other + "/") for other in model)


def _without_folders(found: set[str]) -> list[str]:
    return [key for key in found if not any(other.startswith(key + "/") for other in found)]


def _listed_by_server(found: Sequence[str], prefix: str, start: str, is_by_folder: bool) -> Iterator[ObjectInfo]:
    if not is_by_folder:
        return (_info(key) for key in sorted(found) if key.startswith(prefix) and key > start)
    # As SeaweedFS does: names are compared folder by folder, and a start that names a folder skips it.
    after = start.split("/")
    return (
        _info(key)
        for key in sorted(found, key=lambda key: key.split("/"))
        if key.startswith(prefix) and (not start or (key.split("/") > after and key.split("/")[: len(after)] != after))
    )


def _info(key: str) -> ObjectInfo:
    return ObjectInfo(key=key, size_bytes=0, version="v", modified=datetime(2026, 8, 21, tzinfo=UTC))
