"""From the text of policy files to the configuration in force, or to every fault in them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from drsync.errors import NotFound, PolicyInvalid
from drsync.model.policy import ClusterTarget, Config, ProtectionPolicy
from drsync.policy.check import check
from drsync.policy.document import Document, read_documents
from drsync.policy.fault import Fault, Place, closest, printable, spell_path, summary
from drsync.policy.lower import lower_channel, lower_cluster, lower_policy, lower_store
from drsync.policy.references import CONTEXT, Files, check_references
from drsync.policy.schema.channel import ChannelFile
from drsync.policy.schema.cluster import ClusterFile
from drsync.policy.schema.protection import ProtectionFile
from drsync.policy.schema.store import StoreFile
from drsync.policy.validate import PolicyFile, find, kind_of, name_of, validate


def load(files: Mapping[str, str | bytes], *, base: str = "/") -> Config:
    """File names to text. Raises PolicyInvalid with every fault, `file:line:column: path: problem → remedy` a line.

    Bytes are taken as UTF-8. Relative paths inside a file are taken from that file's folder below `base`.
    """
    faults: list[Fault] = []
    sources = list(_read(files, faults))
    by_name = _by_name(sources, faults)
    everything = {key: source.parsed for key, source in by_name.items()}
    for source in sources:
        faults.extend(_findings(source, everything))
    if faults:
        raise PolicyInvalid(summary(faults), remedy="correct the files and run `drsync validate`")
    return _config(by_name.values(), base)


def bundle(config: Config, policy: str) -> str:
    """The policy with all that it names, as one text that loads by itself. Raises NotFound."""
    found = find_policy(config, policy)
    clusters = [config.clusters[name] for name in (found.cluster, *found.standbys) if not name.startswith(CONTEXT)]
    stores = [copy.store for copy in found.copies] + [name for cluster in clusters for name in cluster.reads_stores]
    stores += [control for name in stores if (control := config.stores[name].control) is not None]
    keys = [
        f"ProtectionPolicy/{policy}",
        *(f"BackupStore/{name}" for name in stores),
        *(f"ClusterTarget/{cluster.name}" for cluster in clusters),
        *(f"NotifyChannel/{route.to}" for route in found.notify),
    ]
    return "---\n".join(config.documents[key] for key in dict.fromkeys(keys))


def find_policy(config: Config, policy: str) -> ProtectionPolicy:
    """Raises NotFound, with the closest name."""
    if policy in config.policies:
        return config.policies[policy]
    close = closest(policy, config.policies)
    remedy = f"did you mean {close}?" if close else "see `drsync get policies`"
    raise NotFound(f"There is no policy `{printable(policy)}`.", remedy=remedy)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """A document, and what became of it."""

    file: str
    document: Document
    parsed: PolicyFile | None
    """None: it has faults."""

    @property
    def place(self) -> Place:
        return self.document.root.place


def _read(files: Mapping[str, str | bytes], faults: list[Fault]) -> Iterator[_Source]:
    for name, content in sorted(files.items()):
        text = _decode(name, content, faults)
        for document in read_documents(name, text, faults) if text is not None else ():
            parsed, found = validate(document)
            faults.extend(found)
            yield _Source(file=name, document=document, parsed=parsed)


def _decode(name: str, content: str | bytes, faults: list[Fault]) -> str | None:
    if isinstance(content, str):
        return content
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        before = content[: error.start]
        place = Place(name, before.count(b"\n") + 1, len(before) - before.rfind(b"\n"))
        faults.append(Fault(place, "", "The file is not UTF-8.", "save it as UTF-8; it may be half-written"))
        return None


def _by_name(sources: Iterable[_Source], faults: list[Fault]) -> dict[tuple[str, str], _Source]:
    found: dict[tuple[str, str], _Source] = {}
    for source in sources:
        root = source.document.root
        key = (kind_of(root), name_of(root))
        if not all(key):
            continue
        first = found.setdefault(key, source)
        if first is not source:
            problem = f"There is a {key[0]} of this name already, at {first.place}."
            faults.append(Fault(find(root, ("metadata", "name")).place, "metadata.name", problem, "rename one of them"))
    return found


def _findings(source: _Source, everything: Files) -> Iterator[Fault]:
    if source.parsed is None:
        return
    root = source.document.root
    for path, problem, remedy in (*check(source.parsed), *check_references(source.parsed, everything)):
        yield Fault(find(root, path).place, spell_path(path), problem, remedy)


def _config(sources: Iterable[_Source], base: str) -> Config:
    ordered = list(sources)
    folders = {source.file: str((PurePosixPath(base) / source.file).parent) for source in ordered}
    parsed = [(source.parsed, folders[source.file]) for source in ordered]
    stores = [lower_store(file, folder=folder) for file, folder in parsed if isinstance(file, StoreFile)]
    clusters = [lower_cluster(file, folder=folder) for file, folder in parsed if isinstance(file, ClusterFile)]
    channels = {
        file.metadata.name: lower_channel(file, folder=f) for file, f in parsed if isinstance(file, ChannelFile)
    }
    policies = [lower_policy(file, channels) for file, _ in parsed if isinstance(file, ProtectionFile)]
    named = {name for policy in policies for name in (policy.cluster, *policy.standbys) if name.startswith(CONTEXT)}
    clusters += [ClusterTarget(name=name, context=name.removeprefix(CONTEXT)) for name in sorted(named)]
    documents = {
        f"{kind_of(source.document.root)}/{name_of(source.document.root)}": _kept_text(source) for source in ordered
    }
    return Config(
        stores={store.name: store for store in stores},
        clusters={cluster.name: cluster for cluster in clusters},
        policies={policy.name: policy for policy in policies},
        channels=channels,
        documents=documents,
    )


def _kept_text(source: _Source) -> str:
    """The document as it may be kept in a store: without an address that may be a secret."""
    if not isinstance(source.parsed, ChannelFile) or source.parsed.spec.url is None:
        return source.document.text
    return (
        "# The address is left out, since it may be a secret.\n"
        f"apiVersion: drsync.io/v1alpha1\nkind: NotifyChannel\nmetadata: {{name: {source.parsed.metadata.name}}}\n"
        'spec: {type: webhook, url: "https://hidden.invalid/"}\n'
    )
