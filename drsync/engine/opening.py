"""Opens what a command needs: policy files, stores with their keys, clusters."""

import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from drsync.clock import Cancellation, Clock
from drsync.engine.volume_access import LocalVolumes
from drsync.engine.world import Reporter, Silent, World
from drsync.errors import NotFound, UserError, WrongKey
from drsync.kube.client import KubeClient
from drsync.kube.connect import connect
from drsync.model.policy import BackupStore, ClusterTarget, Config, ProtectionPolicy
from drsync.policy.load import load
from drsync.repository.keyfile import KeyFile, read_key_file
from drsync.repository.keyring import Keyring, open_keyring
from drsync.repository.repository import Repository
from drsync.settings import Settings, secret_path
from drsync.state.log import CommitLog, policies
from drsync.state.policies import get_policy
from drsync.stores.object_store import ObjectStore
from drsync.stores.open import StoreOptions, open_store
from drsync.stores.wrappers.count import Counting

_SUFFIXES: Final = (".yaml", ".yml")
_CONTEXT: Final = "context/"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedStore:
    """A store, and the key to it where one was found."""

    store: ObjectStore
    keyring: Keyring | None
    key_files: tuple[str, ...]

    @property
    def log_key(self) -> bytes | None:
        return self.keyring.derive("log") if self.keyring else None

    def unlocked(self) -> Keyring:
        """Raises WrongKey when the store was opened without a key."""
        if self.keyring is None:
            raise WrongKey(
                f"No key for store {self.store.url} is at hand.",
                remedy="name the key file with --key-file, $DRSYNC_KEY_FILE or encryption.keyRef",
                impact="Nothing was read or changed.",
            )
        return self.keyring


def read_config(settings: Settings) -> Config:
    """All policy files of the folder, or of the one file. Raises PolicyInvalid and UserError."""
    place = Path(settings.config_dir)
    if not place.exists():
        if settings.config_given:
            raise UserError(
                f"There is no policy file or folder {place}.",
                remedy="name it with --config PATH or $DRSYNC_CONFIG, or read a store with --from-store URL",
            )
        return Config()
    names = sorted(p for p in place.rglob("*") if p.suffix in _SUFFIXES and p.is_file()) if place.is_dir() else [place]
    base = place if place.is_dir() else place.parent
    return load({str(path.relative_to(base)): _read_text(path) for path in names}, base=str(base))


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 text.", remedy="save it as UTF-8") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.", remedy="mend its rights") from error


def key_files_of(spec: BackupStore | None, settings: Settings) -> tuple[str, ...]:
    """Files given by option or environment come first; then the one that the store's policy file names."""
    named = (secret_path(spec.key, settings),) if spec and spec.key else ()
    return tuple(dict.fromkeys((*settings.key_files, *named)))


@contextmanager
def opened_store(url: str, settings: Settings, clock: Clock, spec: BackupStore | None = None) -> Generator[OpenedStore]:
    """Opens a store; with a key if there is one. Raises WrongKey when there are keys and none fits."""
    options = StoreOptions(parallel=spec.parallel, upload_mib_s=spec.upload_mib_s) if spec else StoreOptions()
    store = Counting(open_store(url, clock=clock, options=options))
    try:
        files = tuple(os.path.abspath(path) for path in key_files_of(spec, settings))
        keys: list[KeyFile] = [read_key_file(path) for path in files]
        keyring = open_keyring(store, keys) if keys else None
        yield OpenedStore(store=store, keyring=keyring, key_files=files)
    finally:
        store.close()


def config_in_store(opened: OpenedStore, settings: Settings) -> Config:
    """The policies that were in force at each policy's newest point.

    Relative paths in them are taken as if the files lay where policy files would be looked for.
    """
    texts: dict[str, str] = {}
    for name in policies(opened.store):
        points = CommitLog(opened.store, name, key=opened.log_key).read().points
        if points:
            texts[f"{name}.yaml"] = get_policy(opened.store, points[-1].point.policy_sha256)
    return _merged({name: load({name: text}, base=settings.config_dir) for name, text in texts.items()})


def _merged(parts: Mapping[str, Config]) -> Config:
    """Each text loads by itself; where two name the same cluster or store, the later text wins."""
    whole = Config()
    for part in parts.values():
        whole = Config(
            stores={**whole.stores, **part.stores},
            clusters={**whole.clusters, **part.clusters},
            policies={**whole.policies, **part.policies},
            channels={**whole.channels, **part.channels},
            documents={**whole.documents, **part.documents},
        )
    return whole


def find_policy(config: Config, name: str) -> ProtectionPolicy:
    """Raises NotFound with the names that there are."""
    if name not in config.policies:
        there = ", ".join(sorted(config.policies)) or "none"
        raise NotFound(
            f"There is no policy {name}.", remedy=f"the policies are: {there}; `--config` says where they are read from"
        )
    return config.policies[name]


def store_of(config: Config, policy: ProtectionPolicy) -> BackupStore:
    """The store that the policy's points go to."""
    return config.stores[policy.copies[0].store]


def find_cluster(config: Config, name: str) -> ClusterTarget:
    """A ClusterTarget by name, or `context/NAME` of the user's kubeconfig. Raises NotFound."""
    if name.startswith(_CONTEXT):
        context = name.removeprefix(_CONTEXT)
        return ClusterTarget(name=context, context=context)
    if name not in config.clusters:
        there = ", ".join(sorted(config.clusters)) or "none"
        raise NotFound(
            f"There is no cluster {name}.",
            remedy=f"the clusters are: {there}; or name a context of your kubeconfig as context/{name}",
        )
    return config.clusters[name]


@contextmanager
def opened_world(
    opened: OpenedStore, target: ClusterTarget, clock: Clock, cancel: Cancellation, report: Reporter | None = None
) -> Generator[World]:
    """Store, key and cluster together. Raises WrongKey without a key."""
    keyring = opened.unlocked()
    with connect(target, clock=clock, cancel=cancel) as cluster:
        yield _world(opened, keyring, cluster, clock, cancel, report or Silent())


def _world(
    opened: OpenedStore, keyring: Keyring, cluster: KubeClient, clock: Clock, cancel: Cancellation, report: Reporter
) -> World:
    return World(
        clock=clock,
        cancel=cancel,
        store=opened.store,
        keyring=keyring,
        key_files=opened.key_files,
        repository=Repository(opened.store, keyring, clock=clock),
        cluster=cluster,
        report=report,
    )


def access_to(target: ClusterTarget) -> LocalVolumes:
    return LocalVolumes(enabled=target.local_volumes)
