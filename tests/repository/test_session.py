"""Sessions: what is uploaded, what is not uploaded again, and what nobody sees before the end."""

import random
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drsync.errors import Conflict, IntegrityError, NotFound, ObjectMissing
from drsync.repository import session as session_module
from drsync.repository.chunk import ChunkRef, PackKind
from drsync.repository.known import INDEXES_LIMIT
from drsync.repository.pack import PackBuilder, PackCipher, PackedChunk, seal_pack
from drsync.stores.wrappers.count import Counting
from tests.fakes.memory_store import MemoryStore
from tests.fakes.repositories import new_repository, open_repository


def chunks(count, *, size=50_000, seed=1):
    """Chunks that do not compress."""
    dice = random.Random(seed)  # noqa: S311 - seeded
    return [dice.randbytes(size) for _ in range(count)]


def store_all(repository, data, *, source="a", parent=None):
    """A sealed session of these chunks: its id, what it cost, and where they are."""
    with repository.begin(source=source, parent=parent, writer="test") as session:
        refs = [session.add(chunk) for chunk in data]
        placed = [session.placed(ref) for ref in refs]
        stats = session.seal(b"root")
    return session.id, stats, placed


def uploads(store, before):
    return sorted(key for key in store.snapshot() if key not in before and key.startswith("repo/"))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.binary(max_size=3000), max_size=30), st.integers(1000, 20_000))
def test_what_goes_in_comes_out(data, pack_bytes):
    repository = new_repository(MemoryStore(), pack_bytes=pack_bytes)

    session, _, placed = store_all(repository, data)

    assert list(repository.reader(session).read(placed)) == data
    assert repository.reader(session).root() == b"root"


def test_chunks_may_be_read_in_any_order():
    repository = new_repository(MemoryStore(), pack_bytes=200_000)
    data = chunks(20)
    session, _, placed = store_all(repository, data)
    order = random.Random(2).choices(range(20), k=60)  # noqa: S311 - seeded

    assert list(repository.reader(session).read(placed[n] for n in order)) == [data[n] for n in order]


def test_a_caller_may_fill_its_buffer_again():
    repository = new_repository(MemoryStore())
    buffer = bytearray(b"first" * 1000)

    with repository.begin(source="a", parent=None, writer="") as session:
        ref = session.add(memoryview(buffer))
        buffer[:5] = b"other"
        placed = session.placed(ref)
        session.seal(b"")

    assert repository.reader(session.id).read_one(placed) == b"first" * 1000


def test_the_same_chunk_is_stored_once():
    repository = new_repository(MemoryStore())

    _, stats, _ = store_all(repository, [b"x" * 10_000] * 5)

    assert (stats.added_bytes, stats.reused_bytes) == (10_000, 40_000)


def test_an_unchanged_session_uploads_its_open_and_its_end_alone():
    store = MemoryStore()
    repository = new_repository(store)
    data = chunks(30)
    parent, _, _ = store_all(repository, data)
    before = store.snapshot()

    session, stats, _ = store_all(open_repository(store), data, parent=parent)

    assert uploads(store, before) == [f"repo/s/{session}/end", f"repo/s/{session}/open"]
    assert stats.uploaded_bytes == 0


def test_a_source_finds_its_last_session_without_being_told():
    store = MemoryStore()
    data = chunks(30)
    store_all(new_repository(store), data)

    _, stats, _ = store_all(open_repository(store), data, parent=None)

    assert stats.added_bytes == 0


def test_another_source_shares_nothing_unless_it_is_the_parent():
    store = MemoryStore()
    data = chunks(5)
    parent, _, _ = store_all(new_repository(store), data)

    _, alone, _ = store_all(open_repository(store), data, source="b")
    _, child, _ = store_all(open_repository(store), data, source="c", parent=parent)

    assert (alone.reused_bytes, child.added_bytes) == (0, 0)


@pytest.mark.parametrize("checkpoint", [True, False], ids=["by its index", "by the tails of its packs"])
def test_what_a_dead_session_uploaded_is_reused(checkpoint):
    store = MemoryStore()
    repository = new_repository(store, pack_bytes=200_000)
    data = chunks(40)
    dead = repository.begin(source="a", parent=None, writer="killed")
    for chunk in data:
        dead.add(chunk)
    dead.checkpoint()
    dead.abort()
    if not checkpoint:
        store.lose(f"repo/i/{dead.id}/0")

    session, stats, placed = store_all(open_repository(store), data)

    assert stats.added_bytes == 0
    assert list(repository.reader(session).read(placed)) == data


