"""What every object store must do, whichever driver and whichever server.

A test module makes a `store` fixture and a class of its own:

    class TestMemory(ObjectStoreContract): ...

Where a server is known to fall short, that class overrides the one test with `xfail(strict)` and the reason.
"""

import secrets
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from drsync.errors import ObjectExists, ObjectMissing, Refused, UserError, VersionChanged
from drsync.stores.object_store import ObjectStore

TEN = b"0123456789"
RACERS = 8

# In byte order: "-" < "." < "/" < "0", and upper case before lower case.
ORDERED_KEYS = ("Z/1", "a!b", "a-b", "a.b", "a/b", "a/b-c", "a/b.c", "a/c/d", "a0", "aB", "ab/c", "a~", "b")
ODD_KEYS = (
    "sp ace/a b",
    "pct%41",
    "plus+plus",
    "quote'\"",
    "amp&<x>",
    "semi;,=@:$",
    "q?x#y",
    "back\\slash",
    "br[0]{1}|^`",
    "x..y/z.",
)
HOSTILE_KEYS = (
    "",
    "/",
    "/etc/passwd",
    "a/",
    "a//b",
    ".",
    "..",
    "../a",
    "a/../b",
    "a/./b",
    "a/..",
    ".hidden",
    "a/.hidden",
    ".drsync/lock",
    "nul\0",
    "line\nbreak",
    "tab\t",
    "del\x7f",
    "umläut",
    "\u202ekey",
    "\ud800",
    "a" * 201,
    "/".join(["a" * 100] * 6),
)


