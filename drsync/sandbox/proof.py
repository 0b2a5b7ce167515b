"""Is it the same? Compares two shops by what a user of theirs would miss, without any code of the restore."""

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from drsync.sandbox.process import SandboxCluster
from drsync.sandbox.shop import orders, volume_paths


@dataclass(frozen=True, slots=True)
class Proof:
    """The comparison, in words."""

    equal: bool
    lines: tuple[str, ...]


def compare(source: SandboxCluster, target: SandboxCluster) -> Proof:
    """Orders by name; files of both volumes by content, mode, owner, times, links and attributes."""
    lines: list[str] = []
    equal = True
    ours, theirs = orders(source), orders(target)
    same = ours == theirs
    equal &= same
    lines.append(f"{'equal' if same else 'DIFFERENT'}  {len(ours)} orders")
    for claim, folder in volume_paths(source).items():
        before = dict(fingerprints(folder))
        after = dict(fingerprints(volume_paths(target)[claim]))
        wrong = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
        equal &= not wrong
        size = sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
        words = f"volume {claim}: {len(before)} files and folders, {size:,} bytes: content, mode, owner, times, links"
        lines.append(f"equal  {words}" if not wrong else f"DIFFERENT  {words}; first {os.fsdecode(wrong[0])}")
    return Proof(equal, tuple(lines))


def fingerprints(folder: Path) -> Iterator[tuple[bytes, str]]:
    """Each path below `folder`, and everything of it that must survive."""
    root = os.fsencode(folder)
    for place, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = os.path.join(place, name)
            yield os.path.relpath(path, root), _fingerprint(path)


def _fingerprint(path: bytes) -> str:
    found = os.lstat(path)
    parts = [oct(found.st_mode), str(found.st_uid), str(found.st_gid), str(found.st_nlink), str(found.st_mtime_ns)]
    if stat.S_ISLNK(found.st_mode):
        parts.append(os.fsdecode(os.readlink(path)))
    elif stat.S_ISREG(found.st_mode):
        with open(path, "rb") as file:
            parts.append(hashlib.file_digest(file, "sha256").hexdigest())
    attributes = sorted(os.listxattr(path, follow_symlinks=False))
    parts += [f"{name}={os.getxattr(path, name, follow_symlinks=False).hex()}" for name in attributes]
    return "|".join(parts)
