"""Kubernetes label selectors: read from text, and matched."""

from collections.abc import Mapping

from drsync.model.policy import LabelSelector


def parse_selector(text: str) -> LabelSelector:
    """`a=b,c!=d,e in (x,y),f notin (z),g,!h`, as kubectl reads it. Raises UserError."""
    raise NotImplementedError


def matches(selector: LabelSelector, labels: Mapping[str, str]) -> bool:
    """Whether every requirement holds; the empty selector matches everything."""
    raise NotImplementedError
