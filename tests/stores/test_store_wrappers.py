"""Retries settle lost answers; throttles bound; prefixes confine; counts count."""

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsync.clock import Cancellation, SystemClock
from drsync.errors import (
    IntegrityError,
    Interrupted,
    ObjectExists,
    PermissionDenied,
    StoreUnreachable,
    UserError,
    VersionChanged,
)
from drsync.stores.object_store import Blob
from drsync.stores.wrappers.count import Counting
from drsync.stores.wrappers.prefix import Prefixed
from drsync.stores.wrappers.retry import Patience, Retrying
from drsync.stores.wrappers.throttle import Throttled
from tests.contracts.object_store import keys
from tests.fakes.faulty_store import Chance, Crashed, Fault, Faulty
from tests.fakes.memory_store import MemoryStore


class SteppingClock:
    """Sleeping is the only thing that takes time."""

    def __init__(self) -> None:
        self.at_s = 0.0
        self.slept: list[float] = []

    def now(self) -> datetime:
        return datetime(2026, 8, 21, 3, tzinfo=UTC) + timedelta(seconds=self.at_s)

    def boot_s(self) -> float:
        return self.at_s

    def sleep(self, seconds: float, cancel: Cancellation) -> None:
        cancel.check()
        self.slept.append(seconds)
        self.at_s += seconds


@pytest.fixture
def clock() -> SteppingClock:
    return SteppingClock()


@pytest.fixture
def inner() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def faulty(inner: MemoryStore) -> Faulty:
    return Faulty(inner)


@pytest.fixture
def store(faulty: Faulty, clock: SteppingClock) -> Retrying:
    return Retrying(faulty, clock=clock, dice=random.Random(1))  # noqa: S311 - a seed


