"""`drsync ls`: what is in a point, or in one of its volumes."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import click

from drsync.cli.options import Call, reading
from drsync.cli.output import Column, Listing, print_listing
from drsync.cli.sources import point_source
from drsync.errors import NotFound
from drsync.model.recovery_point import SealedPoint
from drsync.model.volume import CapturedVolume
from drsync.repository.objects import ObjectSet
from drsync.repository.repository import Repository
from drsync.state.catalog import resolve
from drsync.units import print_size
from drsync.volumes.manifest import VolumeManifest
from drsync.volumes.paths import print_path

_OBJECTS: Final = (
    Column(title="KIND", cell=lambda r: r["kind"]),
    Column(title="NAMESPACE", cell=lambda r: r["namespace"] or "-"),
    Column(title="NAME", cell=lambda r: r["name"]),
    Column(title="SIZE", cell=lambda r: print_size(r["sizeBytes"])),
)
_FILES: Final = (
    Column(title="MODE", cell=lambda r: r["mode"]),
    Column(title="OWNER", cell=lambda r: r["owner"]),
    Column(title="SIZE", cell=lambda r: print_size(r["sizeBytes"])),
    Column(title="NAME", cell=lambda r: r["name"]),
)


@click.command("ls")
@click.argument("point", metavar="POINT|POLICY@latest")
@click.argument("path", required=False)
@reading
def command(call: Call, point: str, path: str | None) -> int:
    """What is in a point: its objects and volumes; with PATH (CLAIM/folder/file) the files of a volume.

    \b
    Examples:
      drsync ls payments@latest
      drsync ls payments@latest payments/uploads/invoices

    \b
    EXIT STATUS
      0  listed        4  no such point, volume or path        12  no key opens the store
    """
    with point_source(call, point) as source:
        sealed = resolve(source.opened.store, point, key=source.opened.unlocked().derive("log"), now=call.clock.now())
        repository = Repository(source.opened.store, source.opened.unlocked(), clock=call.clock)
        rows = list(_files(sealed, repository, path) if path else _contents(sealed, repository))
    if path and not rows:
        raise NotFound(
            f"Nothing in {sealed.point.id} is called {path}.", remedy=f"`drsync ls {point}` lists its volumes"
        )
    listing = Listing(
        schema="drsync.files/v1" if path else "drsync.objects/v1",
        kind="file" if path else "object",
        rows=rows,
        columns=_FILES if path else _OBJECTS,
        empty="The point is empty.",
    )
    print_listing(listing, call.output, headers=call.headers)
    return 0


def _contents(sealed: SealedPoint, repository: Repository) -> Iterator[Mapping[str, Any]]:
    for entry in ObjectSet(repository.reader(sealed.point.objects.session)).entries:
        yield {
            "kind": entry.kind.group_resource,
            "namespace": entry.namespace,
            "name": entry.name,
            "sizeBytes": entry.size_bytes,
        }
    for volume in sealed.point.volumes:
        yield {
            "kind": "volume",
            "namespace": volume.claim.namespace,
            "name": volume.claim.name,
            "sizeBytes": volume.size_bytes,
        }


def _files(sealed: SealedPoint, repository: Repository, path: str) -> Iterator[Mapping[str, Any]]:
    volume, inside = _volume(sealed, path)
    manifest = VolumeManifest(repository.reader(volume.session))
    for entry in manifest.entries(prefix=inside.encode("utf-8", "surrogateescape")):
        yield {
            "name": print_path(entry.path),
            "type": entry.kind.value,
            "mode": f"{entry.mode & 0o7777:04o}",
            "owner": f"{entry.uid}:{entry.gid}",
            "sizeBytes": entry.size_bytes,
            "mtimeNs": entry.mtime_ns,
            "link": print_path(entry.link) if entry.link else None,
        }


def _volume(sealed: SealedPoint, path: str) -> tuple[CapturedVolume, str]:
    """`shop/data/a/b` or `data/a/b` → the volume, and `a/b`."""
    for volume in sealed.point.volumes:
        for name in (str(volume.claim), volume.claim.name):
            if path == name or path.startswith(f"{name}/"):
                return volume, path[len(name) :].strip("/")
    held = ", ".join(str(v.claim) for v in sealed.point.volumes) or "none"
    raise NotFound(
        f"{sealed.point.id} has no volume {path.split('/', maxsplit=1)[0]}.", remedy=f"its volumes are: {held}"
    )
