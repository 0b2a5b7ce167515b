"""A repository: where sessions begin, and where they are read again."""

import os

from drsync.clock import Clock
from drsync.errors import ObjectMissing
from drsync.repository.domain import Domain
from drsync.repository.keyring import Keyring
from drsync.repository.known import KnownChunks, find_inheritance
from drsync.repository.layout import check_session_id, new_session_id
from drsync.repository.reader import SessionReader
from drsync.repository.records import OpenRecord
from drsync.repository.seal import derive
from drsync.repository.session import Session
from drsync.stores.object_store import ObjectStore
from drsync.units import print_instant

PACK_BYTES = 16 * 1024 * 1024


class Repository:
    """A store that was opened with its key."""

    def __init__(self, store: ObjectStore, keyring: Keyring, *, clock: Clock, pack_bytes: int = PACK_BYTES) -> None:
        self.id = keyring.repository_id
        self._domain = Domain.of(store, keyring)
        self._clock = clock
        self._pack_bytes = pack_bytes

    def begin(self, *, source: str, parent: str | None, writer: str) -> Session:
        """A new session that uploads nothing which the parent, or any session of this source, uploaded.

        Sessions of the source that never ended count too: what a killed run uploaded is found by its
        checkpoints, and after the last of them by the tails of its packs.
        """
        if parent is not None:
            check_session_id(parent)
        tag = derive(self._domain.tag_key, source.encode())
        now = self._clock.now()
        session = new_session_id(now, tag)
        record = OpenRecord(
            source=source,
            parent=parent,
            writer=writer,
            started_at=print_instant(now),
            session_key=os.urandom(32),
        )
        # The order matters to a later collector: it must see this session before we rely on anything.
        self._domain.write_open(session, record)
        inheritance = find_inheritance(self._domain, tag=tag[:4].hex(), parent=parent, below=session)
        known = KnownChunks(self._domain, inheritance)
        return Session(self._domain, session, record, known, clock=self._clock, pack_bytes=self._pack_bytes)

    def reader(self, session: str) -> SessionReader:
        """Raises ObjectMissing when the session never ended, IntegrityError when it is damaged."""
        check_session_id(session)
        try:
            end = self._domain.read_end(session)
        except ObjectMissing as error:
            raise ObjectMissing(
                f"Session {session} is not complete in this store.",
                remedy="choose another recovery point, or the store that holds this one",
            ) from error
        return SessionReader(self._domain, session, end)
