"""A volume comes back as it was: content, holes, links, modes, owners, times, attributes, names."""

import os
import shutil
import socket
import tempfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes.memory_store import MemoryStore
from tests.fakes.repositories import new_repository
from tests.volumes.runs import back_up, restore
from tests.volumes.trees import digest_tree, linked_names, write

NAMES = st.binary(min_size=1, max_size=12).filter(lambda n: b"/" not in n and b"\0" not in n and n not in {b".", b".."})
CONTENT = st.one_of(
    st.binary(max_size=300),
    st.builds(lambda seed, size: bytes([seed]) * size, st.integers(0, 255), st.integers(0, 400_000)),
)
TIMES = st.integers(0, 4_000_000_000_000_000_000)
FILE = st.fixed_dictionaries(
    {
        "content": CONTENT,
        "hole": st.sampled_from([0, 0, 0, 4096, 1_000_000]),
        "mode": st.integers(0, 0o1777),
        "mtime": TIMES,
        "owner": st.sampled_from([(0, 0), (1000, 1000), (65534, 5)]),
        "xattrs": st.dictionaries(st.sampled_from(["user.a", "user.b.c"]), st.binary(max_size=50), max_size=2),
    }
)
LEAF = st.one_of(
    st.tuples(st.just("file"), FILE),
    st.tuples(st.just("symlink"), st.binary(min_size=1, max_size=40).filter(lambda t: b"\0" not in t)),
    st.tuples(st.just("link"), st.integers(0, 1000)),
)
TREE = st.recursive(
    LEAF, lambda children: st.tuples(st.just("dir"), st.dictionaries(NAMES, children, max_size=6)), max_leaves=20
)


def build(tree, path, made):
    kind, what = tree
    if kind == "dir":
        os.mkdir(path)
        for name, child in what.items():
            build(child, path + b"/" + name, made)
        os.utime(path, ns=(1_500_000_000_000_000_001, 1_500_000_000_000_000_001))
    elif kind == "symlink":
        os.symlink(what, path)
    elif kind == "link" and made:
        os.link(made[what % len(made)], path)
    elif kind == "file":
        with open(path, "wb") as file:
            file.seek(what["hole"])
            file.write(what["content"])
            file.truncate(what["hole"] + len(what["content"]))
        for name, value in what["xattrs"].items():
            os.setxattr(path, name, value)
        os.chown(path, *what["owner"])
        os.chmod(path, what["mode"])
        os.utime(path, ns=(what["mtime"], what["mtime"]))
        made.append(path)


@pytest.mark.slow
@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.dictionaries(NAMES, TREE, max_size=6))
def test_random_trees_come_back(root):
    with tempfile.TemporaryDirectory(dir="/var/tmp") as scratch:
        source, target = os.path.join(scratch, "source"), os.path.join(scratch, "target")
        build(("dir", root), os.fsencode(source), [])
        os.mkdir(target)
        repository = new_repository(MemoryStore())

        result = back_up(repository, source)
        restored = restore(repository, result.session, target)
        again = restore(repository, result.session, target)

        assert digest_tree(target) == digest_tree(source)
        assert linked_names(target) == linked_names(source)
        assert (result.torn, result.unreadable, restored.refused, restored.extra) == ((), (), (), ())
        assert (again.files, again.bytes) == (0, 0)


