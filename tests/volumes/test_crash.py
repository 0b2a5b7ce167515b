"""Dying at any store call: nothing is sealed before the end, and the next run uses what was uploaded."""

import os
import random

import pytest

from drsync.clock import Cancellation
from drsync.errors import DrsyncError, Interrupted, QuotaExceeded, StoreUnreachable
from drsync.repository.verify import verify_session
from drsync.volumes import target as target_module
from tests.fakes.faulty_store import Crashed, Fault, Faulty
from tests.fakes.memory_store import MemoryStore
from tests.fakes.repositories import new_repository, open_repository
from tests.volumes.runs import back_up, restore
from tests.volumes.trees import digest_tree, write

PACK = 200_000


@pytest.fixture
def volume(tmp_path):
    """Some 2 MB that do not compress: several packs."""
    dice = random.Random(3)  # noqa: S311 - seeded
    source = tmp_path / "source"
    for number in range(60):
        write(source, f"d{number % 5}/f{number}", dice.randbytes(20_000))
    write(source, "large", dice.randbytes(1_000_000))
    return source


@pytest.fixture
def target(tmp_path):
    path = tmp_path / "target"
    path.mkdir()
    return path


def ends(store):
    return [key for key in store.snapshot() if key.endswith("/end")]


def acknowledged_packs(store):
    return sum(len(data) for key, data in store.snapshot().items() if key.startswith("repo/p/"))


def cost_of_a_backup(volume):
    """Store calls of one backup, keys aside, and the bytes of its packs."""
    store = MemoryStore()
    faulty = Faulty(store)
    repository = new_repository(faulty, pack_bytes=PACK)
    before = faulty.calls
    back_up(repository, volume)
    return faulty.calls - before, acknowledged_packs(store)


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True], ids=["before it is sent", "before its answer"])
def test_a_crash_at_every_store_call_loses_nothing(volume, after):
    total, once = cost_of_a_backup(volume)
    assert total >= 10
    for at in range(1, total + 1):
        store = MemoryStore()
        new_repository(store)
        dying = Faulty(store)
        repository = open_repository(dying, pack_bytes=PACK)
        dying.crash(at=dying.calls + at, after=after)
        died = False
        try:
            back_up(repository, volume)
        except Crashed:
            died = True
        uploaded, sealed = acknowledged_packs(store), len(ends(store))

        result = back_up(open_repository(store, pack_bytes=PACK), volume)

        assert died
        assert sealed == (1 if after and at == total else 0)
        # Both runs together stored hardly more than one alone: nothing acknowledged was sent again.
        assert acknowledged_packs(store) <= 1.05 * max(once, uploaded)
        report = verify_session(open_repository(store), result.session, cancel=Cancellation())
        assert report.damaged == ()


def test_what_was_acknowledged_is_not_sent_again(volume):
    store = MemoryStore()
    new_repository(store)
    whole = MemoryStore()
    back_up(new_repository(whole, pack_bytes=PACK), volume)
    dying = Faulty(store)
    repository = open_repository(dying, pack_bytes=PACK)
    dying.fail(Fault.NOT_SENT, call="create", under="repo/p/", skip=3, times=1000)
    with pytest.raises(StoreUnreachable):
        back_up(repository, volume)
    uploaded = acknowledged_packs(store)

    back_up(open_repository(store, pack_bytes=PACK), volume)

    assert uploaded >= 3 * PACK
    resent = acknowledged_packs(store) - acknowledged_packs(whole)
    assert resent <= 0.05 * uploaded


def test_a_stopped_backup_checkpoints(volume):
    store = MemoryStore()
    repository = new_repository(store, pack_bytes=PACK)
    cancel = Cancellation()
    cancel.cancel()

    with pytest.raises(Interrupted):
        back_up(repository, volume, cancel=cancel)

    assert ends(store) == []


@pytest.mark.parametrize("fault", [Fault.DENIED, Fault.FULL, Fault.NOT_SENT])
def test_a_store_that_refuses_is_one_clear_error(volume, fault):
    store = MemoryStore()
    new_repository(store)
    broken = Faulty(store)
    repository = open_repository(broken, pack_bytes=PACK)
    broken.fail(fault, call="create", under="repo/p/", times=1000)

    with pytest.raises(DrsyncError) as raised:
        back_up(repository, volume)

    assert raised.value.remedy
    assert ends(store) == []


@pytest.mark.slow
def test_a_restore_that_dies_at_any_write_is_marked_and_converges(volume, target, monkeypatch):
    repository = new_repository(MemoryStore(), pack_bytes=PACK)
    session = back_up(repository, volume).session
    original = target_module._write_pieces
    for deaths in range(0, 61, 6):
        left = [deaths]

        def dying(handle, pieces, size, left=left):
            if not left[0]:
                os.pwrite(handle, b"half", 0)
                raise Crashed
            left[0] -= 1
            return original(handle, pieces, size)

        monkeypatch.setattr(target_module, "_write_pieces", dying)
        with pytest.raises(Crashed):
            restore(repository, session, target)
        assert (target / ".drsync-restore-incomplete").exists()
        monkeypatch.setattr(target_module, "_write_pieces", original)

        restore(repository, session, target)

        assert digest_tree(target) == digest_tree(volume)
        for name in ("large", "d0/f0", "d1/f1"):
            (target / name).unlink()
        for number in range(60):
            (target / f"d{number % 5}/f{number}").unlink(missing_ok=True)


def test_a_full_target_is_told_and_stays_marked(volume, target, monkeypatch):
    repository = new_repository(MemoryStore(), pack_bytes=PACK)
    session = back_up(repository, volume).session

    def full(_handle, _pieces, _size):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(target_module, "_write_pieces", full)

    with pytest.raises(QuotaExceeded, match="No space left on device"):
        restore(repository, session, target)
    assert (target / ".drsync-restore-incomplete").exists()


def test_a_target_that_is_too_small_is_told_before_anything_is_written(volume, target, monkeypatch):
    repository = new_repository(MemoryStore(), pack_bytes=PACK)
    session = back_up(repository, volume).session
    small = os.statvfs_result((4096, 4096, 100, 10, 10, 100, 100, 100, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda _: small)

    with pytest.raises(QuotaExceeded, match="has 40960 bytes free"):
        restore(repository, session, target)
    assert os.listdir(target) == []


@pytest.mark.parametrize("fault", [Fault.CORRUPT, Fault.TORN])
def test_one_hurt_answer_is_fetched_again(volume, target, fault):
    store = MemoryStore()
    session = back_up(new_repository(store, pack_bytes=PACK), volume).session
    flaky = Faulty(store)
    repository = open_repository(flaky)
    flaky.fail(fault, call="get", under="repo/p/")

    restore(repository, session, target)

    assert digest_tree(target) == digest_tree(volume)


def test_a_lost_pack_is_named_and_the_target_is_marked(volume, target):
    store = MemoryStore()
    repository = new_repository(store, pack_bytes=PACK)
    session = back_up(repository, volume).session
    lost = [key for key in store.snapshot() if key.startswith("repo/p/")][-1]
    store.lose(lost)

    with pytest.raises(DrsyncError, match=lost):
        restore(repository, session, target)
    assert (target / ".drsync-restore-incomplete").exists()
