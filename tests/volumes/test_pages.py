"""Pages: columns that come back as the entries that went in, and nothing else is taken for one."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsync.errors import IntegrityError
from drsync.repository.chunk import ChunkRef, PackId, PackKind, Place, PlacedRef
from drsync.volumes.entry import Extent, FileEntry, FileKind
from drsync.volumes.pages import decode_entries, decode_extents, encode_entries, encode_extents

U32 = st.integers(0, 2**32 - 1)
U64 = st.integers(0, 2**64 - 1)
I64 = st.integers(-(2**63), 2**63 - 1)
PACK = st.builds(
    PackId, st.sampled_from(PackKind), st.sampled_from(["a" * 32, "b" * 32]), st.integers(0, 5), st.just(b"s" * 32)
)
CHUNK = st.builds(
    PlacedRef,
    st.builds(ChunkRef, st.binary(min_size=32, max_size=32), st.integers(0, 1 << 24)),
    st.builds(Place, PACK, U32, U32, U32),
)
EXTENT = st.builds(Extent, U64, U32, U32, CHUNK)
PLAIN = {
    "path": st.lists(st.binary(min_size=1, max_size=9).filter(lambda n: b"/" not in n), max_size=3).map(b"/".join),
    "kind": st.sampled_from(FileKind),
    "mode": st.integers(0, 0o7777),
    "uid": U32,
    "gid": U32,
    "mtime_ns": I64,
    "ctime_ns": I64,
    "ino": U64,
    "size_bytes": U64,
    "links": U32,
    "device": U64,
    "link": st.binary(max_size=20),
    "xattrs": st.lists(st.tuples(st.binary(max_size=9), st.binary(max_size=9)), max_size=2).map(tuple),
    "torn": st.booleans(),
}
SMALL = st.builds(
    FileEntry, **PLAIN, extents=st.lists(EXTENT, max_size=3, unique_by=lambda e: e.chunk.ref.id).map(tuple)
)
LARGE = st.builds(
    FileEntry,
    **PLAIN,
    pages=st.lists(CHUNK, min_size=1, max_size=3).map(tuple),
    packs=st.lists(PACK, max_size=2).map(tuple),
)


def one_place_each(entries):
    """Within a page a chunk is where it is, however often it is named."""
    seen = {}
    return all(
        seen.setdefault(extent.chunk.ref.id, extent.chunk) == extent.chunk
        for entry in entries
        for extent in entry.extents
    )


@given(st.lists(st.one_of(SMALL, LARGE), max_size=8).filter(one_place_each))
def test_entries_come_back(entries):
    assert decode_entries(encode_entries(entries), what="page") == entries


@given(st.lists(EXTENT, max_size=8, unique_by=lambda e: e.chunk.ref.id))
def test_extents_come_back(extents):
    assert list(decode_extents(encode_extents(extents), what="page")) == extents


@given(st.binary(max_size=200))
def test_noise_is_damage(noise):
    with pytest.raises(IntegrityError):
        decode_entries(noise, what="page")


@given(st.lists(SMALL, min_size=1, max_size=3).filter(one_place_each), st.data())
def test_a_page_with_a_hurt_byte_is_a_page_or_damage(entries, data):
    page = encode_entries(entries)
    at = data.draw(st.integers(0, len(page) - 1))
    hurt = page[:at] + bytes([data.draw(st.integers(0, 255))]) + page[at + 1 :]

    with suppress(IntegrityError):
        assert all(isinstance(entry, FileEntry) for entry in decode_entries(hurt, what="page"))