class TestRetrying:
    @pytest.mark.parametrize("fault", [Fault.NOT_SENT, Fault.NOT_ACKED])
    @pytest.mark.parametrize("call", ["create", "replace", "get", "head", "list", "delete"])
    def test_a_lost_answer_is_not_felt(self, store: Retrying, faulty: Faulty, fault: Fault, call: str):
        version = store.create("a/old", b"old")
        acts: dict[str, Callable[[], object]] = {
            "create": lambda: store.create("a/new", b"new"),
            "replace": lambda: store.replace("a/old", b"new", version=version),
            "get": lambda: store.get("a/old"),
            "head": lambda: store.head("a/old"),
            "list": lambda: keys(store),
            "delete": lambda: store.delete("a/old", version=version),
        }
        faulty.fail(fault, call=call, times=2)

        acts[call]()

        expected = {"create": {"a/old": b"old", "a/new": b"new"}, "replace": {"a/old": b"new"}, "delete": {}}
        assert faulty._store.snapshot() == expected.get(call, {"a/old": b"old"})

    def test_a_settled_write_returns_the_version_that_is_there(self, store: Retrying, faulty: Faulty):
        faulty.fail(Fault.NOT_ACKED, call="create")

        version = store.create("lease/x", b"mine")

        assert store.replace("lease/x", b"mine again", version=version)

    def test_another_s_object_is_not_taken_for_ours(self, store: Retrying, faulty: Faulty, inner: MemoryStore):
        inner.create("lease/x", b"theirs")
        faulty.fail(Fault.NOT_SENT, call="create")

        with pytest.raises(ObjectExists):
            store.create("lease/x", b"mine")

    def test_half_a_write_is_not_taken_for_ours(self, store: Retrying, faulty: Faulty):
        faulty.fail(Fault.TORN, call="create")

        with pytest.raises(ObjectExists):
            store.create("lease/x", b"mine")

    def test_a_first_answer_is_believed(self, store: Retrying, inner: MemoryStore):
        inner.create("lease/x", b"the same bytes")

        with pytest.raises(ObjectExists):
            store.create("lease/x", b"the same bytes")

    def test_another_s_version_is_not_taken_for_ours(self, store: Retrying, faulty: Faulty, inner: MemoryStore):
        first = inner.create("lease/x", b"first")
        inner.replace("lease/x", b"theirs", version=first)
        faulty.fail(Fault.NOT_SENT, call="replace")

        with pytest.raises(VersionChanged):
            store.replace("lease/x", b"mine", version=first)

    def test_settling_survives_more_losses(self, store: Retrying, faulty: Faulty):
        faulty.fail(Fault.NOT_ACKED, call="create").fail(Fault.NOT_SENT, call="get", times=2)

        store.create("lease/x", b"mine")

        assert store.get("lease/x").data == b"mine"

    def test_a_refusal_after_a_lost_answer_leaves_the_fate_unknown(self, store: Retrying, faulty: Faulty):
        faulty.fail(Fault.NOT_ACKED, call="create").fail(Fault.DENIED, call="create")

        with pytest.raises(StoreUnreachable, match="not known"):
            store.create("lease/x", b"mine")

    def test_a_write_that_is_never_answered_stays_unknown(self, store: Retrying, faulty: Faulty):
        faulty.fail(Fault.NOT_ACKED, call="create").fail(Fault.NOT_SENT, times=1000)

        with pytest.raises(StoreUnreachable):
            store.create("lease/x", b"mine")

    def test_a_refusal_is_not_tried_again(self, store: Retrying, faulty: Faulty, clock: SteppingClock):
        faulty.fail(Fault.DENIED, call="get")

        with pytest.raises(PermissionDenied):
            store.get("a")
        assert (faulty.calls, clock.slept) == (1, [])

    def test_tries_are_counted(self, faulty: Faulty, clock: SteppingClock):
        faulty.fail(Fault.NOT_SENT, times=1000)

        with pytest.raises(StoreUnreachable):
            Retrying(faulty, clock=clock, patience=Patience(attempts=3)).get("a")
        assert faulty.calls == 3

    def test_time_is_bounded(self, faulty: Faulty, clock: SteppingClock):
        faulty.fail(Fault.NOT_SENT, times=1000)

        with pytest.raises(StoreUnreachable):
            Retrying(faulty, clock=clock, patience=Patience(attempts=10_000, budget_s=30)).get("a")
        assert 0 < clock.at_s <= 30

    def test_a_server_s_wish_to_be_left_alone_is_kept(self, clock: SteppingClock):
        class Busy(MemoryStore):
            asked = 0

            def get(self, key: str, *, start: int = 0, length: int | None = None) -> Blob:
                self.asked += 1
                if self.asked == 1:
                    raise StoreUnreachable("busy", remedy="wait", retry_after_s=7)
                return Blob(data=b"x", version="v")

        Retrying(Busy(), clock=clock).get("a")

        assert clock.slept == [7]

    def test_a_stop_ends_the_wait(self, faulty: Faulty, clock: SteppingClock):
        cancel = Cancellation()
        cancel.cancel()
        faulty.fail(Fault.NOT_SENT, times=1000)

        with pytest.raises(Interrupted):
            Retrying(faulty, clock=clock, cancel=cancel).get("a")
        assert faulty.calls == 1

    def test_a_broken_listing_goes_on_where_it_broke(self, store: Retrying, faulty: Faulty, inner: MemoryStore):
        expected = [f"a/{number:03}" for number in range(100)]
        for key in expected:
            inner.create(key, b"x")
        faulty.fail(Fault.TORN, call="list", times=6)

        assert keys(store) == expected

    @given(seed=st.integers(0, 10_000))
    def test_a_counter_is_right_whatever_is_lost(self, seed: int):
        clock, inner = SteppingClock(), MemoryStore()
        faulty = Faulty(inner, chance=Chance(seed=seed, rate=0.4), clock=clock)
        store = Retrying(faulty, clock=clock, patience=Patience(attempts=100, budget_s=1e9), dice=random.Random(seed))  # noqa: S311 - a seed

        version = store.create("counter", b"0")
        for number in range(1, 10):
            version = store.replace("counter", str(number).encode(), version=version)

        assert inner.get("counter") == Blob(data=b"9", version=version)


class TestPrefixed:
    @pytest.mark.parametrize("prefix", ["", "/", "../up", "a/", "a//b", ".hidden"])
    def test_a_hostile_prefix_is_refused(self, inner: MemoryStore, prefix: str):
        with pytest.raises(UserError):
            Prefixed(inner, prefix)

    def test_neighbours_are_out_of_reach(self, inner: MemoryStore):
        for key in ("site", "site-b/x", "sitf/x", "site/in", "other"):
            inner.create(key, b"x")

        assert keys(Prefixed(inner, "site")) == ["in"]
        assert keys(Prefixed(inner, "site"), after="im") == ["in"]

    def test_its_url_names_the_folder(self):
        store = Prefixed(MemoryStore(url="s3://bucket?region=eu-west-1"), "a b/c")

        assert store.url == "s3://bucket/a%20b/c?region=eu-west-1"


