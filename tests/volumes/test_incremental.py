"""The next backup: what did not change is not read, what did is, and doubt means reading."""

import os
import subprocess
import sys

import pytest

from drsync.clock import SystemClock
from drsync.errors import NotFound, Unreachable
from drsync.model.volume import VolumeMode
from drsync.stores.wrappers.count import Counting
from drsync.volumes import backup as backup_module
from drsync.volumes.manifest import VolumeManifest
from tests.fakes.memory_store import MemoryStore
from tests.fakes.repositories import new_repository
from tests.volumes import runs
from tests.volumes.runs import back_up, restore
from tests.volumes.trees import digest_tree, write


@pytest.fixture
def store():
    return Counting(MemoryStore())


@pytest.fixture
def repository(store):
    return new_repository(store)


@pytest.fixture
def volume(tmp_path):
    source = tmp_path / "source"
    for number in range(300):
        write(source, f"d{number % 7}/f{number}", os.urandom(2000))
    write(source, "large", os.urandom(3_000_000))
    return source


def test_an_unchanged_volume_costs_two_uploads_and_few_reads(store, repository, volume):
    parent = back_up(repository, volume).session
    store.counts.clear()

    result = back_up(repository, volume, parent=parent)

    assert result.added_bytes == 0
    assert store.counts["create"] == 2
    assert store.counts["get"] <= 5


def test_unchanged_files_are_not_opened(repository, volume, monkeypatch):
    parent = back_up(repository, volume).session
    opened = []
    original = backup_module.open_for_reading
    monkeypatch.setattr(
        backup_module, "open_for_reading", lambda name, handle: opened.append(name) or original(name, handle)
    )
    write(volume, "d1/f1", b"new", mtime_ns=1_700_000_000_000_000_000)

    back_up(repository, volume, parent=parent)

    assert opened == [b"f1"]


def test_one_change_uploads_little(repository, volume):
    parent = back_up(repository, volume).session
    write(volume, "d1/f1", os.urandom(2000), mtime_ns=1_700_000_000_000_000_000)

    result = back_up(repository, volume, parent=parent)

    assert result.added_bytes < 100_000


def test_an_insertion_into_a_large_file_uploads_its_neighbourhood(repository, tmp_path):
    content = os.urandom(8_000_000)
    write(tmp_path, "large", content)
    parent = back_up(repository, tmp_path).session
    write(tmp_path, "large", content[:4_000_000] + b"insertion" + content[4_000_000:], mtime_ns=1)

    assert back_up(repository, tmp_path, parent=parent).added_bytes < 2_500_000


def test_all_kinds_of_changes_are_in_the_next_point(repository, volume, tmp_path):
    parent = back_up(repository, volume).session
    write(volume, "d1/new", b"1")
    os.unlink(volume / "d2/f2")
    os.rename(volume / "d3", volume / "renamed")
    os.chmod(volume / "d4/f4", 0o600)
    os.setxattr(volume / "d5/f5", "user.x", b"y")
    os.link(volume / "d6/f6", volume / "d6/link")
    os.unlink(volume / "d0/f0")
    os.symlink("f7", volume / "d0/f0")
    second = back_up(repository, volume, parent=parent).session
    target = tmp_path / "target"
    target.mkdir()

    restore(repository, second, target)

    assert digest_tree(target) == digest_tree(volume)


def test_the_same_size_and_time_with_another_change_time_is_read(repository, volume):
    parent = back_up(repository, volume).session
    before = os.stat(volume / "d1/f1")
    write(volume, "d1/f1", b"x" * 2000, mtime_ns=before.st_mtime_ns)

    manifest = VolumeManifest(repository.reader(back_up(repository, volume, parent=parent).session))

    assert b"".join(manifest.content(manifest.entry(b"d1/f1"))) == b"x" * 2000


def test_files_changed_just_before_the_scan_are_read_again(repository, volume, monkeypatch):
    monkeypatch.setattr(runs, "LaterClock", SystemClock)
    parent = back_up(repository, volume).session
    opened = []
    original = backup_module.open_for_reading
    monkeypatch.setattr(
        backup_module, "open_for_reading", lambda name, handle: opened.append(name) or original(name, handle)
    )

    back_up(repository, volume, parent=parent)

    # All of them were made within the last two seconds before the first scan.
    assert len(opened) > 0


