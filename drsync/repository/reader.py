"""Reading a session back: whole ranges of packs at once, ahead of who asks, every byte checked."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from blake3 import blake3

from drsync.errors import IntegrityError, ObjectMissing
from drsync.repository.chunk import PackId, PlacedRef
from drsync.repository.domain import Domain
from drsync.repository.layout import open_key
from drsync.repository.pack import PackCipher
from drsync.repository.records import EndRecord
from drsync.repository.seal import damaged

_RANGE_BYTES = 4 * 1024 * 1024
"""One request, and what a range may come to once it is decompressed times two."""
_GAP_BYTES = 256 * 1024
"""Reading so much for nothing is cheaper than another request."""
_RANGES_AHEAD = 4
_THREADS = 4


@dataclass(slots=True)
class _Range:
    """Chunks of one pack that lie close together, in the order in which they are wanted."""

    pack: PackId
    start: int
    end: int
    chunks: list[PlacedRef] = field(default_factory=list[PlacedRef])
    plain_bytes: int = 0

    def takes(self, chunk: PlacedRef) -> bool:
        place = chunk.place
        return (
            place.pack == self.pack
            and self.start <= place.offset <= self.end + _GAP_BYTES
            and place.offset + place.stored - self.start <= _RANGE_BYTES
            and self.plain_bytes + chunk.ref.size <= 2 * _RANGE_BYTES
        )

    def take(self, chunk: PlacedRef) -> None:
        self.chunks.append(chunk)
        self.plain_bytes += chunk.ref.size
        self.end = max(self.end, chunk.place.offset + chunk.place.stored)


class SessionReader:
    """An ended session. Made by `Repository.reader`; may be used by one thread at a time."""

    def __init__(self, domain: Domain, session: str, end: EndRecord) -> None:
        self.id = session
        self.end = end
        self._domain = domain
        self._session_keys: dict[str, bytes] = {}

    def root(self) -> bytes:
        """What the session was sealed with."""
        return self.end.root

    def read(self, refs: Iterable[PlacedRef]) -> Iterator[bytes]:
        """The bytes of each, in this order. Raises IntegrityError naming the pack or the chunk."""
        pool = ThreadPoolExecutor(_THREADS, "fetch")
        ahead: deque[Future[list[bytes]]] = deque()
        try:
            for wanted in _ranges(refs):
                self._learn_key(wanted.pack)
                ahead.append(pool.submit(self._fetch, wanted))
                if len(ahead) > _RANGES_AHEAD:
                    yield from ahead.popleft().result()
            while ahead:
                yield from ahead.popleft().result()
        finally:
            # Never joined: this may run wherever the generator happens to be collected.
            pool.shutdown(wait=False, cancel_futures=True)

    def read_one(self, ref: PlacedRef) -> bytes:
        """One chunk, without any thread."""
        self._learn_key(ref.place.pack)
        wanted = _Range(ref.place.pack, ref.place.offset, ref.place.offset)
        wanted.take(ref)
        return self._fetch(wanted)[0]

    def cipher(self, pack: PackId) -> PackCipher:
        """The key of a pack that this session owns or refers to."""
        self._learn_key(pack)
        return PackCipher(self._domain.repository_id, self._session_keys[pack.session], pack)

    def matches(self, ref: PlacedRef, data: bytes | memoryview) -> bool:
        """Whether these are the chunk's bytes; reads nothing."""
        return len(data) == ref.ref.size and blake3(data, key=self._domain.id_key).digest() == ref.ref.id

    @property
    def domain(self) -> Domain:
        return self._domain

    def _learn_key(self, pack: PackId) -> None:
        if pack.session not in self._session_keys:
            try:
                self._session_keys[pack.session] = self._domain.read_open(pack.session).session_key
            except ObjectMissing as error:
                raise damaged(open_key(pack.session), "it is not there") from error

    def _fetch(self, wanted: _Range) -> list[bytes]:
        cipher = PackCipher(self._domain.repository_id, self._session_keys[wanted.pack.session], wanted.pack)
        try:
            return self._fetch_once(wanted, cipher)
        except IntegrityError:
            # Bytes do get hurt on the way; what is hurt where it lies is hurt the second time too.
            return self._fetch_once(wanted, cipher)

    def _fetch_once(self, wanted: _Range, cipher: PackCipher) -> list[bytes]:
        key = wanted.pack.key
        try:
            data = self._domain.store.get(key, start=wanted.start, length=wanted.end - wanted.start).data
        except ObjectMissing as error:
            raise damaged(key, "it is not there") from error
        if len(data) != wanted.end - wanted.start:
            raise damaged(key, "it is cut short")
        opened: list[bytes] = []
        for chunk in wanted.chunks:
            at = chunk.place.offset - wanted.start
            opened.append(cipher.open_chunk(chunk, data[at : at + chunk.place.stored], id_key=self._domain.id_key))
        return opened


def _ranges(refs: Iterable[PlacedRef]) -> Iterator[_Range]:
    current: _Range | None = None
    for chunk in refs:
        if current is None or not current.takes(chunk):
            if current is not None:
                yield current
            current = _Range(chunk.place.pack, chunk.place.offset, chunk.place.offset)
        current.take(chunk)
    if current is not None:
        yield current
