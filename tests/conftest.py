"""What every test gets: loopback only, and seeds that are printed and can be given again."""

import pytest
from hypothesis import settings
from pytest_socket import socket_allow_hosts

settings.register_profile("quick", max_examples=25)
"""For `make unit`; `make test` takes hypothesis' own number."""


@pytest.fixture(autouse=True)
def _loopback_only() -> None:
    """Tests send traffic to this machine and nowhere else."""
    socket_allow_hosts(["127.0.0.1", "::1", "localhost"], allow_unix_socket=True)