class TestCounting:
    def test_calls_are_counted_by_name_and_by_first_part(self, inner: MemoryStore):
        store = Counting(inner)
        version = store.create("repo/p/a", b"12345")
        store.replace("repo/p/a", b"123", version=version)
        store.get("repo/p/a")
        store.head("lease/x")
        keys(store, "log/")

        assert store.counts == {"create": 1, "replace": 1, "get": 1, "head": 1, "list": 1}
        assert store.parts == {"repo": 3, "lease": 1, "log": 1}
        assert store.pairs["create", "repo"] == 1
        assert (store.sent_bytes, store.received_bytes, store.calls) == (8, 3, 5)
        store.reset()
        assert store.calls == 0


class TestThrottled:
    def test_uploads_keep_to_the_rate(self, inner: MemoryStore, clock: SteppingClock):
        store = Throttled(inner, clock=clock, upload_mib_s=2)

        for number in range(5):
            store.create(f"repo/{number}", bytes(1 << 20))

        # The first goes at once; each of the others waits for those before it.
        assert clock.at_s == pytest.approx(2.0)

    def test_a_lease_does_not_wait_for_uploads(self, inner: MemoryStore, clock: SteppingClock):
        store = Throttled(inner, clock=clock, upload_mib_s=1)
        version = store.create("lease/x", b"x")
        store.create("repo/1", bytes(50 << 20))

        store.replace("lease/x", b"y", version=version)

        assert clock.at_s < 1

    def test_no_more_calls_than_allowed_are_under_way(self):
        under_way, most, lock = 0, 0, threading.Lock()
        go_on = threading.Event()

        class Watched(MemoryStore):
            def head(self, key: str) -> None:
                nonlocal under_way, most
                with lock:
                    under_way += 1
                    most = max(most, under_way)
                    if under_way == 3:
                        go_on.set()
                go_on.wait(10)
                time.sleep(0.002)
                with lock:
                    under_way -= 1

        store = Throttled(Watched(), clock=SystemClock(), parallel=3)
        with ThreadPoolExecutor(12) as pool:
            list(pool.map(store.head, [f"a/{number}" for number in range(24)]))

        assert most == 3

    def test_a_slow_reader_of_a_listing_holds_up_nobody(self, inner: MemoryStore):
        inner.create("a", b"x")
        inner.create("b", b"x")
        store = Throttled(inner, clock=SystemClock(), parallel=1)

        listing = store.list("")
        next(listing)

        assert store.get("a").data == b"x"
        assert next(listing).key == "b"


class TestFaulty:
    def test_a_late_write_lands_after_others(self, inner: MemoryStore):
        store = Faulty(inner, late_by=2).fail(Fault.LATE, call="create")
        with pytest.raises(StoreUnreachable):
            store.create("a", b"late")

        assert store.head("a") is None
        assert store.get("a").data == b"late"

    def test_a_crash_ends_all_calls(self, inner: MemoryStore):
        store = Faulty(inner)
        store.crash(at=2, after=True)
        store.create("a", b"x")
        with pytest.raises(Crashed):
            store.create("b", b"x")

        with pytest.raises(Crashed):
            store.get("a")
        assert sorted(inner.snapshot()) == ["a", "b"]

    def test_a_corrupt_read_differs_by_one_bit(self, inner: MemoryStore):
        store = Faulty(inner).fail(Fault.CORRUPT, call="get")
        store.create("a", b"\0" * 100)

        assert sum(store.get("a").data) == 1
        assert sum(store.get("a").data) == 0

    def test_a_seed_gives_the_same_faults(self):
        logs = []
        for _ in range(2):
            store = Faulty(MemoryStore(), chance=Chance(seed=5, rate=0.5))
            for number in range(50):
                try:
                    store.head(f"a/{number}")
                except StoreUnreachable:
                    continue
            logs.append(store.log)

        assert logs[0] == logs[1]
        assert 10 < sum(call.fault is not None for call in logs[0]) < 40


def test_integrity_is_never_tried_again(clock: SteppingClock):
    class Broken(MemoryStore):
        asked = 0

        def get(self, key: str, *, start: int = 0, length: int | None = None) -> Blob:
            self.asked += 1
            raise IntegrityError("broken", remedy="restore")

    inner = Broken()
    with pytest.raises(IntegrityError):
        Retrying(inner, clock=clock).get("a")
    assert inner.asked == 1
