"""A manifest written by an enemy who has the key: nothing outside the target is ever touched."""

import os
import subprocess
import sys

import msgspec
import pytest

from drsync.errors import Conflict, DrsyncError, IntegrityError, NothingToRestore
from drsync.model.volume import VolumeMode
from drsync.repository.chunk import ChunkRef, PlacedRef
from drsync.repository.records import encode
from drsync.repository.references import encode_references
from drsync.volumes.entry import Extent, FileEntry, FileKind
from drsync.volumes.manifest import SIZE_LIMIT, VolumeManifest, VolumeRoot
from drsync.volumes.pages import encode_entries
from tests.fakes.memory_store import MemoryStore
from tests.fakes.repositories import new_repository
from tests.volumes.runs import back_up, restore
from tests.volumes.test_paths import HOSTILE
from tests.volumes.trees import digest_tree, write

ROOT = FileEntry(path=b"", kind=FileKind.DIRECTORY, mode=0o755)


def file(path, **facts):
    return FileEntry(path=path, kind=FileKind.FILE, mode=0o644, **facts)


def directory(path):
    return FileEntry(path=path, kind=FileKind.DIRECTORY, mode=0o755)


def symlink(path, to):
    return FileEntry(path=path, kind=FileKind.SYMLINK, mode=0o777, link=to)


def link(path, to):
    return FileEntry(path=path, kind=FileKind.HARD_LINK, mode=0o644, link=to, links=2)


def forge(repository, entries, *, declared=None, size=0, first=None):
    """A session that is sealed as it should be and lies."""
    with repository.begin(source="enemy", parent=None, writer="enemy") as session:
        page = session.placed(session.add_page(encode_entries(entries)))
        root = VolumeRoot(
            mode=VolumeMode.FILESYSTEM,
            entries=len(entries) if declared is None else declared,
            size_bytes=size,
            data_bytes=0,
            scan_started_ns=0,
            pages=encode_references([page]),
            first=(entries[0].path if first is None else first,),
        )
        session.seal(encode(root))
    return session.id


@pytest.fixture
def repository():
    return new_repository(MemoryStore())


@pytest.fixture
def outside(tmp_path):
    """What must stay as it is."""
    path = tmp_path / "outside"
    write(path, "secret", b"secret")
    return path


@pytest.fixture
def target(tmp_path):
    path = tmp_path / "target"
    path.mkdir()
    return path


@pytest.mark.parametrize("path", [path for path in HOSTILE if path])
def test_names_that_lead_out_are_refused(repository, target, path):
    session = forge(repository, [ROOT, file(path)])

    with pytest.raises(IntegrityError):
        restore(repository, session, target)
    assert os.listdir(target) == []


TREES = {
    "a file below a file": [ROOT, file(b"a"), file(b"a/b")],
    "a file below a symlink": [ROOT, symlink(b"a", b"/tmp"), file(b"a/b")],
    "a file below nothing": [ROOT, file(b"a/b")],
    "no root": [file(b"a")],
    "a root that is a symlink": [symlink(b"", b"/tmp")],
    "a root that is a file": [file(b"")],
    "a name twice": [ROOT, directory(b"a"), directory(b"a")],
    "a symlink, then a directory of its name": [ROOT, symlink(b"a", b"/tmp"), directory(b"a")],
    "out of order": [ROOT, file(b"b"), file(b"a")],
    "a directory after what is in it": [ROOT, directory(b"a"), file(b"b"), file(b"a/c")],
    "a hard link to outside": [ROOT, link(b"a", b"../outside/secret")],
    "a hard link to an absolute path": [ROOT, link(b"a", b"/etc/passwd")],
    "a hard link to nothing": [ROOT, link(b"b", b"a")],
    "a hard link to itself": [ROOT, link(b"a", b"a")],
    "a hard link to what comes later": [ROOT, link(b"a", b"b"), file(b"b", links=2)],
    "a hard link to a symlink": [ROOT, symlink(b"a", b"/etc/passwd"), link(b"b", b"a")],
    "a hard link to a directory": [ROOT, directory(b"a"), link(b"b", b"a")],
    "a hard link to a file of one name": [ROOT, file(b"a"), link(b"b", b"a")],
    "an empty symlink": [ROOT, symlink(b"a", b"")],
    "a symlink with a NUL": [ROOT, symlink(b"a", b"x\0y")],
    "an endless symlink": [ROOT, symlink(b"a", b"x" * 5000)],
    "an image among files": [ROOT, FileEntry(path=b"a", kind=FileKind.IMAGE)],
    "drsync's own mark": [ROOT, file(b".drsync-restore-incomplete")],
    "a file beyond all bounds": [ROOT, file(b"a", size_bytes=SIZE_LIMIT + 1)],
    "more bytes than declared": [ROOT, file(b"a", size_bytes=1)],
}


@pytest.mark.parametrize("name", TREES)
def test_trees_that_are_none_are_refused(repository, target, outside, name):
    session = forge(repository, TREES[name])

    with pytest.raises(IntegrityError) as raised:
        restore(repository, session, target)

    assert raised.value.exit_code == 9
    assert digest_tree(outside)[b"secret"]["size"] == 6
    assert os.stat(outside / "secret").st_nlink == 1


