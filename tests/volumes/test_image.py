"""Block volumes: bit for bit, zeros for nothing, and never half a file system."""

import os
import random

import pytest

from drsync.errors import NotFound, StoreUnreachable, UserError
from drsync.model.volume import VolumeMode
from drsync.volumes.content import BLOCK
from tests.fakes.faulty_store import Fault, Faulty
from tests.fakes.memory_store import MemoryStore
from tests.fakes.repositories import new_repository, open_repository
from tests.volumes.runs import back_up, restore

SIZE = 40 * BLOCK + 12_345


def make_image(path, *, seed=1, size=SIZE):
    """Some blocks of noise, some of zeros, some never written."""
    dice = random.Random(seed)  # noqa: S311 - seeded
    with open(path, "wb") as file:
        for number in range(size // BLOCK + 1):
            file.seek(number * BLOCK)
            if dice.random() < 0.4:
                file.write(dice.randbytes(BLOCK))
            elif dice.random() < 0.3:
                file.write(bytes(BLOCK))
        file.seek(0)
        file.write(b"super block")
        file.truncate(size)
    return path


@pytest.fixture
def store():
    return MemoryStore()


@pytest.fixture
def repository(store):
    return new_repository(store)


def block(repository, path, **how):
    return back_up(repository, path, mode=VolumeMode.BLOCK, **how)


@pytest.mark.parametrize("target", ["new", "zeros", "other", "longer"])
def test_an_image_comes_back_bit_for_bit(repository, tmp_path, target):
    image = make_image(tmp_path / "image")
    session = block(repository, image).session
    path = tmp_path / "target"
    if target == "zeros":
        path.write_bytes(bytes(SIZE))
    elif target != "new":
        make_image(path, seed=2, size=SIZE + (999 if target == "longer" else 0))

    restore(repository, session, path, mode=VolumeMode.BLOCK)

    assert path.read_bytes() == image.read_bytes()


def test_a_second_restore_writes_nothing(repository, tmp_path):
    image = make_image(tmp_path / "image")
    session = block(repository, image).session
    restore(repository, session, tmp_path / "target", mode=VolumeMode.BLOCK)

    again = restore(repository, session, tmp_path / "target", mode=VolumeMode.BLOCK)

    assert (again.files, again.bytes, again.unchanged) == (0, 0, 1)


def test_only_blocks_that_differ_are_written(repository, tmp_path):
    image = make_image(tmp_path / "image")
    session = block(repository, image).session
    path = tmp_path / "target"
    restore(repository, session, path, mode=VolumeMode.BLOCK)
    with open(path, "r+b") as file:
        file.seek(7 * BLOCK + 5)
        file.write(b"changed")

    result = restore(repository, session, path, mode=VolumeMode.BLOCK)

    assert path.read_bytes() == image.read_bytes()
    assert result.bytes <= 2 * BLOCK


def test_zeros_are_not_stored(repository, tmp_path):
    (tmp_path / "image").write_bytes(bytes(SIZE))

    assert block(repository, tmp_path / "image").added_bytes < 10_000


def test_a_change_of_one_percent_uploads_about_as_much(repository, tmp_path):
    image = make_image(tmp_path / "image")
    parent = block(repository, image).session
    with open(image, "r+b") as file:
        file.seek(20 * BLOCK)
        file.write(b"changed")

    assert block(repository, image, parent=parent).added_bytes < 2 * BLOCK


def test_an_interrupted_restore_leaves_no_first_block_to_mount(store, repository, tmp_path):
    image = make_image(tmp_path / "image")
    session = block(repository, image).session
    path = tmp_path / "target"
    make_image(path, seed=2)
    broken = Faulty(store)
    reader = open_repository(broken)
    broken.fail(Fault.NOT_SENT, call="get", under="repo/p/", skip=3, times=1000)

    with pytest.raises(StoreUnreachable):
        restore(reader, session, path, mode=VolumeMode.BLOCK)

    assert path.read_bytes()[:BLOCK] == bytes(BLOCK)
    restore(repository, session, path, mode=VolumeMode.BLOCK)
    assert path.read_bytes() == image.read_bytes()


def test_a_device_that_is_missing_is_never_made(repository, tmp_path):
    session = block(repository, make_image(tmp_path / "image")).session

    with pytest.raises(NotFound, match="There is no device"):
        restore(repository, session, "/dev/drsync-no-such-device", mode=VolumeMode.BLOCK)
    assert not os.path.exists("/dev/drsync-no-such-device")


def test_modes_are_not_mixed_up(repository, tmp_path):
    session = block(repository, make_image(tmp_path / "image")).session
    (tmp_path / "directory").mkdir()

    with pytest.raises(UserError, match="holds a Block volume"):
        restore(repository, session, tmp_path / "directory")
    with pytest.raises(UserError, match="is no device or image file"):
        block(repository, tmp_path / "directory")
