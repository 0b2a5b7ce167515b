"""The pipeline of a session: chunks are compressed, packed, sealed, checked and uploaded beside the caller."""

import os
from collections import deque
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from blake3 import blake3

from drsync.repository.chunk import ChunkRef, PackKind, PlacedRef
from drsync.repository.compression import compress
from drsync.repository.domain import Domain, create_once
from drsync.repository.pack import PackBuilder, PackCipher, PackedChunk, seal_pack
from drsync.repository.records import PackRecord

PACKS_IN_MEMORY = 4
"""One that is filled and three on their way: with the batches below, all that a session holds."""
META_PACK_BYTES = 4 * 1024 * 1024
_BATCH_BYTES = 1024 * 1024
_BATCHES_AHEAD = 4
_THREADS = min(4, os.cpu_count() or 1)

_Batch = list[tuple[ChunkRef, bytes]]


@dataclass(frozen=True, slots=True)
class UploadedPack:
    """A pack that the store has acknowledged."""

    record: PackRecord
    chunks: Sequence[PlacedRef]


class Pipeline:
    """Two small thread pools and bounded queues. One thread calls it."""

    def __init__(self, domain: Domain, session: str, session_key: bytes, *, pack_bytes: int) -> None:
        self._domain = domain
        self._session = session
        self._session_key = session_key
        self._limits = {PackKind.DATA: pack_bytes, PackKind.META: min(pack_bytes, META_PACK_BYTES)}
        self._compressors = ThreadPoolExecutor(_THREADS, "compress")
        self._uploaders = ThreadPoolExecutor(PACKS_IN_MEMORY - 1, "upload")
        self._batches: dict[PackKind, _Batch] = {kind: [] for kind in PackKind}
        self._batch_bytes = dict.fromkeys(PackKind, 0)
        self._compressing: deque[tuple[PackKind, Future[list[PackedChunk]]]] = deque()
        self._building: dict[PackKind, PackBuilder | None] = dict.fromkeys(PackKind)
        self._numbers = dict.fromkeys(PackKind, 0)
        self._uploading: set[Future[UploadedPack]] = set()

    def put(self, kind: PackKind, ref: ChunkRef, data: bytes) -> bool:
        """Takes a chunk; True when packs may have moved on, so that the caller should look."""
        self._batches[kind].append((ref, data))
        self._batch_bytes[kind] += ref.size
        if self._batch_bytes[kind] < _BATCH_BYTES:
            return False
        self._submit(kind)
        return True

    def placed(self, *, finish: bool) -> list[PlacedRef]:
        """Chunks that got their place since the last call; all that were put when `finish`."""
        if finish:
            for kind in PackKind:
                self._submit(kind)
        placed: list[PlacedRef] = []
        while self._compressing and (
            finish or len(self._compressing) > _BATCHES_AHEAD or self._compressing[0][1].done()
        ):
            kind, future = self._compressing.popleft()
            placed.extend(self._pack(kind, chunk) for chunk in future.result())
        return placed

    def uploaded(self, *, finish: bool) -> list[UploadedPack]:
        """Packs acknowledged since the last call; when `finish`, all, the half-filled ones too.

        Waits while more packs are in memory than may be, and raises what went wrong with one.
        """
        for kind, builder in self._building.items():
            if builder and (finish or builder.size_bytes >= self._limits[kind]):
                self._send(kind, builder)
        done = self._wait(0 if finish else PACKS_IN_MEMORY - 1)
        self._uploading -= done
        return [future.result() for future in done]

    def close(self) -> None:
        """Ends the threads; what is under way in them is finished, what is queued is dropped."""
        for pool in (self._compressors, self._uploaders):
            pool.shutdown(wait=True, cancel_futures=True)

    def _submit(self, kind: PackKind) -> None:
        batch, self._batches[kind], self._batch_bytes[kind] = self._batches[kind], [], 0
        if batch:
            self._compressing.append((kind, self._compressors.submit(_compress_all, batch)))

    def _pack(self, kind: PackKind, chunk: PackedChunk) -> PlacedRef:
        builder = self._building[kind]
        if builder and builder.size_bytes >= self._limits[kind]:
            self._send(kind, builder)
            builder = None
        if builder is None:
            builder = PackBuilder(kind, self._session, self._numbers[kind])
            self._numbers[kind] += 1
            self._building[kind] = builder
        return builder.append(chunk)

    def _send(self, kind: PackKind, builder: PackBuilder) -> None:
        self._building[kind] = None
        while sum(not future.done() for future in self._uploading) >= PACKS_IN_MEMORY - 1:
            wait([future for future in self._uploading if not future.done()], return_when=FIRST_COMPLETED)
        self._uploading.add(self._uploaders.submit(self._upload, builder))

    def _wait(self, left: int) -> set[Future[UploadedPack]]:
        done = {future for future in self._uploading if future.done()}
        while len(self._uploading) - len(done) > left:
            wait(self._uploading - done, return_when=FIRST_COMPLETED)
            done = {future for future in self._uploading if future.done()}
        return done

    def _upload(self, builder: PackBuilder) -> UploadedPack:
        pack = builder.pack
        cipher = PackCipher(self._domain.repository_id, self._session_key, pack)
        data = seal_pack(builder, cipher, id_key=self._domain.id_key)
        create_once(self._domain.store, pack.key, data)
        record = PackRecord(pack.kind, pack.number, pack.salt, len(data), blake3(data).digest(16))
        return UploadedPack(record, builder.places)


def _compress_all(batch: _Batch) -> list[PackedChunk]:
    packed: list[PackedChunk] = []
    for ref, data in batch:
        codec, body = compress(data)
        packed.append(PackedChunk(ref, codec.to_bytes(1, "big") + body))
    return packed
