"""Heartbeats, policy texts and ids."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given

from drsync.errors import IntegrityError
from drsync.model.ids import is_point_id, is_run_id, parse_run_id, point_id, run_id
from drsync.model.plan import RunKind
from drsync.state.heartbeat import beat, read_heartbeats
from drsync.state.policies import get_policy, put_policy
from tests.fakes.faulty_store import Fault, Faulty
from tests.fakes.memory_store import MemoryStore
from tests.state.samples import NOW, calm, instants


def test_each_site_s_last_sign_of_life_is_read():
    store = MemoryStore()
    beat(store, "eu", NOW)
    beat(store, "us", NOW)
    beat(store, "eu", NOW + timedelta(minutes=1), next_due={"shop": NOW + timedelta(minutes=9)})

    beats = {one.site: one for one in read_heartbeats(store)}

    assert beats["eu"].at == NOW + timedelta(minutes=1)
    assert beats["eu"].next_due == {"shop": NOW + timedelta(minutes=9)}
    assert beats["us"].at == NOW


def test_two_beats_are_never_the_same_bytes():
    store = MemoryStore()
    beat(store, "eu", NOW)
    first = store.snapshot()
    beat(store, "eu", NOW)

    assert store.snapshot() != first


def test_a_damaged_beat_is_told_and_then_written_over():
    store = MemoryStore()
    store.create("heartbeat/eu", b"nonsense")
    with pytest.raises(IntegrityError, match="heartbeat/eu"):
        read_heartbeats(store)

    beat(store, "eu", NOW)

    assert read_heartbeats(store)[0].at == NOW


def test_a_beat_under_another_site_s_key_is_an_integrity_error():
    store = MemoryStore()
    beat(store, "eu", NOW)
    store.create("heartbeat/us", store.get("heartbeat/eu").data)

    with pytest.raises(IntegrityError, match="another site"):
        read_heartbeats(store)


def test_a_beat_whose_rival_was_faster_is_given_again():
    inner = MemoryStore()
    beat(inner, "eu", NOW)
    store = Faulty(inner)
    store.fail(Fault.NOT_ACKED, call="replace")

    with pytest.raises(Exception, match="No answer"):
        beat(store, "eu", NOW + timedelta(minutes=1))
    beat(store, "eu", NOW + timedelta(minutes=2))

    assert read_heartbeats(inner)[0].at == NOW + timedelta(minutes=2)


@pytest.mark.parametrize("text", ["", "kind: ProtectionPolicy\n", "naïve ☂"])
def test_a_policy_s_text_is_kept_under_its_hash(text):
    store = MemoryStore()

    sha256 = put_policy(store, text)

    assert put_policy(store, text) == sha256
    assert list(store.snapshot()) == [f"policies/{sha256}"]
    assert get_policy(store, sha256) == text


@pytest.mark.parametrize("there", [b"other: text\n", b"\xff", b""])
def test_a_policy_text_that_was_changed_is_an_integrity_error(there):
    store = MemoryStore()
    sha256 = put_policy(store, "kind: ProtectionPolicy\n")
    store.tamper(f"policies/{sha256}", there)

    with pytest.raises(IntegrityError):
        get_policy(store, sha256)
    with pytest.raises(IntegrityError):
        put_policy(store, "kind: ProtectionPolicy\n")


def test_a_policy_text_that_is_lost_is_an_integrity_error():
    with pytest.raises(IntegrityError, match="missing"):
        get_policy(MemoryStore(), "0" * 64)


@given(instants)
@calm
def test_run_ids_are_taken_apart_as_they_were_made(at):
    at = at.replace(microsecond=0)

    parsed = parse_run_id(run_id(RunKind.FAILBACK, now=at, suffix="k3f9"))

    assert (parsed.kind, parsed.at, parsed.suffix) == (RunKind.FAILBACK, at, "k3f9")


@given(instants, instants)
@calm
def test_run_ids_sort_as_their_instants(one, other):
    one, other = one.replace(microsecond=0), other.replace(microsecond=0)
    ids = [run_id(RunKind.BACKUP, now=at, suffix="k3f9") for at in (one, other)]

    assert (ids[0] < ids[1]) == (one < other)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "b-",
        "x-20260821T030804Z-k3f9",
        "b-20261321T030804Z-k3f9",
        "b-20260821T030804Z-K3F9",
        "b-20260821T030804Z-k3f9/../x",
        "b-20260821T030804Z-k3f9\n",
    ],
)
def test_what_is_no_run_id_is_not_taken_for_one(text):
    assert not is_run_id(text)


def test_point_ids_carry_their_instant():
    point = point_id(now=datetime(2026, 8, 21, 3, 8, 4, tzinfo=UTC), suffix="k3f9")

    assert point == "rp-20260821T030804Z-k3f9"
    assert is_point_id(point)
    assert not is_point_id("rp-1/../x")
