"""The files in the shop's two volumes: everything that a file system can hold and a backup may lose."""

import hashlib
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

_FIRST_ORDER = 1001
_CATALOG_BYTES = 3 * 1024 * 1024
_SPARSE_BYTES = 16 * 1024 * 1024
_PAGE_BYTES = 4096
_ORDERS = "orders.log"
_ODD_NAMES = (
    b"caf\xc3\xa9 menu.txt",
    b"latin1-\xe9\xff.txt",
    b"two\nlines.txt",
    b"-rf.txt",
    b' "quoted" $HOME `date`.txt',
    "順番 🛒.txt".encode(),
)


def fill_database(volume: Path, *, now: datetime) -> None:
    """Once: a volume that holds orders already is left as it is."""
    if (volume / _ORDERS).exists():
        return
    base = volume / "base"
    base.mkdir()
    (base / "catalog.db").write_bytes(_noise("catalog", _CATALOG_BYTES))
    (base / "readme.txt").write_text("Prices in cents.\n" * 40)
    _write_sparse(volume / "wal.sparse")
    (volume / "current").symlink_to("base")
    (volume / "missing").symlink_to("never/there")
    (volume / "empty").mkdir(mode=0o700)
    shared = volume / "shared"
    shared.mkdir()
    shared.chmod(0o2775)
    password = volume / "pg_hba.conf"
    password.write_text("local all all peer\n")
    password.chmod(0o600)
    _tag(base / "catalog.db", "user.shop.edition", b"winter")
    orders = volume / _ORDERS
    orders.write_text(_line(_FIRST_ORDER, "Ada", now))
    (volume / "orders.hardlink").hardlink_to(orders)
    # A time that needs its nanoseconds.
    os.utime(base / "readme.txt", ns=(1_600_000_000_123_456_789, 1_600_000_000_123_456_789))


def fill_uploads(volume: Path, *, now: datetime) -> None:
    if (volume / "photos").exists():
        return
    photos = volume / "photos"
    photos.mkdir()
    (photos / "front.jpg").write_bytes(_noise("front", 700_000))
    (photos / "back.jpg").write_bytes(_noise("back", 65_536))
    (photos / "nothing.jpg").touch()
    for number, name in enumerate(_ODD_NAMES):
        content = b"odd name %d, %s\n" % (number, now.date().isoformat().encode())
        _write_odd(os.path.join(os.fsencode(volume), name), content)
    deep = volume.joinpath(*(f"level-{depth}" for depth in range(12)))
    deep.mkdir(parents=True)
    (deep / "bottom.txt").write_text("here\n")
    (volume / "read-only.txt").write_text("do not touch\n")
    (volume / "read-only.txt").chmod(0o444)


def _write_odd(path: bytes, content: bytes) -> None:
    """A file whose name not every file system takes."""
    try:
        with open(path, "wb") as file:
            file.write(content)
    except OSError:
        return


def record_order(database: Path, uploads: Path, number: int, customer: str, *, now: datetime) -> int:
    """An order changes files as databases do: a line more, a page rewritten in place, a file more. Bytes written."""
    line = _line(number, customer, now)
    with (database / _ORDERS).open("a") as file:
        file.write(line)
    page = _noise(f"page-{number}", _PAGE_BYTES)
    with (database / "base" / "catalog.db").open("r+b") as file:
        file.seek((number * 37 % (_CATALOG_BYTES // _PAGE_BYTES)) * _PAGE_BYTES)
        file.write(page)
    receipt = _noise(f"receipt-{number}", 20_000)
    (uploads / f"receipt-{number}.pdf").write_bytes(receipt)
    return len(line) + len(page) + len(receipt)


def order_lines(database: Path) -> Iterator[str]:
    with (database / _ORDERS).open() as file:
        yield from (line.rstrip("\n") for line in file)


def last_order(database: Path) -> int:
    return max(int(line.split()[0]) for line in order_lines(database))


def _line(number: int, customer: str, now: datetime) -> str:
    return f"{number} {now.strftime('%Y-%m-%dT%H:%M:%SZ')} {customer}\n"


def _noise(seed: str, size_bytes: int) -> bytes:
    """Bytes that do not compress, the same for the same seed."""
    return hashlib.shake_128(seed.encode()).digest(size_bytes)


def _write_sparse(path: Path) -> None:
    """Two pages of data in a file of mostly nothing."""
    with path.open("wb") as file:
        file.truncate(_SPARSE_BYTES)
        for at in (_SPARSE_BYTES // 2, _SPARSE_BYTES - _PAGE_BYTES):
            file.seek(at)
            file.write(_noise("wal", _PAGE_BYTES))


def _tag(path: Path, name: str, value: bytes) -> None:
    """An extended attribute, where the file system has them."""
    if hasattr(os, "setxattr"):
        try:
            os.setxattr(path, name, value)
        except OSError:
            return
