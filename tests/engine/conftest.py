"""A site with a store in memory, made anew for each test."""

from collections.abc import Generator
from pathlib import Path

import pytest

from tests.engine.site import Site, make_shop, opened_site
from tests.fakes.memory_store import MemoryStore


@pytest.fixture
def site(tmp_path: Path) -> Generator[Site]:
    with opened_site(tmp_path, MemoryStore()) as opened:
        make_shop(opened.primary)
        yield opened
