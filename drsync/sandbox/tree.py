"""Reading decoded JSON whose shape nobody promised."""

from collections.abc import Mapping
from typing import Any, TypeGuard


def is_map(value: Any) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)


def is_list(value: Any) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def branch(tree: Mapping[str, Any], *path: str) -> dict[str, Any]:
    """The map at a path; empty when there is none."""
    node: Any = tree
    for name in path:
        node = node.get(name) if is_map(node) else None
    return node if is_map(node) else {}


def leaves(tree: Mapping[str, Any], *path: str) -> list[Any]:
    """The list at a path; empty when there is none."""
    found = branch(tree, *path[:-1]).get(path[-1])
    return found if is_list(found) else []