def test_what_a_dead_session_left_is_still_known_two_sessions_later():
    store = MemoryStore()
    repository = new_repository(store, pack_bytes=200_000)
    data = chunks(40)
    dead = repository.begin(source="a", parent=None, writer="killed")
    for chunk in data:
        dead.add(chunk)
    dead.checkpoint()
    dead.abort()
    store.lose(f"repo/i/{dead.id}/0")
    second, _, _ = store_all(open_repository(store), data[:1])

    _, stats, _ = store_all(open_repository(store), data, parent=second)

    assert stats.added_bytes == 0


def test_an_index_is_written_for_every_so_many_bytes(monkeypatch):
    monkeypatch.setattr(session_module, "CHECKPOINT_BYTES", 400_000)
    store = MemoryStore()
    repository = new_repository(store, pack_bytes=100_000)

    with repository.begin(source="a", parent=None, writer="") as session:
        for chunk in chunks(400):
            session.add(chunk)
        written = [key for key in store.snapshot() if key.startswith("repo/i/")]

    assert len(written) >= 3


def test_a_session_without_an_end_cannot_be_read():
    repository = new_repository(MemoryStore())
    with repository.begin(source="a", parent=None, writer="") as session:
        session.add(b"data")
        session.checkpoint()

    with pytest.raises(ObjectMissing, match="is not complete in this store"):
        repository.reader(session.id)


@pytest.mark.parametrize("name", ["", "../store.json", "0" * 31, "g" * 32, "A" * 32])
def test_what_is_no_session_id_never_becomes_a_key(name):
    with pytest.raises(NotFound):
        new_repository(MemoryStore()).reader(name)


def test_a_session_that_someone_else_ended_is_not_sealed():
    store = MemoryStore()
    repository = new_repository(store)
    session = repository.begin(source="a", parent=None, writer="")
    store.create(f"repo/s/{session.id}/end", b"a fence")

    with pytest.raises(Conflict, match="was ended by someone else"), session:
        session.seal(b"")

    assert store.get(f"repo/s/{session.id}/end").data == b"a fence"


def test_a_damaged_parent_costs_an_upload_and_not_the_backup():
    store = MemoryStore()
    repository = new_repository(store)
    data = chunks(3)
    parent, _, _ = store_all(repository, data)
    store.tamper(f"repo/s/{parent}/end", b"nonsense")

    session, stats, placed = store_all(open_repository(store), data, parent=parent)

    assert stats.reused_bytes == 0
    assert list(repository.reader(session).read(placed)) == data


def test_reads_at_the_start_stay_few_after_many_sessions():
    store = Counting(MemoryStore())
    repository = new_repository(store)
    parent = None
    for number in range(40):
        parent, _, _ = store_all(repository, [b"%d" % number], parent=parent)
    store.counts.clear()

    _, stats, _ = store_all(repository, [b"%d" % n for n in range(40)], parent=parent)

    assert stats.added_bytes == 0
    assert store.counts["get"] <= INDEXES_LIMIT + 2
    assert store.counts["list"] == 1


def test_a_chunk_hurt_in_memory_is_never_uploaded():
    pack = PackBuilder(PackKind.DATA, "0" * 32, 0)
    pack.append(PackedChunk(ChunkRef(b"i" * 32, 4), b"\0daXa"))
    cipher = PackCipher("0" * 32, b"k" * 32, pack.pack)

    with pytest.raises(IntegrityError, match="its content has another hash"):
        seal_pack(pack, cipher, id_key=b"d" * 32)


def test_nothing_in_a_pack_repeats_or_can_be_read():
    store = MemoryStore()
    repository = new_repository(store)
    for source in ("a", "b"):
        store_all(repository, [b"secret words " * 500], source=source)

    packs = [data for key, data in store.snapshot().items() if key.startswith("repo/p/")]

    assert len(packs) == 2
    assert packs[0][:64] != packs[1][:64]
    assert all(b"secret" not in data for data in store.snapshot().values())


class LockedStore(MemoryStore):
    """Its reads wait for a lock, as those of a wrapper that counts do."""

    def __init__(self):
        super().__init__()
        self.lock = threading.RLock()

    def get(self, key, *, start=0, length=None):
        with self.lock:
            return super().get(key, start=start, length=length)


@pytest.mark.timeout(20)
def test_a_reader_that_is_dropped_waits_for_nobody():
    store = LockedStore()
    repository = new_repository(store, pack_bytes=50_000)
    session, _, placed = store_all(repository, chunks(30))
    reading = repository.reader(session).read(placed)
    next(reading)

    with store.lock:
        reading.close()
