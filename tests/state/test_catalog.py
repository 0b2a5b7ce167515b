"""What a person types names one point, or says what there is instead."""

from dataclasses import replace
from datetime import timedelta

import pytest

from drsync.errors import IntegrityError, NoRecoveryPoint, NotFound
from drsync.model.epoch import Epoch
from drsync.model.recovery_point import Missing
from drsync.state.catalog import resolve
from drsync.state.entries import SealedBody, UnusableBody, entry_key
from drsync.state.log import CommitLog
from tests.fakes.memory_store import MemoryStore
from tests.state.contenders import sealed_point
from tests.state.samples import NOW

KEY = b"k" * 32
LATER = NOW + timedelta(hours=12)


def seal(store, policy, name, *, hour, partial=False):
    base = sealed_point(f"rp-{name}")
    point = replace(
        base,
        policy=policy,
        objects=replace(base.objects, cut_at=NOW + timedelta(hours=hour)),
        missing=(Missing(what="volume shop/data", reason="gone"),) if partial else (),
    )
    CommitLog(store, policy, key=KEY).append(SealedBody(point), epoch=Epoch(lease=1), now=NOW)


def withdraw(store, name):
    body = UnusableBody(f"rp-{name}", "a pack is gone")
    CommitLog(store, "shop", key=KEY).append(body, epoch=Epoch(lease=1), now=NOW)


@pytest.fixture
def store():
    store = MemoryStore()
    seal(store, "shop", "aaa1", hour=1)
    seal(store, "shop", "aaa3", hour=3)
    # Sealed last, and cut before the one above: what counts is what a restore brings back.
    seal(store, "shop", "aab2", hour=2)
    seal(store, "shop", "part", hour=4, partial=True)
    seal(store, "shop", "torn", hour=5)
    withdraw(store, "torn")
    seal(store, "cart", "ccc1", hour=1)
    return store


def found(store, ref):
    return resolve(store, ref, key=KEY, now=LATER).point.id


@pytest.mark.parametrize(
    ("ref", "point"),
    [
        ("rp-aaa1", "rp-aaa1"),
        ("rp-aab", "rp-aab2"),
        ("ccc", "rp-ccc1"),
        ("rp-part", "rp-part"),
        ("rp-torn", "rp-torn"),
        ("shop@latest", "rp-aaa3"),
        ("shop@previous", "rp-aab2"),
        ("cart@latest", "rp-ccc1"),
        ("shop@2026-08-21T05:08:04Z", "rp-aab2"),
        ("shop@2026-08-21T05:08:03Z", "rp-aaa1"),
        ("shop@2026-08-21T07:08:04+02:00", "rp-aab2"),
        ("shop@2026-08-21T09:00Z", "rp-aaa3"),
    ],
)
def test_a_reference_names_a_point(store, ref, point):
    assert found(store, ref) == point


def test_a_beginning_that_fits_several_lists_them(store):
    with pytest.raises(NotFound) as caught:
        found(store, "rp-aa")

    assert caught.value.exit_code == 4
    assert "rp-aaa1, rp-aaa3, rp-aab2" in caught.value.remedy


@pytest.mark.parametrize("ref", ["", "rp-zzz", "rp-", "nonsense", "../x", "\x1b[2J"])
def test_what_names_nothing_is_not_found(store, ref):
    with pytest.raises(NotFound):
        found(store, ref)


@pytest.mark.parametrize("time", ["", "newest", "yesterday", "2026-08-21T05:08:04", "9999-12-31T23:59:59-12:00"])
def test_a_time_that_is_none_is_not_found_with_an_example(store, time):
    with pytest.raises(NotFound, match="shop@latest"):
        found(store, f"shop@{time}")


def test_the_future_holds_no_point(store):
    with pytest.raises(NotFound, match="has not come yet"):
        found(store, "shop@2026-08-22T05:08:04Z")


def test_before_the_first_point_there_is_none_and_the_range_is_told(store):
    with pytest.raises(NoRecoveryPoint, match=r"rp-aaa1.*rp-aaa3"):
        found(store, "shop@2026-08-21T03:00:00Z")


def test_an_unknown_policy_lists_those_that_are_known(store):
    with pytest.raises(NotFound, match="cart, shop"):
        found(store, "shpo@latest")


def test_only_partial_points_are_offered_by_their_ids():
    store = MemoryStore()
    seal(store, "shop", "part", hour=1, partial=True)

    with pytest.raises(NoRecoveryPoint, match="--allow-partial: rp-part"):
        found(store, "shop@latest")


def test_one_point_has_no_previous():
    store = MemoryStore()
    seal(store, "shop", "aaa1", hour=1)

    with pytest.raises(NoRecoveryPoint):
        found(store, "shop@previous")


def test_an_empty_store_says_to_capture_first():
    with pytest.raises(NotFound, match="drsync backup"):
        found(MemoryStore(), "rp-aaa1")


def test_another_policy_s_damage_does_not_hide_a_point_named_in_full(store):
    store.tamper(entry_key("cart", 1), b"nonsense")

    assert found(store, "rp-aaa1") == "rp-aaa1"
    with pytest.raises(IntegrityError):
        found(store, "rp-aab")
