"""A session: one capture's chunks on their way into the store.

    add → hash → known? → compress → pack → seal, check, upload → index → end

Nothing that a session wrote is part of anything before `seal`; all that it uploaded can be reused
by the next session of the same source, sealed or not.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from blake3 import blake3

from drsync.clock import Clock
from drsync.errors import Conflict, ObjectExists
from drsync.repository.chunk import CHUNK_LIMIT, ChunkRef, PackId, PackKind, Place, PlacedRef
from drsync.repository.domain import Domain
from drsync.repository.index import IndexRecord, encode_index, records_of
from drsync.repository.known import KnownChunks
from drsync.repository.pipeline import Pipeline
from drsync.repository.records import EndRecord, IndexRef, NeededPack, OpenRecord, PackRecord
from drsync.units import print_instant

CHECKPOINT_BYTES = 256 * 1024 * 1024
"""An index object at least this often, so that a killed run's work is found again in few reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStats:
    """What a session cost. `added` and `reused` are before compression, `uploaded` is what was sent."""

    added_bytes: int
    reused_bytes: int
    uploaded_bytes: int
    packs: int


class Session:
    """Made by `Repository.begin`. Used by one thread; `with` ends it without a result unless sealed."""

    def __init__(
        self, domain: Domain, session: str, record: OpenRecord, known: KnownChunks, *, clock: Clock, pack_bytes: int
    ) -> None:
        self.id = session
        self.source = record.source
        self.parent = record.parent
        self._domain = domain
        self._known = known
        self._clock = clock
        self._pipeline = Pipeline(domain, session, record.session_key, pack_bytes=pack_bytes)
        self._places: dict[bytes, Place | None] = {}
        self._packs: list[PackRecord] = []
        self._needed: set[PackId] = set()
        self._acknowledged: list[PlacedRef] = []
        self._indexed = 0
        self._indexes: list[IndexRef] = []
        self._since_checkpoint = 0
        self._added = self._reused = self._uploaded = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abort()

    def add(self, data: bytes | memoryview, *, kind: PackKind = PackKind.DATA) -> ChunkRef:
        """Takes some bytes and names them."""
        size = len(data)
        if size > CHUNK_LIMIT:
            raise ValueError(f"a chunk of {size} bytes is over the limit")
        ref = ChunkRef(blake3(data, key=self._domain.id_key).digest(), size)
        if ref.id in self._places:
            self._reused += size
            return ref
        place = self._known.find(ref)
        if place is not None:
            self.reuse(PlacedRef(ref, place))
            return ref
        self._places[ref.id] = None
        self._added += size
        # A copy, so that the caller may fill its buffer again while this waits for a thread.
        if self._pipeline.put(kind, ref, bytes(data)):
            self._collect(finish=False)
        return ref

    def add_page(self, data: bytes) -> ChunkRef:
        """As `add`, for metadata."""
        return self.add(data, kind=PackKind.META)

    def reuse(self, chunk: PlacedRef) -> None:
        """Refers to a chunk that an earlier session stored, without having its bytes."""
        if chunk.ref.id not in self._places:
            self._places[chunk.ref.id] = chunk.place
            self._reused += chunk.ref.size
            self.need(chunk.place.pack)

    def need(self, pack: PackId) -> None:
        """Says that what this session refers to lies in that pack, though it was not looked at."""
        if pack.session != self.id:
            self._needed.add(pack)

    def expect(self, chunks: Iterable[PlacedRef]) -> None:
        """Names chunks that may well be added again, so that finding them needs no index."""
        self._known.expect(chunks)

    def placed(self, ref: ChunkRef) -> PlacedRef:
        """A chunk of this session with its place. Waits for compression where it must."""
        place = self._places[ref.id]
        if place is None:
            self._settle()
            place = self._places[ref.id]
        if place is None:
            raise AssertionError("a settled chunk has a place")
        return PlacedRef(ref, place)

    def checkpoint(self) -> None:
        """Uploads what there is, and the index of it."""
        self._collect(finish=True)
        self._write_index()

    def seal(self, root: bytes) -> SessionStats:
        """Ends the session with its result. Raises Conflict when someone else ended it."""
        self._collect(finish=True)
        indexes = self._final_indexes()
        stats = self._stats()
        end = EndRecord(
            source=self.source,
            parent=self.parent,
            root=root,
            packs=tuple(sorted(self._packs, key=lambda p: (p.kind, p.number))),
            needed=tuple(NeededPack(p.kind, p.session, p.number, p.salt) for p in sorted(self._needed)),
            indexes=tuple(indexes),
            added_bytes=stats.added_bytes,
            reused_bytes=stats.reused_bytes,
            uploaded_bytes=stats.uploaded_bytes,
            ended_at=print_instant(self._clock.now()),
        )
        try:
            self._domain.write_end(self.id, end)
        except ObjectExists as error:
            raise Conflict(
                f"Session {self.id} was ended by someone else.",
                remedy="run the same command again; it reuses what was uploaded",
            ) from error
        self._pipeline.close()
        return stats

    def abort(self) -> None:
        """Stops without a result. What was uploaded stays for the next session of this source."""
        self._pipeline.close()

    def _stats(self) -> SessionStats:
        return SessionStats(
            added_bytes=self._added,
            reused_bytes=self._reused,
            uploaded_bytes=self._uploaded,
            packs=len(self._packs),
        )

    def _settle(self) -> None:
        for chunk in self._pipeline.placed(finish=True):
            self._places[chunk.ref.id] = chunk.place

    def _collect(self, *, finish: bool) -> None:
        for chunk in self._pipeline.placed(finish=finish):
            self._places[chunk.ref.id] = chunk.place
        for pack in self._pipeline.uploaded(finish=finish):
            self._packs.append(pack.record)
            self._uploaded += pack.record.size_bytes
            self._since_checkpoint += pack.record.size_bytes
            self._acknowledged.extend(pack.chunks)
        if self._since_checkpoint >= CHECKPOINT_BYTES:
            self._write_index()

    def _write_index(self) -> None:
        """An index object of what is acknowledged and not yet in one of this session."""
        chunks = self._acknowledged[self._indexed :]
        if not self._indexes:
            chunks = [*self._known.recovered, *chunks]
        if chunks:
            self._put_index(records_of(chunks))

    def _put_index(self, records: Iterable[IndexRecord]) -> IndexRef:
        count, body = encode_index(records)
        size = self._domain.write_index(self.id, len(self._indexes), body)
        ref = IndexRef(self.id, len(self._indexes), count, size)
        self._indexes.append(ref)
        self._uploaded += size
        self._indexed = len(self._acknowledged)
        self._since_checkpoint = 0
        return ref

    def _final_indexes(self) -> Sequence[IndexRef]:
        """The inherited index objects and one of ours, merged where they have become many."""
        own = [*self._known.recovered, *self._acknowledged]
        inherited = self._known.indexes
        merge = self._known.mergeable()
        if not own and not merge:
            return inherited
        if not merge and len(self._indexes) == 1 and self._indexed == len(self._acknowledged):
            return [*inherited, *self._indexes]
        merged = [record for segment in merge.values() for record in segment.records()]
        final = self._put_index([*merged, *records_of(own)])
        return [*(ref for ref in inherited if ref not in merge), final]
