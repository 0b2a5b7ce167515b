"""The number that orders everyone who may act; it never falls."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Epoch:
    """Compared as a pair: a new authority (failover, failback) outranks every lease before it."""

    authority: int = 0
    lease: int = 0

    def __str__(self) -> str:
        return f"{self.authority}.{self.lease}"