class ObjectStoreContract:
    """Every test begins with an empty store of its own."""

    # conditional writes

    def test_what_was_created_can_be_read(self, store: ObjectStore):
        version = store.create("repo/p/ab", TEN)

        blob = store.get("repo/p/ab")
        assert (blob.data, blob.version) == (TEN, version)

    def test_create_leaves_what_is_there(self, store: ObjectStore):
        version = store.create("a/b", b"first")

        with pytest.raises(ObjectExists):
            store.create("a/b", b"second")
        assert store.get("a/b").data == b"first"
        assert store.get("a/b").version == version

    def test_create_refuses_even_the_same_bytes(self, store: ObjectStore):
        store.create("a/b", b"same")

        with pytest.raises(ObjectExists):
            store.create("a/b", b"same")

    def test_replace_writes_over_the_version_it_names(self, store: ObjectStore):
        first = store.create("lease/x", b"first")

        second = store.replace("lease/x", b"second", version=first)

        assert second != first
        assert store.get("lease/x").data == b"second"
        assert store.get("lease/x").version == second

    def test_replace_refuses_a_stale_version(self, store: ObjectStore):
        first = store.create("lease/x", b"first")
        store.replace("lease/x", b"second", version=first)

        with pytest.raises(VersionChanged):
            store.replace("lease/x", b"third", version=first)
        assert store.get("lease/x").data == b"second"

    def test_replace_makes_nothing_new(self, store: ObjectStore):
        version = store.create("lease/x", b"first")

        with pytest.raises(VersionChanged):
            store.replace("lease/other", b"second", version=version)
        assert store.head("lease/other") is None

    def test_a_version_does_not_outlive_its_object(self, store: ObjectStore):
        first = store.create("lease/x", b"first life")
        store.delete("lease/x", version=first)
        second = store.create("lease/x", b"second life")

        with pytest.raises(VersionChanged):
            store.replace("lease/x", b"third", version=first)
        with pytest.raises(VersionChanged):
            store.delete("lease/x", version=first)
        assert store.get("lease/x").version == second

    def test_a_version_does_not_come_back_with_its_bytes(self, store: ObjectStore):
        first = store.create("lease/x", b"A")
        second = store.replace("lease/x", b"B", version=first)
        store.replace("lease/x", b"A", version=second)

        with pytest.raises(VersionChanged):
            store.replace("lease/x", b"C", version=first)

    # deletes

    def test_delete_removes_the_version_it_names(self, store: ObjectStore):
        version = store.create("a/b", b"x")

        store.delete("a/b", version=version)

        assert store.head("a/b") is None
        assert keys(store) == []
        with pytest.raises(ObjectMissing):
            store.get("a/b")

    def test_delete_refuses_a_stale_version(self, store: ObjectStore):
        first = store.create("a/b", b"first")
        store.replace("a/b", b"second", version=first)

        with pytest.raises(VersionChanged):
            store.delete("a/b", version=first)
        assert store.get("a/b").data == b"second"

    def test_delete_of_what_is_absent_is_no_error(self, store: ObjectStore):
        version = store.create("a/b", b"x")

        store.delete("a/other", version=version)
        store.delete("a/b", version=version)
        store.delete("a/b", version=version)

        assert keys(store) == []

    def test_a_deleted_key_can_be_created_again(self, store: ObjectStore):
        store.delete("a/b/c", version=store.create("a/b/c", b"first"))

        store.create("a/b/c", b"second")

        assert store.get("a/b/c").data == b"second"

    def test_delete_leaves_the_neighbours(self, store: ObjectStore):
        versions = {key: store.create(key, b"x") for key in ("a", "a1", "b/a", "b/a1", "b/c/d")}

        store.delete("b/a", version=versions["b/a"])

        assert keys(store) == ["a", "a1", "b/a1", "b/c/d"]

    # reads

    def test_what_is_absent_is_missing(self, store: ObjectStore):
        store.create("a/b", b"x")

        assert store.head("a/other") is None
        with pytest.raises(ObjectMissing):
            store.get("a/other")

    def test_a_folder_is_not_an_object(self, store: ObjectStore):
        store.create("a/b/c", b"x")

        assert store.head("a/b") is None
        with pytest.raises(ObjectMissing):
            store.get("a/b")

    def test_there_is_nothing_within_an_object(self, store: ObjectStore):
        store.create("a/b", b"x")

        assert store.head("a/b/c") is None
        with pytest.raises(ObjectMissing):
            store.get("a/b/c")

    @pytest.mark.parametrize(
        ("start", "length", "expected"),
        [
            (0, None, TEN),
            (3, None, b"3456789"),
            (3, 4, b"3456"),
            (0, 1, b"0"),
            (0, 0, b""),
            (8, 1000, b"89"),
            (9, 1, b"9"),
            (10, None, b""),
            (10, 1, b""),
            (25, 3, b""),
            (-4, None, b"6789"),
            (-4, 2, b"67"),
            (-4, 0, b""),
            (-10, None, TEN),
            (-1000, None, TEN),
            (-1000, 3, b"012"),
        ],
    )
    def test_a_part_can_be_read(self, store: ObjectStore, start: int, length: int | None, expected: bytes):
        version = store.create("a/b", TEN)

        blob = store.get("a/b", start=start, length=length)

        assert (blob.data, blob.version) == (expected, version)

    @pytest.mark.parametrize(("start", "length"), [(0, None), (0, 5), (3, None), (3, 1), (-3, None), (-3, 1), (0, 0)])
    def test_an_empty_object_reads_as_nothing(self, store: ObjectStore, start: int, length: int | None):
        version = store.create("a/b", b"")

        blob = store.get("a/b", start=start, length=length)

        assert (blob.data, blob.version) == (b"", version)

    @pytest.mark.parametrize(("start", "length"), [(0, None), (0, 0), (5, 1), (-5, None)])
    def test_a_part_of_what_is_absent_is_missing(self, store: ObjectStore, start: int, length: int | None):
        with pytest.raises(ObjectMissing):
            store.get("a/b", start=start, length=length)

    def test_a_negative_length_is_refused(self, store: ObjectStore):
        store.create("a/b", TEN)

        with pytest.raises(UserError):
            store.get("a/b", length=-1)

    def test_every_byte_comes_back(self, store: ObjectStore):
        data = bytes(range(256)) * 3 + b"\r\n\x1a\0"

        store.create("a/b", data)

        assert store.get("a/b").data == data

    @pytest.mark.slow
    def test_a_large_object_comes_back(self, store: ObjectStore):
        data = secrets.token_bytes(1 << 20) * 65

        store.create("repo/p/large", data)

        assert store.get("repo/p/large").data == data
        assert store.get("repo/p/large", start=-7).data == data[-7:]
        assert store.get("repo/p/large", start=64 << 20, length=9).data == data[64 << 20 : (64 << 20) + 9]

    def test_head_and_list_tell_the_same(self, store: ObjectStore):
        version = store.create("a/b", TEN)

        head = store.head("a/b")
        (listed,) = store.list("")

        assert head is not None
        assert (head.key, head.size_bytes, head.version) == ("a/b", 10, version)
        assert (listed.key, listed.size_bytes, listed.version) == ("a/b", 10, version)
        assert abs(head.modified - listed.modified) < timedelta(seconds=2)
        assert abs(head.modified - datetime.now(UTC)) < timedelta(minutes=1)

    # listings

    def test_an_empty_store_lists_nothing(self, store: ObjectStore):
        assert keys(store) == []
        assert keys(store, "a/") == []
        assert keys(store, "a/b", after="a/c") == []

    def test_keys_are_listed_in_byte_order(self, store: ObjectStore):
        for key in reversed(ORDERED_KEYS):
            store.create(key, b"x")

        assert keys(store) == list(ORDERED_KEYS)

    @pytest.mark.parametrize(
        "prefix", ["", "a", "a/", "a/b", "a-", "a/c/", "a0", "b", "b/", "c", "Z/1", "a/b-c", "ab/c"]
    )
    def test_a_prefix_may_end_anywhere(self, store: ObjectStore, prefix: str):
        for key in ORDERED_KEYS:
            store.create(key, b"x")

        assert keys(store, prefix) == [key for key in ORDERED_KEYS if key.startswith(prefix)]

    @pytest.mark.parametrize("prefix", ["", "a", "a/"])
    @pytest.mark.parametrize("after", ["", "A", *ORDERED_KEYS, "a/", "a/b~", "a/c", "zz", "a/b/zz"])
    def test_a_listing_begins_after_a_key(self, store: ObjectStore, prefix: str, after: str):
        for key in ORDERED_KEYS:
            store.create(key, b"x")

        found = keys(store, prefix, after=after)

        assert found == [key for key in ORDERED_KEYS if key.startswith(prefix) and key > after]

    @pytest.mark.slow
    def test_a_long_listing_is_whole(self, store: ObjectStore):
        expected = [f"log/{folder}/{number:04}" for folder in "ab" for number in range(1100)]
        with ThreadPoolExecutor(RACERS) as pool:
            list(pool.map(lambda key: store.create(key, b"x"), expected))

        assert keys(store) == expected
        assert keys(store, "log/b/", after="log/b/0042") == expected[1143:]

    def test_a_listing_sees_every_write_that_was_answered(self, store: ObjectStore):
        seen: list[bool] = []
        for number in range(20):
            version = store.create(f"a/{number:02}", b"x")
            seen.append(f"a/{number:02}" in keys(store, "a/"))
            if number % 2:
                store.delete(f"a/{number:02}", version=version)
                seen.append(f"a/{number:02}" not in keys(store, "a/"))

        assert all(seen)

    def test_a_listing_misses_nothing_that_stays(self, store: ObjectStore):
        stay = [f"a/{number:02}-stay" for number in range(30)]
        for key in stay:
            store.create(key, b"x")
        come_and_go = [f"a/{number:02}-go" for number in range(30)]

        with Background(lambda n: _come_and_go(store, come_and_go[n % 30])):
            listings = [keys(store, "a/") for _ in range(5)]

        assert all([key for key in listing if key.endswith("stay")] == stay for listing in listings)

    # keys

    @pytest.mark.parametrize("key", ODD_KEYS)
    def test_an_odd_key_is_a_key(self, store: ObjectStore, key: str):
        version = store.create(key, TEN)

        head = store.head(key)
        assert head is not None
        assert head.version == version
        assert keys(store) == [key]
        assert keys(store, key) == [key]
        assert store.get(key, start=2, length=2).data == b"23"
        store.delete(key, version=version)
        assert keys(store) == []

    def test_a_key_may_be_long(self, store: ObjectStore):
        key = "/".join(["a" * 200, "b" * 200, "c" * 80])

        store.create(key, b"x")

        assert keys(store) == [key]
        assert store.get(key).data == b"x"

    @pytest.mark.parametrize("key", HOSTILE_KEYS, ids=ascii)
    def test_a_hostile_key_is_refused(self, store: ObjectStore, key: str):
        calls: Sequence[Callable[[], object]] = (
            lambda: store.create(key, b"x"),
            lambda: store.replace(key, b"x", version="v"),
            lambda: store.get(key),
            lambda: store.head(key),
            lambda: store.delete(key, version="v"),
            lambda: store.retain(key, until=datetime.now(UTC)),
        )
        for call in calls:
            with pytest.raises(UserError):
                call()

        assert keys(store) == []

    @pytest.mark.parametrize("prefix", ["/", "../", "a//", "a/../", ".", "a/.", "ü", "a\n", "x" * 201])
    def test_a_hostile_prefix_is_refused(self, store: ObjectStore, prefix: str):
        with pytest.raises(UserError):
            store.list(prefix)

    # races

    def test_one_creator_wins(self, store: ObjectStore):
        for round_number in range(5):
            key = f"race/{round_number}"

            won = race(lambda n, key=key: store.create(key, f"racer {n}".encode()))

            assert len(won) == 1
            assert store.get(key).data == f"racer {won[0]}".encode()

    def test_one_replacer_wins(self, store: ObjectStore):
        version = store.create("race", b"start")
        for _ in range(5):
            start = version

            won = race(lambda n, start=start: store.replace("race", f"{start} {n}".encode(), version=start))

            assert len(won) == 1
            blob = store.get("race")
            assert blob.data == f"{start} {won[0]}".encode()
            version = blob.version

    def test_replace_and_delete_do_not_both_win(self, store: ObjectStore):
        for round_number in range(10):
            key = f"race/{round_number}"
            version = store.create(key, b"start")

            won = race(
                lambda n, key=key, version=version: (
                    store.replace(key, b"new", version=version) if n % 2 else store.delete(key, version=version)
                ),
                racers=2,
            )

            # A delete that comes second to a delete is no error; a replace that comes second is.
            assert won in ([0], [1])
            assert (store.head(key) is None) == (won == [0])

    def test_a_counter_loses_no_increment(self, store: ObjectStore):
        store.create("counter", b"0 start")

        def increment(_: int) -> None:
            for _ in range(5):
                _increment(store)

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(increment, range(4)))

        assert store.get("counter").data.split()[0] == b"20"

    def test_a_reader_never_sees_half_a_write(self, store: ObjectStore):
        state = {"version": store.create("lease/x", b"0" * 50_000)}

        def replace(n: int) -> None:
            state["version"] = store.replace("lease/x", f"{n % 10}".encode() * 50_000, version=state["version"])

        with Background(replace):
            seen = [store.get("lease/x") for _ in range(50)]

        assert all(len(blob.data) == 50_000 and len(set(blob.data)) == 1 for blob in seen)

    # the rest

    def test_a_lock_holds_or_is_refused(self, store: ObjectStore):
        version = store.create("repo/p/locked", b"x")
        try:
            store.retain("repo/p/locked", until=datetime.now(UTC) + timedelta(seconds=5))
        except Refused:
            return

        with pytest.raises(Refused):
            store.delete("repo/p/locked", version=version)
        assert store.get("repo/p/locked").data == b"x"

    def test_the_clocks_are_compared(self, store: ObjectStore):
        store.create("a/b", b"x")

        assert store.skew is not None
        assert abs(store.skew) < timedelta(seconds=5)


