"""Reading what is in files: large ones cut by content, small ones side by side in segments, holes left out."""

import errno
import os
from collections.abc import Iterator, Sequence
from zlib import crc32

import msgspec
from pyfastcdc import FastCDC

from drsync.repository.chunk import ChunkRef, PackId, PlacedRef
from drsync.repository.session import Session
from drsync.volumes.entry import Extent
from drsync.volumes.pages import EXTENTS_LIMIT, encode_extents

LARGE = 256 * 1024
"""From this size on a file is cut by content; below it shares a segment with its neighbours."""
BLOCK = 256 * 1024
"""The fixed blocks of a block volume."""
_BUFFER = 4 * 1024 * 1024
_SEGMENT_MIN = 512 * 1024
_SEGMENT_MAX = 1024 * 1024
_SEGMENT_MASK = 0x1F
"""One path in 32 may end a segment."""
_ZEROS = bytes(1024 * 1024)


class Named:
    """A chunk, named once it is full."""

    def __init__(self, ref: ChunkRef | None = None) -> None:
        self._ref = ref

    def fill(self, ref: ChunkRef) -> None:
        self._ref = ref

    def name(self) -> ChunkRef:
        if self._ref is None:
            raise AssertionError("a segment is closed before it is named")
        return self._ref


class Part(msgspec.Struct, frozen=True):
    """An extent on its way: its chunk may still be filling."""

    offset: int
    length: int
    start: int
    chunk: Named


class SegmentWriter:
    """Puts small files side by side. Ends a segment at a path that its hash picks."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._data: list[bytes] = []
        self._size = 0
        self._open = Named()

    def add(self, path: bytes, data: bytes) -> Part:
        """A file's content as a whole."""
        part = Part(0, len(data), self._size, self._open)
        self._data.append(data)
        self._size += len(data)
        if self._size >= _SEGMENT_MAX or (self._size >= _SEGMENT_MIN and not crc32(path) & _SEGMENT_MASK):
            self.close()
        return part

    def close(self) -> None:
        """Names the segment that is open; the next file begins another."""
        if self._size:
            self._open.fill(self._session.add(b"".join(self._data)))
        self._data, self._size, self._open = [], 0, Named()


class LargeContent(msgspec.Struct, frozen=True, kw_only=True):
    """The content of one large file, as its entry takes it."""

    parts: Sequence[Part] = ()
    pages: tuple[PlacedRef, ...] = ()
    packs: tuple[PackId, ...] = ()
    size_bytes: int = 0
    """Bytes read, holes included: less than asked for when the file got shorter."""
    data_bytes: int = 0


class _ExtentPages:
    """Extents of one file; beyond a limit they move into pages of their own."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._extents: list[tuple[int, ChunkRef]] = []
        self._pages: list[ChunkRef] = []
        self._packs: dict[PackId, None] = {}

    def append(self, offset: int, ref: ChunkRef) -> None:
        self._extents.append((offset, ref))
        if len(self._extents) > EXTENTS_LIMIT:
            self._spill()

    def finish(self, size_bytes: int, data_bytes: int) -> LargeContent:
        if not self._pages:
            parts = [Part(offset, ref.size, 0, Named(ref)) for offset, ref in self._extents]
            return LargeContent(parts=parts, size_bytes=size_bytes, data_bytes=data_bytes)
        if self._extents:
            self._spill()
        return LargeContent(
            pages=tuple(self._session.placed(page) for page in self._pages),
            packs=tuple(self._packs),
            size_bytes=size_bytes,
            data_bytes=data_bytes,
        )

    def _spill(self) -> None:
        extents = [Extent(offset, ref.size, 0, self._session.placed(ref)) for offset, ref in self._extents]
        self._packs.update((extent.chunk.place.pack, None) for extent in extents)
        self._pages.append(self._session.add_page(encode_extents(extents)))
        self._extents = []


class LargeReader:
    """Reads large files and images into a session, through one buffer."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._view = memoryview(bytearray(_BUFFER))
        self._cutter = FastCDC(256 * 1024, min_size=64 * 1024, max_size=1024 * 1024)

    def read(self, handle: int, size: int, *, fixed: bool) -> Iterator[int]:
        """Bytes done in each step; `result` is there when it ends. `fixed` blocks instead of cuts by content."""
        pages = _ExtentPages(self._session)
        stored = end = 0
        for start, stop in data_ranges(handle, size):
            pieces = self._blocks(handle, start, stop) if fixed else self._cut(handle, start, stop)
            for offset, piece in pieces:
                step, end = offset + len(piece) - end, offset + len(piece)
                if not is_zero(piece):
                    pages.append(offset, self._session.add(piece))
                    stored += len(piece)
                yield step
        whole = max(end, min(size, os.fstat(handle).st_size)) if not fixed else size
        self.result = pages.finish(whole, stored)

    def _cut(self, handle: int, start: int, stop: int) -> Iterator[tuple[int, memoryview]]:
        at, have = start, 0
        while True:
            have = self._fill(handle, at, have, stop)
            # A short buffer means that the range, or the file, has ended.
            last = have < _BUFFER or at + have >= stop
            cut = 0
            for chunk in self._cutter.cut_buf(self._view[:have]):
                if not last and chunk.offset + chunk.length == have:
                    break
                cut = chunk.offset + chunk.length
                yield at + chunk.offset, self._view[chunk.offset : cut]
            if last:
                return
            self._view[: have - cut] = self._view[cut:have]
            at, have = at + cut, have - cut

    def _blocks(self, handle: int, start: int, stop: int) -> Iterator[tuple[int, memoryview]]:
        # Aligned, so that the same block is the same chunk whatever holes are around it.
        at = start - start % BLOCK
        stop += -stop % BLOCK
        while at < stop:
            have = self._fill(handle, at, 0, stop)
            for offset in range(0, have, BLOCK):
                yield at + offset, self._view[offset : min(offset + BLOCK, have)]
            if have < _BUFFER:
                return
            at += have

    def _fill(self, handle: int, at: int, have: int, stop: int) -> int:
        wanted = min(_BUFFER, stop - at)
        while have < wanted:
            count = os.preadv(handle, [self._view[have:wanted]], at + have)
            if count == 0:
                break
            have += count
        return have


def data_ranges(handle: int, size: int, *, start: int = 0) -> Iterator[tuple[int, int]]:
    """Where a file has data, as (start, end); the whole of it where holes cannot be told."""
    at = start
    while at < size:
        try:
            begin = os.lseek(handle, at, os.SEEK_DATA)
            end = min(size, os.lseek(handle, begin, os.SEEK_HOLE))
        except OSError as error:
            if error.errno == errno.ENXIO:
                return
            if error.errno not in {errno.EINVAL, errno.ENOTSUP, errno.ESPIPE}:
                raise
            begin, end = at, size
        if begin >= size or end <= begin:
            return
        yield begin, end
        at = end


def is_zero(data: memoryview | bytes) -> bool:
    """Whether there are only zeros."""
    size = len(data)
    return size > 0 and data[0] == 0 and data[size - 1] == 0 and bytes(data) == _ZEROS[:size]
