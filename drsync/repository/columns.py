"""Columns of numbers as bytes: little-endian, one after the other, so that they compress and need no parsing."""

import sys
from array import array
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from drsync.repository.seal import damaged

Column: TypeAlias = "array[int]"


def pack_columns(columns: Sequence[Column]) -> bytes:
    """The columns' bytes, each split into its first bytes, second bytes and so on, which compress far better."""
    return b"".join(_shuffle(column) for column in columns)


def unpack_columns(data: bytes, types: Sequence[str], count: int, *, what: str) -> list[Column]:
    """`count` numbers for each type code. Raises IntegrityError unless the data are exactly so long."""
    widths = [array(code).itemsize for code in types]
    if len(data) != count * sum(widths):
        raise damaged(what, "its columns differ in length")
    columns: list[Column] = []
    at = 0
    for code, width in zip(types, widths, strict=True):
        columns.append(_unshuffle(data[at : at + count * width], code, count))
        at += count * width
    return columns


def rows(columns: Sequence[Column]) -> Iterator[tuple[int, ...]]:
    """The numbers of each row together."""
    return zip(*columns, strict=True)


def _shuffle(column: Column) -> bytes:
    if sys.byteorder == "big":
        column = array(column.typecode, column)
        column.byteswap()
    data = column.tobytes()
    width = column.itemsize
    return b"".join(data[n::width] for n in range(width))


def _unshuffle(data: bytes, code: str, count: int) -> Column:
    column: Column = array(code)
    width = column.itemsize
    plain = bytearray(len(data))
    for n in range(width):
        plain[n::width] = data[n * count : (n + 1) * count]
    column.frombytes(plain)
    if sys.byteorder == "big":
        column.byteswap()
    return column
