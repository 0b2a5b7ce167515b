"""What a directory adds to the contract: copies, crashes, other processes, full disks, hostile links."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from drsync.clock import SystemClock
from drsync.errors import (
    IntegrityError,
    ObjectExists,
    ObjectMissing,
    PermissionDenied,
    QuotaExceeded,
    Refused,
    StoreUnreachable,
    VersionChanged,
)
from drsync.stores.drivers.file import FileStore
from drsync.stores.drivers.folder import translated
from tests.contracts.object_store import keys

COUNT = """
import sys
from pathlib import Path
from drsync.clock import SystemClock
from drsync.errors import ObjectExists, VersionChanged
from drsync.stores.drivers.file import FileStore

store = FileStore(Path(sys.argv[1]), clock=SystemClock())
won = 0
for number in range(40):
    try:
        store.create(f"race/{number}", sys.argv[2].encode())
        won += 1
    except ObjectExists:
        pass
    while True:
        blob = store.get("counter")
        try:
            store.replace("counter", b"%d" % (int(blob.data) + 1), version=blob.version)
            break
        except VersionChanged:
            pass
print(won)
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "store"
    root.mkdir()
    return root


@pytest.fixture
def store(root: Path) -> FileStore:
    return FileStore(root, clock=SystemClock())


@pytest.mark.slow
def test_processes_share_a_directory(root: Path, store: FileStore):
    store.create("counter", b"0")

    racers = [
        subprocess.Popen([sys.executable, "-c", COUNT, str(root), str(number)], stdout=subprocess.PIPE)
        for number in range(4)
    ]
    won = [int(racer.communicate(timeout=120)[0]) for racer in racers]

    assert store.get("counter").data == b"160"
    assert sum(won) == 40


def test_a_copy_has_the_same_versions(root: Path, store: FileStore, tmp_path: Path):
    first = store.create("lease/x", b"first")
    second = store.replace("lease/x", b"second", version=first)

    subprocess.run(["cp", "-r", root, tmp_path / "copy"], check=True)

    copy = FileStore(tmp_path / "copy", clock=SystemClock())
    assert copy.get("lease/x").version == second
    with pytest.raises(VersionChanged):
        copy.replace("lease/x", b"third", version=first)
    copy.replace("lease/x", b"third", version=second)
    assert store.get("lease/x").data == b"second"


def test_a_key_is_a_path_to_its_bytes(root: Path, store: FileStore):
    store.create("repo/p/ab", b"bytes")

    assert (root / "repo/p/ab").read_bytes() == b"bytes"


def test_a_file_put_there_by_hand_is_an_object(root: Path, store: FileStore):
    (root / "keys").mkdir()
    (root / "keys/slot").write_bytes(b"by hand")

    blob = store.get("keys/slot")
    assert blob.data == b"by hand"
    assert keys(store) == ["keys/slot"]
    with pytest.raises(ObjectExists):
        store.create("keys/slot", b"x")
    version = store.replace("keys/slot", b"replaced", version=blob.version)
    assert store.get("keys/slot").data == b"replaced"
    store.delete("keys/slot", version=version)
    assert keys(store) == []


def test_a_file_put_there_by_hand_can_be_deleted(root: Path, store: FileStore):
    (root / "by-hand").write_bytes(b"x")

    store.delete("by-hand", version=store.get("by-hand").version)

    assert not (root / "by-hand").exists()


def test_its_own_files_are_no_keys(root: Path, store: FileStore):
    store.replace("a/b", b"y", version=store.create("a/b", b"x"))

    assert keys(store) == ["a/b"]
    assert {path.name for path in root.iterdir()} == {".drsync", "a"}


def test_nothing_piles_up(root: Path, store: FileStore):
    version = store.create("a/b/c", b"0")
    for number in range(5):
        version = store.replace("a/b/c", str(number).encode(), version=version)
    store.delete("a/b/c", version=version)
    with pytest.raises(VersionChanged):
        store.replace("a/b/c", b"x", version=version)

    assert [str(path.relative_to(root)) for path in root.rglob("*")] == [".drsync", ".drsync/lock"]


def test_a_write_that_was_killed_is_swept_a_day_later(root: Path):
    (root / ".drsync").mkdir()
    for name, age_s in (("old", 100_000), ("young", 60)):
        (root / ".drsync" / name).write_bytes(b"half")
        at = os.stat(root).st_mtime - age_s
        os.utime(root / ".drsync" / name, (at, at))

    FileStore(root, clock=SystemClock()).create("a", b"x")

    assert not (root / ".drsync/old").exists()
    assert (root / ".drsync/young").exists()


def test_a_directory_that_is_gone_is_unreachable(root: Path, store: FileStore):
    root.rmdir()

    for call in (
        lambda: store.create("a", b"x"),
        lambda: store.get("a"),
        lambda: store.head("a"),
        lambda: keys(store),
        lambda: store.replace("a", b"x", version="v"),
        lambda: store.delete("a", version="v"),
    ):
        with pytest.raises(StoreUnreachable, match="no directory"):
            call()
    assert not root.exists()


