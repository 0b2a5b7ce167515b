"""Trees of files for tests: made from a description, and read back by means of our own."""

import hashlib
import os
import stat
from pathlib import Path


def digest_tree(root):
    """What a person would compare, path by path, without any of the code under test."""
    found = {}
    groups = {}
    for directory, names, files in os.walk(os.fsencode(root)):
        for name in [b"", *names, *files]:
            path = os.path.join(directory, name) if name else directory
            relative = os.path.relpath(path, os.fsencode(root))
            found[relative] = describe(path, groups, relative)
    return found


def describe(path, groups, relative):
    """One path's facts; `groups` tells hard links by the first name of each."""
    info = os.lstat(path)
    facts = {
        "type": stat.S_IFMT(info.st_mode),
        "mode": stat.S_IMODE(info.st_mode),
        "owner": (info.st_uid, info.st_gid),
        "mtime": info.st_mtime_ns,
        "xattrs": sorted((n, os.getxattr(path, n, follow_symlinks=False)) for n in names_of(path)),
    }
    if stat.S_ISLNK(info.st_mode):
        facts["target"] = os.readlink(path)
    if stat.S_ISREG(info.st_mode):
        facts["size"] = info.st_size
        facts["content"] = hashlib.sha256(Path(os.fsdecode(path)).read_bytes()).hexdigest()
    if info.st_nlink > 1 and not stat.S_ISDIR(info.st_mode):
        groups.setdefault(info.st_ino, []).append(relative)
        facts["linked"] = info.st_nlink
    return facts


def names_of(path):
    return [n for n in os.listxattr(path, follow_symlinks=False) if n.startswith(("user.", "system.posix_acl"))]


def linked_names(root):
    """The groups of names that are one file."""
    groups = {}
    for directory, _, files in os.walk(os.fsencode(root)):
        for name in files:
            path = os.path.join(directory, name)
            groups.setdefault(os.lstat(path).st_ino, set()).add(os.path.relpath(path, os.fsencode(root)))
    return sorted(map(sorted, (group for group in groups.values() if len(group) > 1)))


def write(root, path, content=b"", *, mtime_ns=1_600_000_000_123_456_789):
    """A file in a tree, with its directories, old enough to be trusted when it is unchanged."""
    target = os.path.join(os.fsencode(root), path if isinstance(path, bytes) else os.fsencode(path))
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with open(target, "wb") as file:
        file.write(content)
    os.utime(target, ns=(mtime_ns, mtime_ns))
    return target
