"""Keys: who opens a store, and what is said to everyone else."""

import json
import os
import stat

import pytest

from drsync.errors import Conflict, DrsyncError, IntegrityError, StoreUnreachable, UserError, WrongKey
from drsync.repository.keyfile import KeyFile, new_key_file, read_key_file
from drsync.repository.keyring import create_repository, open_keyring, read_identity
from tests.fakes.memory_store import MemoryStore
from tests.fakes.repositories import NOW, age_key

PASSPHRASE = b"correct horse battery staple"


@pytest.fixture
def store():
    """A store for an age recipient and a passphrase."""
    store = MemoryStore()
    create_repository(store, recipients=[age_key()[1]], passphrases=[PASSPHRASE], single_key_accepted=False, now=NOW)
    return store


@pytest.mark.parametrize("key", [age_key()[0], KeyFile(path="p", passphrase=PASSPHRASE)], ids=["age", "passphrase"])
def test_every_holder_opens_the_same_root(store, key):
    assert open_keyring(store, [key]).derive("x") == open_keyring(store, [age_key()[0]]).derive("x")


def test_purposes_give_different_keys(store):
    keyring = open_keyring(store, [age_key()[0]])

    assert keyring.derive("log") != keyring.derive("index")


@pytest.mark.parametrize("keys", [[age_key("stranger")[0]], [KeyFile(path="p", passphrase=b"wrong")], []])
def test_a_key_that_does_not_fit_is_refused_with_12(store, keys):
    with pytest.raises(WrongKey) as raised:
        open_keyring(store, keys)

    assert raised.value.exit_code == 12


def test_an_empty_store_says_to_run_init():
    with pytest.raises(StoreUnreachable, match=r"No drsync store is at memory.* run drsync init"):
        open_keyring(MemoryStore(), [age_key()[0]])


def test_init_never_takes_over_a_store(store):
    before = store.snapshot()

    with pytest.raises(Conflict):
        create_repository(store, recipients=[age_key()[1]], single_key_accepted=True, now=NOW)

    assert store.snapshot() == before


def test_one_key_alone_must_be_accepted():
    with pytest.raises(UserError, match="if it is lost, every backup is lost"):
        create_repository(MemoryStore(), recipients=[age_key()[1]], single_key_accepted=False, now=NOW)


def test_what_is_no_recipient_is_refused():
    with pytest.raises(UserError, match="is not an age recipient"):
        create_repository(MemoryStore(), recipients=["age1nonsense"], single_key_accepted=True, now=NOW)


def test_the_identity_is_readable_without_a_key(store):
    identity = read_identity(store)

    assert (identity.format, identity.created_at, identity.single_key_accepted) == (0, NOW, False)
    assert sorted(identity.slots) == [f"age {age_key()[1]}", "passphrase"]


def test_a_byte_flipped_anywhere_in_store_json_is_found(store):
    good = store.get("store.json").data

    for at in range(len(good)):
        store.tamper("store.json", good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        try:
            keyring = open_keyring(store, [age_key()[0]])
        except DrsyncError:
            continue
        # White space alone may change: what it says does not.
        assert json.loads(store.get("store.json").data) == json.loads(good)
        assert keyring


def test_a_single_key_cannot_be_declared_away(store):
    header = json.loads(store.get("store.json").data)
    header["single_key_accepted"] = True
    store.tamper("store.json", json.dumps(header).encode())

    with pytest.raises(IntegrityError):
        open_keyring(store, [age_key()[0]])


def test_another_format_is_refused_in_one_sentence(store):
    header = json.loads(store.get("store.json").data)
    store.tamper("store.json", json.dumps(header | {"format": 7}).encode())

    with pytest.raises(IntegrityError, match="has format 7; this drsync knows format 0"):
        open_keyring(store, [age_key()[0]])


def test_a_slot_of_another_repository_is_found(store):
    other = MemoryStore()
    create_repository(other, recipients=[age_key()[1]], single_key_accepted=True, now=NOW)
    foreign = next(data for key, data in other.snapshot().items() if key.startswith("keys/"))
    for key in [key for key in store.snapshot() if key.startswith("keys/")]:
        store.tamper(key, foreign)

    with pytest.raises(IntegrityError, match="belongs to another repository"):
        open_keyring(store, [age_key()[0]])


def test_one_damaged_slot_locks_nobody_out(store):
    damaged = next(key for key, data in store.snapshot().items() if b"scrypt" in data)
    store.tamper(damaged, b"{")

    assert open_keyring(store, [age_key()[0]])


def test_a_derivation_that_would_eat_the_memory_is_refused(store):
    name = next(key for key, data in store.snapshot().items() if b"scrypt" in data)
    slot = json.loads(store.get(name).data)
    store.tamper(name, json.dumps(slot | {"n": 2**30}).encode())

    with pytest.raises(IntegrityError, match="out of bounds"):
        open_keyring(store, [KeyFile(path="p", passphrase=PASSPHRASE)])


def test_a_new_key_file_is_its_owners_alone_and_opens_the_store(tmp_path):
    path = str(tmp_path / "key")
    recipient = new_key_file(path)
    store = MemoryStore()
    create_repository(store, recipients=[recipient], single_key_accepted=True, now=NOW)

    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert open_keyring(store, [read_key_file(path)])


def test_a_key_file_is_never_overwritten(tmp_path):
    path = str(tmp_path / "key")
    new_key_file(path)

    with pytest.raises(UserError, match="a key is never overwritten"):
        new_key_file(path)


@pytest.mark.parametrize(
    "content", [b"", b"short", b"\xff\xfe", b"two lines\nof something", b"x" * 70_000], ids=range(5)
)
def test_what_is_no_key_file_is_refused(tmp_path, content):
    path = tmp_path / "key"
    path.write_bytes(content)

    with pytest.raises(UserError):
        read_key_file(str(path))


def test_a_missing_key_file_is_named(tmp_path):
    with pytest.raises(UserError, match="nowhere cannot be read"):
        read_key_file(str(tmp_path / "nowhere"))


def test_nothing_printed_holds_the_secret(store):
    key = KeyFile(path="p", identities=age_key()[0].identities, passphrase=PASSPHRASE)
    keyring = open_keyring(store, [key])

    assert "AGE-SECRET" not in repr(key)
    assert "horse" not in repr(key)
    assert "_root" not in repr(keyring)