def test_a_store_that_is_a_file_is_unreachable(tmp_path: Path):
    (tmp_path / "file").write_bytes(b"x")

    with pytest.raises(StoreUnreachable):
        FileStore(tmp_path / "file", clock=SystemClock()).get("a")


@pytest.fixture
def full_disk() -> Iterator[None]:
    """A file of more than 64 KiB cannot be written, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (65_536, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


def test_a_full_disk_leaves_nothing_behind(root: Path, store: FileStore, full_disk: None):
    version = store.create("lease/x", b"kept")

    with pytest.raises(QuotaExceeded):
        store.create("repo/p/large", b"x" * 100_000)
    with pytest.raises(QuotaExceeded):
        store.replace("lease/x", b"x" * 100_000, version=version)

    assert keys(store) == ["lease/x"]
    assert store.get("lease/x").data == b"kept"
    assert [path.name for path in (root / ".drsync").iterdir() if path.name != "lock"] == []


READ = """
import os, sys
from pathlib import Path
from drsync.clock import SystemClock
from drsync.errors import PermissionDenied
from drsync.stores.drivers.file import FileStore

os.setgroups([])
os.setgid(65534)
os.setuid(65534)
store = FileStore(Path("."), clock=SystemClock())
print(store.get("a/b").data.decode())
for call in (lambda: store.create("a/c", b"x"), lambda: store.delete("a/b", version=store.get("a/b").version)):
    try:
        call()
    except PermissionDenied as error:
        print("denied")
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_user_without_the_right_is_told_so(root: Path, store: FileStore):
    store.create("a/b", b"readable")

    # In the store's own directory, for the way to it may be closed to others.
    done = subprocess.run(
        [sys.executable, "-c", READ], cwd=root, capture_output=True, text=True, timeout=60, check=False
    )

    assert done.stdout.split() == ["readable", "denied", "denied"], done.stderr


def test_a_link_out_of_the_store_is_not_followed(root: Path, store: FileStore, tmp_path: Path):
    (tmp_path / "secret").write_bytes(b"secret")
    (root / "a").symlink_to(tmp_path / "secret")
    (root / "b").symlink_to(tmp_path)
    (root / "c").symlink_to(".c~" + "0" * 31 + "/../../secret")

    for key in ("a", "c"):
        with pytest.raises(IntegrityError):
            store.get(key)
    with pytest.raises(ObjectMissing):
        store.get("b/secret")
    with pytest.raises(Refused):
        store.create("b/new", b"x")
    assert "b/secret" not in keys(store)
    assert not (tmp_path / "new").exists()


def test_lost_data_is_seen_and_can_be_removed(root: Path, store: FileStore):
    version = store.create("a/b", b"x")
    next((root / "a").glob(".b~*")).unlink()

    with pytest.raises(IntegrityError, match="lost its data"):
        store.get("a/b")
    assert keys(store) == ["a/b"]
    with pytest.raises(ObjectExists):
        store.create("a/b", b"y")
    store.delete("a/b", version=version)
    store.create("a/b", b"y")


def test_an_object_cannot_be_a_folder_as_well(store: FileStore):
    store.create("a/b", b"x")

    with pytest.raises(Refused):
        store.create("a", b"x")
    with pytest.raises(Refused):
        store.create("a/b/c", b"x")


def test_a_folder_may_come_and_go_under_a_writer(store: FileStore):
    stop = threading.Event()

    def prune() -> None:
        while not stop.is_set():
            store.delete("a/b/other", version=store.create("a/b/other", b"x"))

    pruner = threading.Thread(target=prune)
    pruner.start()
    for number in range(60):
        store.delete(f"a/b/{number}", version=store.create(f"a/b/{number}", b"x"))
    stop.set()
    pruner.join(30)

    assert keys(store) == []


@pytest.mark.slow
def test_a_hundred_thousand_keys_are_listed_as_they_are_found(root: Path, store: FileStore):
    for folder in range(100):
        (root / f"f{folder:02}").mkdir()
        for number in range(1000):
            os.close(os.open(root / f"f{folder:02}" / f"{number:03}", os.O_CREAT | os.O_WRONLY))

    listing = store.list("")
    first = next(listing)
    shutil.rmtree(root / "f50")
    rest = list(listing)

    # What vanished before the walk came there is not told, so the walk had not been there.
    assert first.key == "f00/000"
    assert len(rest) == 99_000 - 1
    assert [info.key for info in rest] == sorted(info.key for info in rest)


def test_a_lock_that_lasts_is_refused(store: FileStore):
    store.create("a", b"x")

    with pytest.raises(Refused, match="object lock"):
        store.retain("a", until=datetime.now(UTC))


def test_denied_is_told_as_denied():
    with pytest.raises(PermissionDenied, match="may not use"), translated("/x"):
        raise PermissionError(13, "Permission denied")
