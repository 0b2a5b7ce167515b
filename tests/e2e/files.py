"""Judges whether two directories hold the same files: content, modes, owners, times, links, holes."""

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

_BLOCK = 1 << 20
_ALLOCATION_SLACK = 64 << 10
"""File systems round up, and may allocate ahead of the end of a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFacts:
    """What must be equal, and what was allocated."""

    kind: str
    mode: int
    owner: tuple[int, int]
    mtime_ns: int
    size: int
    sha256: str
    link: bytes
    device: int
    xattrs: tuple[tuple[str, bytes], ...]
    same_file_as: tuple[bytes, ...]
    """All names of a file that has more than one."""
    allocated: int


Tree = dict[bytes, FileFacts]


def read_tree(root: Path) -> Tree:
    """Every entry below the root, and the root itself as `.`."""
    top = os.fsencode(root)
    paths = [b"."]
    for folder, folders, files in os.walk(top, onerror=_raise):
        paths += [os.path.relpath(os.path.join(folder, name), top) for name in (*folders, *files)]
    names: dict[tuple[int, int], list[bytes]] = {}
    for path in sorted(paths):
        status = os.lstat(os.path.join(top, path))
        if not stat.S_ISDIR(status.st_mode):
            names.setdefault((status.st_dev, status.st_ino), []).append(path)
    return {path: _facts(top, path, names) for path in paths}


def compare_trees(before: Tree, after: Tree) -> list[str]:
    """Every difference, as a sentence; an empty list is the proof."""
    differences = [f"{_show(path)}: is missing" for path in sorted(before.keys() - after.keys())]
    differences += [f"{_show(path)}: was not there" for path in sorted(after.keys() - before.keys())]
    for path in sorted(before.keys() & after.keys()):
        old, new = before[path], after[path]
        for name in FileFacts.__slots__:
            if name == "allocated":
                continue
            if getattr(old, name) != getattr(new, name):
                differences.append(f"{_show(path)}: {name}: {getattr(old, name)!r} → {getattr(new, name)!r}")
        if new.allocated > old.allocated + _ALLOCATION_SLACK:
            differences.append(f"{_show(path)}: holes are filled: {old.allocated} → {new.allocated} bytes allocated")
    return differences


def _facts(top: bytes, path: bytes, names: dict[tuple[int, int], list[bytes]]) -> FileFacts:
    full = os.path.join(top, path)
    status = os.lstat(full)
    kind = stat.S_IFMT(status.st_mode)
    others = names.get((status.st_dev, status.st_ino), [])
    special = kind in (stat.S_IFBLK, stat.S_IFCHR)
    return FileFacts(
        kind=stat.filemode(status.st_mode)[0],
        mode=stat.S_IMODE(status.st_mode),
        owner=(status.st_uid, status.st_gid),
        mtime_ns=status.st_mtime_ns,
        size=0 if kind == stat.S_IFDIR else status.st_size,
        sha256=_hash(full) if kind == stat.S_IFREG else "",
        link=os.readlink(full) if kind == stat.S_IFLNK else b"",
        device=status.st_rdev if special else 0,
        xattrs=_xattrs(full),
        same_file_as=tuple(others) if len(others) > 1 else (),
        allocated=status.st_blocks * 512,
    )


def _hash(path: bytes) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _xattrs(path: bytes) -> tuple[tuple[str, bytes], ...]:
    names = sorted(os.listxattr(path, follow_symlinks=False))
    return tuple((name, os.getxattr(path, name, follow_symlinks=False)) for name in names)


def _show(path: bytes) -> str:
    return os.fsdecode(path).encode("utf-8", "backslashreplace").decode()


def _raise(error: OSError) -> None:
    raise error