def test_a_manifest_lists_a_directory_without_the_rest(repository, volume):
    manifest = VolumeManifest(repository.reader(back_up(repository, volume).session))

    assert {entry.path.split(b"/")[0] for entry in manifest.entries(b"d3")} == {b"d3"}
    assert [entry.path for entry in manifest.entries(b"d3/f3")] == [b"d3/f3"]
    assert list(manifest.entries(b"d33")) == []
    assert manifest.entry(b"nothing") is None


WRITER = """
import os, sys
handle = os.open(sys.argv[1], os.O_WRONLY)
size = os.fstat(handle).st_size
sys.stdout.write("."); sys.stdout.flush()
n = 0
while True:
    n += 1
    os.pwrite(handle, b"%d" % n, n % 1000)
    os.ftruncate(handle, size + n % 100)
"""


@pytest.mark.parametrize("size", [1000, 3_000_000], ids=["small", "large"])
def test_a_file_that_never_stands_still_is_marked_torn(repository, volume, size):
    path = write(volume, "busy", os.urandom(size))
    with subprocess.Popen([sys.executable, "-c", WRITER, path], stdout=subprocess.PIPE) as writer:
        writer.stdout.read(1)
        try:
            # By chance a small file may look still: on a busy machine the writer may not run meanwhile.
            results = (back_up(repository, volume, source=str(n)) for n in range(500))
            torn = next(result for result in results if result.torn)
        finally:
            writer.kill()

    assert torn.torn == ("busy",)
    entry = VolumeManifest(repository.reader(torn.session)).entry(b"busy")
    assert entry.torn


def test_a_file_that_changes_once_while_it_is_read_is_read_again(repository, volume, monkeypatch):
    original = backup_module.read_attributes
    touched = []

    def touch(target):
        if isinstance(target, int) and not touched and os.fstat(target).st_size == 3_000_000:
            touched.append(write(volume, "large", b"n" * 3_000_001))
        return original(target)

    monkeypatch.setattr(backup_module, "read_attributes", touch)

    result = back_up(repository, volume)

    manifest = VolumeManifest(repository.reader(result.session))
    assert result.torn == ()
    assert b"".join(manifest.content(manifest.entry(b"large"))) == b"n" * 3_000_001


def test_what_cannot_be_read_is_named_and_the_rest_is_there(repository, volume, monkeypatch):
    original = backup_module.open_for_reading

    def broken(name, handle):
        if name == b"f8":
            raise OSError(5, "Input/output error")
        return original(name, handle)

    monkeypatch.setattr(backup_module, "open_for_reading", broken)

    result = back_up(repository, volume)

    assert result.unreadable == ("d1/f8: Input/output error",)
    assert result.files == 300


def test_a_volume_that_is_not_there_is_named_before_anything_is_written(store, repository, tmp_path):
    before = store.counts["create"]

    with pytest.raises(NotFound, match="There is no directory at"):
        back_up(repository, tmp_path / "nowhere")

    assert store.counts["create"] == before


def test_a_volume_that_vanishes_is_an_error_and_seals_nothing(store, repository, volume, monkeypatch, tmp_path):
    original = backup_module.open_for_reading

    def vanish(name, handle):
        if name == b"large":
            os.rename(volume, tmp_path / "gone")
        return original(name, handle)

    monkeypatch.setattr(backup_module, "open_for_reading", vanish)

    with pytest.raises(Unreachable, match="vanished while it was read"):
        back_up(repository, volume)

    assert not [info for info in store.list("repo/s/") if info.key.endswith("/end")]


def test_a_half_restored_volume_never_passes_for_a_whole_one(repository, volume):
    write(volume, ".drsync-restore-incomplete", b"")

    assert back_up(repository, volume).unreadable == (
        ".drsync-restore-incomplete: a restore into this volume did not end",
    )


def test_a_parent_of_the_other_mode_is_of_no_use(repository, volume, tmp_path):
    image = tmp_path / "image"
    image.write_bytes(os.urandom(300_000))
    parent = back_up(repository, image, mode=VolumeMode.BLOCK).session

    assert back_up(repository, volume, parent=parent).files == 301
