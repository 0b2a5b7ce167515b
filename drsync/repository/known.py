"""What earlier sessions of a source stored: found by listing, read only when something is looked up."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from drsync.errors import IntegrityError, ObjectMissing
from drsync.repository.chunk import ChunkRef, PackId, PackKind, Place, PlacedRef
from drsync.repository.domain import Domain
from drsync.repository.index import IndexSegment
from drsync.repository.layout import SESSIONS, session_tag
from drsync.repository.pack import TAIL_BYTES, PackCipher, footer_bytes, pack_salt, read_footer
from drsync.repository.records import IndexRef

INDEXES_LIMIT = 8
"""A writer reads at most about so many index objects; beyond it small ones are merged."""
_MERGE_CHUNKS = 1 << 17


@dataclass(frozen=True, slots=True, kw_only=True)
class Inheritance:
    """Where to look: index objects of ended sessions, and sessions that never ended."""

    indexes: tuple[IndexRef, ...] = ()
    dead: tuple[str, ...] = ()


def find_inheritance(domain: Domain, *, tag: str, parent: str | None, below: str) -> Inheritance:
    """One listing and at most two reads, whatever was stored before.

    The newest ended session already names all that those before it had; so only that one, the
    parent, and the sessions after it that never ended are of interest.
    """
    after = f"{SESSIONS}{parent}" if parent else ""
    ended: set[str] = set()
    opened: list[str] = []
    for info in domain.store.list(SESSIONS, after=after):
        session, _, name = info.key.removeprefix(SESSIONS).partition("/")
        if session_tag(session) != tag or session >= below:
            continue
        if name == "end":
            ended.add(session)
        elif name == "open":
            opened.append(session)
    newest = max(ended, default=parent)
    dead = tuple(s for s in opened if s not in ended and s > (newest or ""))
    indexes: dict[IndexRef, None] = {}
    for session in dict.fromkeys(s for s in (newest, parent) if s):
        indexes.update(dict.fromkeys(_indexes_of(domain, session)))
    return Inheritance(indexes=tuple(indexes), dead=dead)


def _indexes_of(domain: Domain, session: str) -> tuple[IndexRef, ...]:
    # A damaged or vanished parent must not keep the next backup from being made: without it
    # everything is uploaded again, which is what heals it.
    try:
        return domain.read_end(session).indexes
    except (ObjectMissing, IntegrityError):
        return ()


class KnownChunks:
    """The chunks that need no upload. Reads its index objects at the first question."""

    def __init__(self, domain: Domain, inheritance: Inheritance) -> None:
        self._domain = domain
        self._inheritance = inheritance
        self._expected: dict[ChunkRef, Place] = {}
        self._segments: dict[IndexRef, IndexSegment] | None = None
        self._recovered: dict[bytes, PlacedRef] = {}

    @property
    def indexes(self) -> tuple[IndexRef, ...]:
        """The index objects that a next session should read too."""
        return tuple(self._segments) if self._segments is not None else self._inheritance.indexes

    @property
    def recovered(self) -> Sequence[PlacedRef]:
        """Chunks of sessions that never ended and that no index object names."""
        return tuple(self._recovered.values())

    def expect(self, chunks: Iterable[PlacedRef]) -> None:
        """Names chunks that may come again; these are found without any index."""
        for chunk in chunks:
            self._expected[chunk.ref] = chunk.place

    def find(self, ref: ChunkRef) -> Place | None:
        """Where the chunk lies; None when it must be uploaded."""
        place = self._expected.get(ref)
        if place is not None:
            return place
        if self._segments is None:
            self._segments = self._load()
        recovered = self._recovered.get(ref.id)
        if recovered is not None and recovered.ref == ref:
            return recovered.place
        for segment in self._segments.values():
            place = segment.find(ref.id, ref.size)
            if place is not None:
                return place
        return None

    def mergeable(self) -> dict[IndexRef, IndexSegment]:
        """Small index objects to merge into the next one, when there have come to be too many."""
        if self._segments is None or len(self._segments) < INDEXES_LIMIT:
            return {}
        return {ref: segment for ref, segment in self._segments.items() if ref.chunks <= _MERGE_CHUNKS}

    def _load(self) -> dict[IndexRef, IndexSegment]:
        segments: dict[IndexRef, IndexSegment] = {}
        for ref in self._inheritance.indexes:
            self._load_index(ref.session, ref.number, ref.size_bytes, segments)
        for session in self._inheritance.dead:
            self._adopt(session, segments)
        return segments

    def _load_index(self, session: str, number: int, size: int, segments: dict[IndexRef, IndexSegment]) -> None:
        # As above: an index that is damaged costs an upload, not the backup.
        try:
            segment = self._domain.read_index(session, number)
        except (ObjectMissing, IntegrityError):
            return
        segments[IndexRef(session, number, len(segment), size)] = segment

    def _adopt(self, session: str, segments: dict[IndexRef, IndexSegment]) -> None:
        """The checkpoints of a session that never ended, and the footers of what came after them."""
        before = set(segments)
        for info in self._domain.store.list(f"repo/i/{session}/"):
            number = _number(info.key)
            if number is not None:
                self._load_index(session, number, info.size_bytes, segments)
        indexed: set[str] = set()
        for ref in segments.keys() - before:
            indexed.update(pack.key for pack in segments[ref].packs)
        session_key: bytes | None = None
        for kind in PackKind:
            for info in self._domain.store.list(f"repo/{kind.value}/{session}/"):
                number = _number(info.key)
                if number is None or info.key in indexed:
                    continue
                try:
                    session_key = session_key or self._domain.read_open(session).session_key
                    chunks = self._read_footer(PackId(kind, session, number, b""), session_key, info.size_bytes)
                except (ObjectMissing, IntegrityError):
                    continue
                self._recovered.update((chunk.ref.id, chunk) for chunk in chunks)

    def _read_footer(self, named: PackId, session_key: bytes, size: int) -> Sequence[PlacedRef]:
        store = self._domain.store
        tail = store.get(named.key, start=-min(TAIL_BYTES, size)).data
        pack = PackId(named.kind, named.session, named.number, pack_salt(tail, what=named.key))
        cipher = PackCipher(self._domain.repository_id, session_key, pack)
        wanted = footer_bytes(tail, cipher)
        if len(tail) < wanted <= size:
            tail = store.get(named.key, start=-wanted).data
        return read_footer(tail, cipher)


def _number(key: str) -> int | None:
    text = key.rpartition("/")[2]
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None