@pytest.fixture
def volume(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    return source


@pytest.fixture
def target(tmp_path):
    target = tmp_path / "target"
    target.mkdir()
    return target


@pytest.fixture
def repository():
    return new_repository(MemoryStore())


def test_empty_volumes_and_empty_directories_come_back(repository, volume, target):
    (volume / "empty").mkdir(mode=0o2750)
    restore(repository, back_up(repository, volume).session, target)

    assert digest_tree(target) == digest_tree(volume)


def test_holes_stay_holes(repository, volume, target):
    with open(volume / "sparse", "wb") as file:
        file.seek(3_000_000)
        file.write(b"x" * 5000)
        file.truncate(50_000_000)
    restore(repository, back_up(repository, volume).session, target)

    before, after = os.stat(volume / "sparse"), os.stat(target / "sparse")
    assert after.st_blocks <= before.st_blocks
    assert digest_tree(target) == digest_tree(volume)


def test_zeros_that_were_written_come_back_and_are_not_stored(repository, volume, target):
    write(volume, "zeros", bytes(5_000_000))
    result = back_up(repository, volume)
    restore(repository, result.session, target)

    assert result.added_bytes < 10_000
    assert digest_tree(target) == digest_tree(volume)


def test_a_file_with_many_extents_comes_back(repository, volume, target, monkeypatch):
    monkeypatch.setattr("drsync.volumes.content.EXTENTS_LIMIT", 4)
    content = b"".join(os.urandom(300_000) for _ in range(30))
    write(volume, "large", content)
    first = back_up(repository, volume)
    second = back_up(repository, volume, parent=first.session)
    restore(repository, second.session, target)

    assert digest_tree(target) == digest_tree(volume)
    assert second.added_bytes == 0


@pytest.mark.slow
def test_many_files_and_pages_come_back(repository, volume, target):
    for number in range(5_000):
        write(volume, f"d{number % 97}/f{number}", b"%d" % number * (number % 50))
    restore(repository, back_up(repository, volume).session, target)

    assert digest_tree(target) == digest_tree(volume)


def test_acls_come_back(repository, volume, target):
    path = write(volume, "file", b"x")
    # version 2; user::rw-, user:1000:r--, group::r--, mask::r--, other::---
    rows = ((1, 6, 0xFFFFFFFF), (2, 4, 1000), (4, 4, 0xFFFFFFFF), (16, 4, 0xFFFFFFFF), (32, 0, 0xFFFFFFFF))
    packed = b"".join(
        tag.to_bytes(2, "little") + bits.to_bytes(2, "little") + who.to_bytes(4, "little") for tag, bits, who in rows
    )
    try:
        os.setxattr(path, "system.posix_acl_access", (2).to_bytes(4, "little") + packed)
    except OSError:
        pytest.skip("this file system has no ACLs")
    restore(repository, back_up(repository, volume).session, target)

    assert digest_tree(target) == digest_tree(volume)


def test_sockets_are_named_and_left_out(repository, volume):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(volume / "s"))
        result = back_up(repository, volume)

    assert result.skipped == ("s: a socket; programs make it again",)


def test_privileges_are_kept_in_the_point_and_refused_by_default(repository, volume, target):
    os.chmod(write(volume, "program", b"#!"), 0o6755)  # noqa: S103 - it is what is tested
    os.setxattr(volume / "program", "trusted.secret", b"1")
    os.mkfifo(volume / "pipe")
    os.mknod(volume / "null", 0o20666, os.makedev(1, 3))
    session = back_up(repository, volume).session

    refused = restore(repository, session, target).refused

    assert refused == (
        "null: character-device",
        "pipe: fifo",
        "program: set-id bits",
        "program: attribute trusted.secret",
    )
    assert os.stat(target / "program").st_mode & 0o7777 == 0o755
    assert sorted(os.listdir(target)) == ["program"]


def test_privileges_come_back_where_they_are_asked_for(repository, volume, target):
    os.chmod(write(volume, "program", b"#!"), 0o6755)  # noqa: S103 - it is what is tested
    os.setxattr(volume / "program", "trusted.secret", b"1")
    os.mkfifo(volume / "pipe", 0o640)
    os.mknod(volume / "null", 0o20666, os.makedev(1, 3))
    session = back_up(repository, volume).session

    assert restore(repository, session, target, privileged=True).refused == ()

    assert digest_tree(target) == digest_tree(volume)
    assert os.getxattr(target / "program", "trusted.secret") == b"1"
    assert os.stat(target / "null").st_rdev == os.makedev(1, 3)


