"""Owner, mode, attributes and times of what a restore wrote; privileges only where they are asked for."""

import errno
import os
import stat as modes

from drsync.volumes.attributes import is_privileged, path_by_handle, read_attributes
from drsync.volumes.entry import FileEntry, FileKind
from drsync.volumes.findings import Findings
from drsync.volumes.pages import Attributes

_UNSUPPORTED = {errno.ENOTSUP, errno.EOPNOTSUPP}
_DENIED = {errno.EPERM, errno.EACCES, errno.EINVAL}


class AttributeWriter:
    """Sets what differs. What it may not or cannot set is refused and told, never half done in silence."""

    def __init__(self, refused: Findings, *, privileged: bool) -> None:
        self._refused = refused
        self._privileged = privileged
        self._root = os.geteuid() == 0

    def mode(self, entry: FileEntry) -> int:
        """The mode to restore. Set-id bits of files are privileges; a directory's setgid is not."""
        if self._privileged:
            return entry.mode
        if entry.kind is FileKind.DIRECTORY:
            return entry.mode & ~modes.S_ISUID
        return entry.mode & ~(modes.S_ISUID | modes.S_ISGID)

    def attributes(self, entry: FileEntry) -> Attributes:
        """The attributes to restore."""
        if self._privileged:
            return entry.xattrs
        return tuple(pair for pair in entry.xattrs if not is_privileged(pair[0]))

    def report(self, entry: FileEntry) -> None:
        """Tells what of the entry is left out."""
        if self.mode(entry) != entry.mode:
            self._refused.add(entry.path, "set-id bits")
        for name, _ in entry.xattrs:
            if not self._privileged and is_privileged(name):
                self._refused.add(entry.path, f"attribute {name.decode('ascii', 'backslashreplace')}")

    def differs(self, entry: FileEntry, handle: int) -> bool:
        """Whether an open file or directory has other attributes or another time than it should."""
        stat = os.fstat(handle)
        owner = (stat.st_uid, stat.st_gid) != (entry.uid, entry.gid) and self._root
        if owner or stat.st_mode & 0o7777 != self.mode(entry) or stat.st_mtime_ns != entry.mtime_ns:
            return True
        return self._comparable(read_attributes(handle)) != self._comparable(self.attributes(entry))

    def apply(self, entry: FileEntry, handle: int) -> None:
        """To an open file or directory. Raises OSError."""
        self._own(entry, handle, handle)
        os.fchmod(handle, self.mode(entry))
        self._set_attributes(entry, handle)
        os.utime(handle, ns=(entry.mtime_ns, entry.mtime_ns))

    def apply_by_name(self, entry: FileEntry, name: bytes, directory: int) -> None:
        """To a symlink or special file, itself."""
        self._own(entry, name, directory)
        if entry.kind is not FileKind.SYMLINK:
            os.chmod(path_by_handle(name, directory), self.mode(entry))
        os.utime(name, ns=(entry.mtime_ns, entry.mtime_ns), dir_fd=directory, follow_symlinks=False)

    def _own(self, entry: FileEntry, target: int | bytes, directory: int) -> None:
        try:
            if isinstance(target, int):
                os.fchown(target, entry.uid, entry.gid)
            else:
                os.chown(target, entry.uid, entry.gid, dir_fd=directory, follow_symlinks=False)
        except OSError as error:
            if error.errno not in _DENIED:
                raise
            self._refused.add(entry.path, f"owner {entry.uid}:{entry.gid}")

    def _set_attributes(self, entry: FileEntry, handle: int) -> None:
        wanted = dict(self.attributes(entry))
        for name, value in read_attributes(handle):
            if name not in wanted and not is_privileged(name):
                os.removexattr(handle, name)
            elif wanted.get(name) == value:
                del wanted[name]
        for name, value in wanted.items():
            try:
                os.setxattr(handle, name, value)
            except OSError as error:
                if error.errno not in _DENIED | _UNSUPPORTED:
                    raise
                reason = "not supported there" if error.errno in _UNSUPPORTED else "denied"
                self._refused.add(entry.path, f"attribute {name.decode('ascii', 'backslashreplace')}: {reason}")

    def _comparable(self, attributes: Attributes) -> Attributes:
        return attributes if self._privileged else tuple(a for a in attributes if not is_privileged(a[0]))
