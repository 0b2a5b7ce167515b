"""Tampering: whatever byte or object of a repository is changed, it is found before anything is used."""

from itertools import permutations

import pytest

from drsync.clock import Cancellation
from drsync.errors import DrsyncError, IntegrityError
from drsync.model.resource import ResourceKind, ResourceObject
from drsync.repository.objects import ObjectSet, write_objects
from drsync.repository.verify import verify_session
from tests.fakes.memory_store import MemoryStore
from tests.fakes.repositories import new_repository, open_repository

KIND = ResourceKind(group="", version="v1", resource="configmaps", kind="ConfigMap", namespaced=True)


def config_map(name):
    return ResourceObject(
        kind=KIND,
        namespace="shop",
        name=name,
        uid="",
        resource_version="1",
        labels={},
        owners=(),
        terminating=False,
        raw=b'{"metadata":{"namespace":"shop","name":"%s","resourceVersion":"1"}}' % name.encode(),
    )


@pytest.fixture
def small():
    """Two small sealed sessions of one source; the second refers to the first."""
    store = MemoryStore()
    repository = new_repository(store)
    sessions = []
    for names in (["one"], ["one", "two"]):
        with repository.begin(source="a", parent=sessions[-1] if sessions else None, writer="t") as session:
            session.seal(write_objects(session, [config_map(name) for name in names]))
        sessions.append(session.id)
    return store, sessions


def complaints(store, session):
    """Everything that reading the session back says is wrong; raises when it cannot be opened."""
    repository = open_repository(store)
    report = verify_session(repository, session, cancel=Cancellation())
    objects = ObjectSet(repository.reader(session))
    assert report.damaged or [o.name for o in objects.read(objects.entries)]
    return report.damaged


def is_found(store, sessions):
    for session in sessions:
        try:
            if complaints(store, session):
                return True
        except DrsyncError as error:
            return bool(error.remedy)
    return False


def test_an_untouched_repository_has_no_complaint(small):
    store, sessions = small

    assert not is_found(store, sessions)


def readable(store, sessions):
    """The objects that reading these sessions depends on."""
    return [key for key in store.snapshot() if key.startswith("repo/") and not key.startswith("repo/i/")]


@pytest.mark.slow
def test_every_flipped_byte_is_found(small):
    store, sessions = small
    flips = 0
    for key in readable(store, sessions):
        good = store.get(key).data
        for at in range(len(good)):
            store.tamper(key, good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
            assert is_found(store, sessions), f"byte {at} of {key}"
            flips += 1
        store.tamper(key, good)
    assert flips > 2000


def test_every_truncation_and_extension_is_found(small):
    store, sessions = small
    for key in readable(store, sessions):
        good = store.get(key).data
        for data in (b"", good[:1], good[: len(good) // 2], good[:-1], good + b"\0"):
            store.tamper(key, data)
            assert is_found(store, sessions), f"{len(data)} of {len(good)} bytes of {key}"
        store.tamper(key, good)


def test_every_swap_of_two_objects_is_found(small):
    store, sessions = small
    content = store.snapshot()
    for one, other in permutations(readable(store, sessions), 2):
        store.tamper(one, content[other])
        assert is_found(store, sessions), f"{other} in the place of {one}"
        store.tamper(one, content[one])


def test_every_lost_object_is_found(small):
    store, sessions = small
    for key in readable(store, sessions):
        data = store.get(key).data
        store.lose(key)
        assert is_found(store, sessions), key
        store.create(key, data)


def test_a_flipped_index_is_never_believed(small):
    store, _ = small
    for key in [key for key in store.snapshot() if key.startswith("repo/i/")]:
        good = store.get(key).data
        session, number = key.split("/")[2], int(key.split("/")[3])
        domain = open_repository(store).reader(session).domain
        for at in range(len(good)):
            store.tamper(key, good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
            with pytest.raises(IntegrityError):
                domain.read_index(session, number)
        store.tamper(key, good)


def test_damage_names_the_object(small):
    store, sessions = small
    pack = next(key for key in store.snapshot() if key.startswith("repo/p/"))
    store.tamper(pack, store.get(pack).data[:-1] + b"?")

    assert any(pack in complaint for complaint in complaints(store, sessions[0]))