def test_chosen_paths_alone_come_back(repository, volume, target):
    for path in ("a/one", "a/two", "b/c/three", "b/d/four", "five"):
        write(volume, path, path.encode())
    os.link(volume / "a/one", volume / "b/d/other")
    session = back_up(repository, volume).session

    result = restore(repository, session, target, paths=("b/d", "a/two", "nowhere"))

    files = sorted(p for p, facts in digest_tree(target).items() if "content" in facts)
    assert files == [b"a/two", b"b/d/four", b"b/d/other"]
    assert (target / "b/d/other").read_bytes() == b"a/one"
    assert result.missing_paths == ("nowhere",)


def test_what_else_is_in_the_target_is_told_and_kept(repository, volume, target):
    write(volume, "mine", b"1")
    write(target, "theirs/file", b"2")

    assert restore(repository, back_up(repository, volume).session, target).extra == ("theirs",)
    assert (target / "theirs/file").exists()


def test_what_else_is_in_the_target_is_removed_when_the_job_says_so(repository, volume, target):
    write(volume, "mine", b"1")
    write(target, "theirs/file", b"2")

    assert restore(repository, back_up(repository, volume).session, target, delete_extra=True).deleted == 1
    assert digest_tree(target) == digest_tree(volume)


@pytest.mark.parametrize("planted", ["symlink", "file", "directory"])
def test_whatever_stands_in_the_way_gives_way(repository, volume, target, tmp_path, planted):
    write(volume, "a/file", b"right")
    outside = tmp_path / "outside"
    outside.mkdir()
    write(outside, "file", b"outside")
    if planted == "symlink":
        os.symlink(outside, target / "a")
    elif planted == "file":
        write(target, "a", b"in the way")
    else:
        (target / "a/file").mkdir(parents=True)

    restore(repository, back_up(repository, volume).session, target)

    assert digest_tree(target) == digest_tree(volume)
    assert (outside / "file").read_bytes() == b"outside"


def test_a_changed_copy_is_brought_back_byte_for_byte(repository, volume, target):
    for number in range(50):
        write(volume, f"f{number}", os.urandom(3000))
    write(volume, "large", os.urandom(2_000_000))
    session = back_up(repository, volume).session
    restore(repository, session, target)
    write(target, "f7", os.urandom(3000))
    write(target, "large", os.urandom(2_000_000))
    os.chmod(target / "f8", 0o600)
    (target / "f9").unlink()

    result = restore(repository, session, target)

    assert digest_tree(target) == digest_tree(volume)
    assert result.files == 3


def test_a_second_restore_changes_nothing_at_all(repository, volume, target):
    for number in range(20):
        write(volume, f"d/f{number}", os.urandom(3000))
    session = back_up(repository, volume).session
    restore(repository, session, target)
    before = {p: os.lstat(os.path.join(os.fsencode(target), p)).st_ctime_ns for p in digest_tree(target)}

    restore(repository, session, target)

    assert {p: os.lstat(os.path.join(os.fsencode(target), p)).st_ctime_ns for p in digest_tree(target)} == before


def test_what_a_tree_of_tests_compares_would_notice_a_difference(volume, target):
    write(volume, "a", b"1")
    shutil.copytree(volume, target, dirs_exist_ok=True)
    os.utime(target / "a", ns=(1, 1))

    assert digest_tree(target) != digest_tree(volume)


def test_a_deep_tree_comes_back(repository, volume, target):
    here = os.open(volume, os.O_RDONLY)
    try:
        for _ in range(300):
            os.mkdir("deeper", dir_fd=here)
            handle = os.open("deeper", os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = handle
    finally:
        os.close(here)
    result = back_up(repository, volume)

    assert result.unreadable == ()
    assert restore(repository, result.session, target).extra == ()
    assert digest_tree(target) == digest_tree(volume)


def test_a_tree_deeper_than_all_bounds_is_named(repository, volume, monkeypatch):
    monkeypatch.setattr("drsync.volumes.scan._DEPTH_LIMIT", 3)
    write(volume, "a/b/c/d/e", b"1")

    assert back_up(repository, volume).unreadable == ("a/b/c: more than 3 directories deep",)
