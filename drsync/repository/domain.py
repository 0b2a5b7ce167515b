"""The keys of a repository by purpose, and the sealed objects that every session reads and writes."""

from dataclasses import dataclass, field

from drsync.errors import ObjectExists
from drsync.repository.compression import compress, decompress
from drsync.repository.index import IndexSegment, decode_index
from drsync.repository.keyring import Keyring
from drsync.repository.layout import end_key, index_key, open_key
from drsync.repository.records import EndRecord, OpenRecord, decode, encode
from drsync.repository.seal import context, damaged, seal, unseal
from drsync.stores.object_store import ObjectStore

_BODY_LIMIT = 1 << 30
"""No index, open or end is larger: 25 million chunks."""
_HEADER = 5


@dataclass(frozen=True, slots=True)
class Domain:
    """A store together with the keys of what lies there."""

    store: ObjectStore
    repository_id: str
    id_key: bytes = field(repr=False)
    session_key: bytes = field(repr=False)
    index_key: bytes = field(repr=False)
    tag_key: bytes = field(repr=False)

    @classmethod
    def of(cls, store: ObjectStore, keyring: Keyring) -> "Domain":
        keys = (keyring.derive(purpose) for purpose in ("chunk id", "session", "index", "source"))
        return cls(store, keyring.repository_id, *keys)

    def write_open(self, session: str, record: OpenRecord) -> None:
        """Raises ObjectExists when the id is taken."""
        self._write(self.session_key, "open", session, 0, open_key(session), encode(record))

    def read_open(self, session: str) -> OpenRecord:
        """Raises ObjectMissing, IntegrityError."""
        key = open_key(session)
        return decode(OpenRecord, self._read(self.session_key, "open", session, 0, key), what=key)

    def write_end(self, session: str, record: EndRecord) -> int:
        """Bytes sent. Raises ObjectExists when the session was ended by someone else."""
        return self._write(self.session_key, "end", session, 0, end_key(session), encode(record))

    def read_end(self, session: str) -> EndRecord:
        """Raises ObjectMissing, IntegrityError."""
        key = end_key(session)
        return decode(EndRecord, self._read(self.session_key, "end", session, 0, key), what=key)

    def write_index(self, session: str, number: int, body: bytes) -> int:
        """Bytes sent."""
        return self._write(self.index_key, "index", session, number, index_key(session, number), body)

    def read_index(self, session: str, number: int) -> IndexSegment:
        """Raises ObjectMissing, IntegrityError."""
        key = index_key(session, number)
        return decode_index(self._read(self.index_key, "index", session, number, key), what=key)

    def _write(self, key: bytes, kind: str, session: str, number: int, at: str, body: bytes) -> int:
        codec, packed = compress(body)
        plain = codec.to_bytes(1, "big") + len(body).to_bytes(_HEADER - 1, "big") + packed
        sealed = seal(key, context(self.repository_id, kind, session, number), plain)
        create_once(self.store, at, sealed)
        return len(sealed)

    def _read(self, key: bytes, kind: str, session: str, number: int, at: str) -> bytes:
        plain = unseal(key, context(self.repository_id, kind, session, number), self.store.get(at).data, what=at)
        size = int.from_bytes(plain[1:_HEADER], "big")
        if len(plain) < _HEADER or size > _BODY_LIMIT:
            raise damaged(at, "it declares a size out of bounds")
        return decompress(plain[0], plain[_HEADER:], size=size, what=at)


def create_once(store: ObjectStore, key: str, data: bytes) -> None:
    """Creates, or finds that an earlier try whose answer was lost did. Raises ObjectExists otherwise."""
    try:
        store.create(key, data)
    except ObjectExists:
        if store.get(key).data != data:
            raise