def test_more_entries_than_declared_are_refused(repository, target):
    session = forge(repository, [ROOT, *(file(b"f%03d" % n) for n in range(50))], declared=10)

    with pytest.raises(IntegrityError, match="more in it than it declares"):
        restore(repository, session, target)


def test_a_page_that_is_not_where_its_root_says_is_refused(repository, target):
    session = forge(repository, [ROOT, file(b"a")], first=b"b")

    with pytest.raises(IntegrityError, match="not where it should be"):
        restore(repository, session, target)


@pytest.mark.parametrize(
    ("offset", "length", "start"), [(0, 200, 0), (90, 20, 0), (0, 50, 80), (2**63, 1, 0)], ids=range(4)
)
def test_content_beyond_its_file_or_chunk_is_refused(repository, target, offset, length, start):
    with repository.begin(source="enemy", parent=None, writer="") as session:
        chunk = session.placed(session.add(b"x" * 100))
        session.seal(b"")
    entry = file(b"a", size_bytes=100, extents=(Extent(offset, length, start, chunk),))
    forged = forge(repository, [ROOT, entry], size=100)

    with pytest.raises(IntegrityError, match="does not fit"):
        restore(repository, forged, target)


def test_a_chunk_that_claims_to_be_huge_is_refused_before_memory_is_taken(repository, target):
    with repository.begin(source="enemy", parent=None, writer="") as session:
        chunk = session.placed(session.add(b"x" * 100))
        session.seal(b"")
    huge = PlacedRef(ChunkRef(chunk.ref.id, 1 << 31), chunk.place)
    entry = file(b"a", size_bytes=100, extents=(Extent(0, 100, 0, huge),))

    with pytest.raises(IntegrityError):
        restore(repository, forge(repository, [ROOT, entry], size=100), target)


@pytest.mark.parametrize("root", [b"", b"\xc1", b"nonsense", b"\x80", encode(ROOT)], ids=range(5))
def test_a_root_that_is_none_is_refused(repository, target, root):
    with repository.begin(source="enemy", parent=None, writer="") as session:
        session.seal(root)

    with pytest.raises(IntegrityError):
        restore(repository, session.id, target)


def test_a_page_with_columns_of_other_lengths_is_refused(repository, target):
    good = encode_entries([ROOT, file(b"a")])
    bad = msgspec.msgpack.decode(good)
    bad[0] = 3
    with repository.begin(source="enemy", parent=None, writer="") as session:
        page = session.placed(session.add_page(msgspec.msgpack.encode(bad)))
        root = VolumeRoot(
            mode=VolumeMode.FILESYSTEM,
            entries=2,
            size_bytes=0,
            data_bytes=0,
            scan_started_ns=0,
            pages=encode_references([page]),
            first=(b"",),
        )
        session.seal(encode(root))

    with pytest.raises(IntegrityError, match="columns differ"):
        restore(repository, session.id, target)


def test_nothing_that_was_asked_for_is_an_error(repository, target):
    session = forge(repository, [ROOT, file(b"a")])

    with pytest.raises(NothingToRestore) as raised:
        restore(repository, session, target, paths=("nowhere",))

    assert raised.value.exit_code == 4


def test_a_directory_with_content_is_not_removed_for_a_file(repository, target):
    write(target, "a/precious", b"1")

    with pytest.raises(Conflict, match="is a directory with content in the target"):
        restore(repository, forge(repository, [ROOT, file(b"a")]), target)
    assert (target / "a/precious").exists()


SWAPPER = """
import os, sys
target, outside = sys.argv[1:]
os.chdir(target)
sys.stdout.write("."); sys.stdout.flush()
while True:
    for name in ("d0", "d1", "d2"):
        try:
            os.rename(name, name + ".away")
            os.symlink(outside, name)
            os.unlink(name)
            os.rename(name + ".away", name)
        except OSError:
            pass
"""


@pytest.mark.slow
def test_directories_swapped_for_symlinks_meanwhile_lead_nowhere(repository, tmp_path, target, outside):
    source = tmp_path / "source"
    for number in range(300):
        write(source, f"d{number % 3}/f{number}", b"x" * 10)
    session = back_up(repository, source).session
    before = digest_tree(outside)
    with subprocess.Popen([sys.executable, "-c", SWAPPER, target, outside], stdout=subprocess.PIPE) as swapper:
        swapper.stdout.read(1)
        try:
            ended = [attempt(repository, session, target) for _ in range(30)]
        finally:
            swapper.kill()

    assert len(ended) == 30
    assert digest_tree(outside) == before


def attempt(repository, session, target):
    """A restore under attack may fail; it fails in our words."""
    try:
        return restore(repository, session, target)
    except DrsyncError as error:
        return error


def test_hostile_content_never_reaches_a_reader(repository):
    manifest = VolumeManifest(repository.reader(forge(repository, [ROOT, link(b"b", b"a")])))

    with pytest.raises(IntegrityError, match="leads nowhere"):
        list(manifest.content(link(b"b", b"a")))
