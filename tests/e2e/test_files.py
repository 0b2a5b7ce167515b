"""The judge of files sees each property that it compares."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.files import compare_trees, read_tree


def _tree(root: Path) -> None:
    (root / "d").mkdir(parents=True)
    (root / "d" / "file").write_bytes(b"content")
    (root / "d" / "twin").hardlink_to(root / "d" / "file")
    (root / "link").symlink_to("d/file")
    os.setxattr(root / "d" / "file", "user.note", b"kept")
    os.mkfifo(root / "pipe")
    (root / "sparse").touch()
    os.truncate(root / "sparse", 64 << 20)
    with (root / os.fsdecode(b"bytes-\xff")).open("wb") as file:
        file.write(b"x")
    for path in (root / "d" / "file", root / "link", root / "sparse", root / "d", root / "pipe", root):
        os.utime(path, ns=(1_000_000_001, 2_000_000_003), follow_symlinks=False)
    os.utime(root / os.fsdecode(b"bytes-\xff"), ns=(1, 1))


def _fill(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"\0" * (64 << 20))


def _relink(path: Path, target: str) -> None:
    path.unlink()
    path.symlink_to(target)


def _unlink_twin(root: Path) -> None:
    content = (root / "d" / "twin").read_bytes()
    (root / "d" / "twin").unlink()
    (root / "d" / "twin").write_bytes(content)


CHANGES: dict[str, Callable[[Path], object]] = {
    "content": lambda root: (root / "d" / "file").write_bytes(b"CONTENT"),
    "size": lambda root: (root / "d" / "file").write_bytes(b"content and more"),
    "mode": lambda root: (root / "d" / "file").chmod(0o600),
    "setuid": lambda root: (root / "d" / "file").chmod(0o4644),
    "mode of a directory": lambda root: (root / "d").chmod(0o700),
    "mode of the root": lambda root: root.chmod(0o700),
    "mtime": lambda root: os.utime(root / "d" / "file", ns=(1_000_000_001, 2_000_000_004)),
    "mtime of a link": lambda root: os.utime(root / "link", ns=(0, 0), follow_symlinks=False),
    "xattr": lambda root: os.setxattr(root / "d" / "file", "user.note", b"lost"),
    "new xattr": lambda root: os.setxattr(root / "d" / "file", "user.more", b""),
    "link target": lambda root: _relink(root / "link", "d/twin"),
    "hard link": _unlink_twin,
    "lost file": lambda root: (root / "sparse").unlink(),
    "new file": lambda root: (root / "new").touch(),
    "filled hole": lambda root: _fill(root / "sparse"),
    "kind": lambda root: ((root / "pipe").unlink(), (root / "pipe").touch()),
}


def test_a_faithful_copy_has_no_differences(tmp_path: Path) -> None:
    for name in ("a", "b"):
        _tree(tmp_path / name)

    assert compare_trees(read_tree(tmp_path / "a"), read_tree(tmp_path / "b")) == []


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_change_is_seen(tmp_path: Path, change: Callable[[Path], object]) -> None:
    for name in ("a", "b"):
        _tree(tmp_path / name)

    change(tmp_path / "b")

    assert compare_trees(read_tree(tmp_path / "a"), read_tree(tmp_path / "b"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_another_owner_is_seen(tmp_path: Path) -> None:
    for name in ("a", "b"):
        _tree(tmp_path / name)

    os.chown(tmp_path / "b" / "d" / "file", 12, 34)

    assert compare_trees(read_tree(tmp_path / "a"), read_tree(tmp_path / "b"))
