"""`drsync init`: make a store ready."""

import os

import click

from drsync.cli.options import Call, is_terminal, reading
from drsync.cli.output import print_document, tell
from drsync.engine.opening import key_files_of, read_config
from drsync.errors import DrsyncError, NotConfirmed, NotFound, UnsafeStore, UserError
from drsync.model.policy import BackupStore
from drsync.repository.keyfile import new_key_file, read_key_file
from drsync.repository.keyring import create_repository
from drsync.stores.address import FileUrl, parse_url
from drsync.stores.object_store import ObjectStore
from drsync.stores.open import open_store
from drsync.stores.probe import probe


@click.command("init")
@click.argument("name", required=False)
@click.option("--store", "url", metavar="URL", help="The store, instead of one named in the policy files.")
@click.option("--recipient", "recipients", multiple=True, metavar="AGE1…", help="A further key that opens the store.")
@click.option("--accept-single-key", is_flag=True, help="Go on with one key only; status shows it as a risk.")
@reading
def command(call: Call, name: str | None, url: str | None, recipients: tuple[str, ...], accept_single_key: bool) -> int:
    """Makes a store ready: probes it, gives it an identity, wraps its root key for you.

    A key file that is not there yet is made (an age identity, readable by you alone). Give the
    public half of a second one, kept elsewhere, with --recipient: if you lose every key you lose
    every backup.

    \b
    Examples:
      drsync init s3-use1
      drsync init --store file:///mnt/dr --key-file drsync.key --recipient age1…

    \b
    EXIT STATUS
      0  ready        6  the store is not safe to share; nothing was written but the probe
      1  it is a drsync store already        7  only one key, and nobody accepted that
    """
    spec = _spec(call, name) if name else None
    place = url or (spec.url if spec else None)
    if not place:
        raise UserError(
            "No store is named.",
            remedy="name one of the policy files' stores, or give --store URL (file:///dir, s3://…)",
        )
    key_file = _key_file(call, spec)
    _make_folder(place)
    store = open_store(place, clock=call.clock)
    try:
        return _make_ready(call, store, key_file, recipients, accept_single_key=accept_single_key)
    finally:
        store.close()


def _make_ready(
    call: Call, store: ObjectStore, key_file: str, recipients: tuple[str, ...], *, accept_single_key: bool
) -> int:
    others = recipients or _ask_for_recipient(accept_single_key=accept_single_key)
    report = probe(store, clock=call.clock)
    if not report.safe:
        raise UnsafeStore(
            f"Store {store.url} is not safe to share: {report.faults[0]}.",
            remedy="use a store that honours conditional writes (S3, SeaweedFS, a directory)",
            impact="Two sites could both believe that they own it. It was not made ready.",
        )
    made = not os.path.exists(key_file)
    own = new_key_file(key_file) if made else read_key_file(key_file)
    mine = (own,) if isinstance(own, str) else own.recipients
    passphrases = () if isinstance(own, str) or own.passphrase is None else (own.passphrase,)
    try:
        keyring = create_repository(
            store,
            recipients=(*mine, *others),
            passphrases=passphrases,
            single_key_accepted=not others,
            now=call.clock.now(),
        )
    except DrsyncError:
        if made:
            # A key that opens nothing would only be taken for one that does.
            os.unlink(key_file)
        raise
    document = {
        "schema": "drsync.init/v1",
        "name": store.url,
        "store": store.url,
        "repository": keyring.repository_id,
        "keyFile": os.path.abspath(key_file),
        "keyFileMade": made,
        "keys": 1 + len(others),
    }
    print_document(document, call.output, lambda: f"Store {store.url} is ready (repository {keyring.repository_id}).")
    if call.output in ("table", "wide"):
        _tell(key_file, made=made, single=not others)
    return 0


def _make_folder(place: str) -> None:
    """A new folder store needs its folder. Only the last part is made: a mount point that is not mounted is not."""
    address = parse_url(place)
    if isinstance(address, FileUrl) and not address.directory.exists() and address.directory.parent.is_dir():
        address.directory.mkdir(mode=0o700)


def _tell(key_file: str, *, made: bool, single: bool) -> None:
    tell(f"key file: {key_file}{' (made just now)' if made else ''}")
    tell("Keep a copy of it away from the cluster and away from the store. If you lose the key you lose the backups.")
    if single:
        tell("RISK: only this one key opens the store. `drsync status` goes on saying so.")


def _spec(call: Call, name: str) -> BackupStore:
    stores = read_config(call.settings).stores
    if name not in stores:
        raise NotFound(
            f"There is no store {name}.",
            remedy=f"the stores are: {', '.join(sorted(stores)) or 'none'}; or give --store URL",
        )
    return stores[name]


def _key_file(call: Call, spec: BackupStore | None) -> str:
    files = key_files_of(spec, call.settings)
    if not files:
        raise UserError(
            "No key file is named.",
            remedy="say with --key-file PATH where the key is, or where it is to be made; never inside the store",
        )
    return files[0]


def _ask_for_recipient(*, accept_single_key: bool) -> tuple[str, ...]:
    if accept_single_key:
        return ()
    if not is_terminal():
        raise NotConfirmed(
            "Only one key would open this store.",
            remedy="give a second one with --recipient age1…, or go on with --accept-single-key",
            impact="Nothing was changed.",
        )
    answer: str = click.prompt(
        "Public half of a second key, kept elsewhere (age1…), or empty to go on with one",
        default="",
        show_default=False,
        err=True,
    )
    return (answer.strip(),) if answer.strip() else ()
