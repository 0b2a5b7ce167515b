"""Where a restore stands in its target: a chain of open directories from the root, none of them a symlink."""

import os

from drsync.volumes.filesystem import open_directory


class DirectoryChain:
    """The handles of a directory and of all above it. Every step is one name from one open handle."""

    def __init__(self, root: int) -> None:
        self._names: list[bytes] = []
        self._handles = [os.dup(root)]

    @property
    def handle(self) -> int:
        """The directory that the chain ends in."""
        return self._handles[-1]

    @property
    def path(self) -> bytes:
        return b"/".join(self._names)

    def enter(self, name: bytes) -> int:
        """One step down. Raises OSError, and stays, when there is no directory of this name."""
        handle = open_directory(name, self._handles[-1])
        self._names.append(name)
        self._handles.append(handle)
        return handle

    def leave(self) -> None:
        """One step up."""
        self._names.pop()
        os.close(self._handles.pop())

    def go(self, path: bytes) -> int:
        """To a directory that is there, from the root on; keeps what both paths share. Raises OSError."""
        names = path.split(b"/") if path else []
        shared = 0
        while shared < min(len(names), len(self._names)) and names[shared] == self._names[shared]:
            shared += 1
        while len(self._names) > shared:
            self.leave()
        for name in names[shared:]:
            self.enter(name)
        return self.handle

    def close(self) -> None:
        while self._handles:
            os.close(self._handles.pop())