def keys(store: ObjectStore, prefix: str = "", *, after: str = "") -> list[str]:
    return [info.key for info in store.list(prefix, after=after)]


def race(act: Callable[[int], object], *, racers: int = RACERS) -> list[int]:
    """All begin at once; the numbers of those that had no conflict."""
    start = threading.Barrier(racers)

    def run(number: int) -> int | None:
        start.wait(30)
        try:
            act(number)
        except (ObjectExists, VersionChanged):
            return None
        return number

    with ThreadPoolExecutor(racers) as pool:
        return [number for number in pool.map(run, range(racers)) if number is not None]


class Background:
    """Acts again and again in a thread while the block runs."""

    def __init__(self, act: Callable[[int], object]) -> None:
        self._act = act
        self._stop = threading.Event()
        self._began = threading.Event()
        self._pool = ThreadPoolExecutor(1)

    def __enter__(self) -> None:
        self._done = self._pool.submit(self._run)
        self._began.wait(30)

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._pool.shutdown()
        self._done.result()

    def _run(self) -> None:
        number = 0
        while not self._stop.is_set():
            self._act(number)
            self._began.set()
            number += 1


def _come_and_go(store: ObjectStore, key: str) -> None:
    store.delete(key, version=store.create(key, b"x"))


def _increment(store: ObjectStore) -> None:
    while True:
        blob = store.get("counter")
        count = int(blob.data.split()[0]) + 1
        try:
            # The nonce keeps two increments of the same number apart, as every control record does.
            store.replace("counter", f"{count} {secrets.token_hex(8)}".encode(), version=blob.version)
        except VersionChanged:
            continue
        return
