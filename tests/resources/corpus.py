"""Manifests of real applications, when `DRSYNC_CORPUS` says where they are."""

import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml


class _Loader(yaml.CSafeLoader):
    """As PyYAML reads, but `=` is text: a published definition has it as a value."""


_Loader.add_constructor("tag:yaml.org,2002:value", lambda _, node: node.value)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", lambda _, node: node.value)


@cache
def manifests() -> tuple[dict[str, Any], ...]:
    """Every object of the corpus, lists taken apart. Skips where there is no corpus."""
    folder = os.environ.get("DRSYNC_CORPUS")
    if not folder:
        pytest.skip("DRSYNC_CORPUS is not set: no manifests of real applications to try")
    found: list[dict[str, Any]] = []
    for path in sorted(Path(folder).rglob("*.y*ml")):
        for document in yaml.load_all(path.read_text(), Loader=_Loader):
            if isinstance(document, dict) and "kind" in document and "apiVersion" in document:
                found.extend(document.get("items", []) if document["kind"].endswith("List") else [document])
    named = (item for item in found if isinstance(item.get("metadata"), dict) and "name" in item["metadata"])
    return tuple(item for item in named if "kind" in item and "apiVersion" in item)
