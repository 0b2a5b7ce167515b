"""Loaded by every Python that has this folder on its path: counts calls to a file store, and kills on cue.

`$DRSYNC_TEST_CALLS` is a folder. Each call appends a byte to `calls` there, by whatever process; each
write that was acknowledged appends its key and size to `written`. When the number in
`$DRSYNC_TEST_KILL_AT` is reached, the first process that came here (the command itself) and this one
are killed, before the call is made.
"""

import importlib.abc
import importlib.machinery
import os
import signal
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

_TARGET = "drsync.stores.drivers.file"
_FOLDER = os.environ.get("DRSYNC_TEST_CALLS", "")
_KILL_AT = int(os.environ.get("DRSYNC_TEST_KILL_AT") or 0)
_CALLS = ("create", "replace", "get", "head", "list", "delete")


def _claim() -> None:
    """Only the first one is the command; its movers find the file there."""
    try:
        with open(os.path.join(_FOLDER, "command"), "x") as file:
            file.write(str(os.getpid()))
    except FileExistsError:
        return


def _count() -> None:
    fd = os.open(os.path.join(_FOLDER, "calls"), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(fd, b".")
        made = os.lseek(fd, 0, os.SEEK_CUR)
    finally:
        os.close(fd)
    if _KILL_AT and made >= _KILL_AT:
        with open(os.path.join(_FOLDER, "command")) as file:
            os.kill(int(file.read()), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)


def _note(name: str, arguments: Sequence[Any]) -> None:
    if name in ("create", "replace"):
        key, data = arguments[1], arguments[2]
        line = f"{len(data)} {key}\n".encode()
        fd = os.open(os.path.join(_FOLDER, "written"), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(fd, line)
        os.close(fd)


def _wrap(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
    def counted(*args: Any, **named: Any) -> Any:
        _count()
        answer = call(*args, **named)
        _note(name, args)
        return answer

    return counted


class _Loader(importlib.abc.Loader):
    def __init__(self, loader: importlib.abc.Loader) -> None:
        self._loader = loader

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        for name in _CALLS:
            setattr(module.FileStore, name, _wrap(name, getattr(module.FileStore, name)))


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != _TARGET:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec and spec.loader:
            spec.loader = _Loader(spec.loader)
        return spec


if _FOLDER:
    _claim()
    sys.meta_path.insert(0, _Finder())
