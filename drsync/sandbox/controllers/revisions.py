"""Marks of pod templates, and the ControllerRevisions that keep them."""

from hashlib import blake2b
from typing import Any

import msgspec

from drsync.model.resource import Manifest
from drsync.sandbox.controllers.control import Control, owner_of
from drsync.sandbox.tree import branch

REVISIONS = "controllerrevisions.apps"
_LETTERS = "bcdfghjklmnpqrstvwxz2456789"


def template_hash(template: Any) -> str:
    """The same letters for the same template, whatever the order of its fields."""
    digest = blake2b(msgspec.json.encode(template, order="deterministic"), digest_size=10).digest()
    return "".join(_LETTERS[byte % len(_LETTERS)] for byte in digest)


def record_revision(control: Control, resource: str, owner: Manifest, data: dict[str, Any]) -> str:
    """Keeps the owner's present template as a ControllerRevision; returns its mark."""
    meta = owner["metadata"]
    mark = template_hash(data)
    name = f"{meta['name']}-{mark}"
    if control.get(REVISIONS, f"{meta['namespace']}/{name}") is None:
        served = control.registry.kinds.builtin(resource)
        number = 1 + sum(
            1
            for _, found in control.all(REVISIONS, meta["namespace"])
            if any(one["uid"] == meta["uid"] for one in found["metadata"].get("ownerReferences") or ())
        )
        labels = {**branch(owner, "spec", "template", "metadata", "labels"), "controller.kubernetes.io/hash": mark}
        manifest = {
            "metadata": {"name": name, "labels": labels, "ownerReferences": [owner_of(served, owner)]},
            "data": data,
            "revision": number,
        }
        control.create(REVISIONS, meta["namespace"], manifest)
    return mark
