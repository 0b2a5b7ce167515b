"""YAML text to nodes that know their place, with everything refused that readers of YAML disagree on."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from drsync.policy.fault import Fault, Place

LONGEST_CHARACTERS = 256 * 1024
"""Of one file; a policy is a few KiB."""
DEEPEST = 24
"""Nested collections; the deepest field of the schema is at 11."""
MOST_NODES = 10_000
"""Of one file; keeps the cost of a hostile file well under a second."""
LONGEST_SCALAR = 16 * 1024
MOST_FAULTS = 100
"""Of one file; after that it is not read on."""

Scalar = str | int | float | bool | None

_STRANGE = re.compile(
    # Controls, surrogates, line ends that only YAML 1.1 knows, and what makes text read in another order.
    "[^\t\n\r\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]|[\u2028\u2029\u202a-\u202e\u2066-\u2069]"
)
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})", re.ASCII)
_FLOAT = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,20})?([eE][-+]?[0-9]{1,3})?", re.ASCII)
_MINUTES = re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ].*)?", re.ASCII)
_ODD_NUMBER = re.compile(
    r"[-+]?(0[0-9_]+|0o[0-7_]+|0[xX][0-9a-fA-F_]+|0b[01_]+|\.[0-9][0-9_]*([eE][-+]?[0-9]+)?|[0-9][0-9_]*(\.[0-9_]*)?([eE][-+]?[0-9]+)?)"
    r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
    re.ASCII,
)
_TRUTHS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One value and where it stands. A mapping holds its keys' places too."""

    value: "Scalar | Mapping[str, Node] | tuple[Node, ...]"
    place: Place
    keys: Mapping[str, Place] = field(default_factory=dict[str, Place])

    def child(self, step: str | int) -> "Node | None":
        if isinstance(self.value, Mapping):
            return self.value.get(str(step))
        if isinstance(self.value, tuple) and isinstance(step, int) and step < len(self.value):
            return self.value[step]
        return None

    def plain(self) -> Any:
        """The value without places; lists as tuples."""
        if isinstance(self.value, Mapping):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, tuple):
            return tuple(node.plain() for node in self.value)
        return self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One YAML document of a file."""

    root: Node
    text: str


def read_documents(name: str, text: str, faults: list[Fault]) -> list[Document]:
    """The documents of a file; what is wrong goes to `faults`. After broken syntax the rest is not read."""
    text = text.removeprefix("\ufeff")
    if fault := _unreadable(name, text):
        faults.append(fault)
        return []
    reader = _Reader(name, faults)
    try:
        for event in yaml.parse(text, Loader=_Loader):
            reader.take(event)
    except _TooMuch as refusal:
        faults.append(refusal.fault)
    except yaml.MarkedYAMLError as error:
        faults.append(_syntax(name, error))
    except yaml.YAMLError:
        faults.append(
            Fault(Place(name, 1, 1), "", "The file is not YAML.", "write it as the examples in policies/ are")
        )
    documents = _cut(text, reader)
    if not documents and not faults:
        faults.append(Fault(Place(name, 1, 1), "", "The file holds no document.", "write a policy in it, or remove it"))
    return documents


class _Loader(yaml.CSafeLoader):
    """Only its parser is used: no value is ever built by PyYAML."""


class _TooMuch(Exception):
    def __init__(self, fault: Fault) -> None:
        super().__init__()
        self.fault = fault


@dataclass(slots=True)
class _Open:
    """A collection whose end was not seen yet."""

    place: Place
    is_mapping: bool
    members: list[Node] = field(default_factory=list[Node])
    mapping: dict[str, Node] = field(default_factory=dict[str, Node])
    keys: dict[str, Place] = field(default_factory=dict[str, Place])
    key: str | None = None
    awaits_value: bool = False


class _Reader:
    """Builds nodes from events with a stack of its own, so that depth is counted and never Python's."""

    def __init__(self, name: str, faults: list[Fault]) -> None:
        self.name = name
        self.faults = faults
        self.roots: list[Node] = []
        self.starts: list[int] = []
        self._open: list[_Open] = []
        self._nodes = 0
        self._faults = 0

    def take(self, event: yaml.Event) -> None:
        match event:
            case yaml.DocumentStartEvent():
                self._start(event)
            case yaml.AliasEvent():
                self._refuse(event, f"`*{event.anchor}` repeats another part of the file.", "write the value out")
                self._add(Node(value=None, place=self._place(event)), is_scalar=True)
            case yaml.ScalarEvent():
                self._check(event)
                self._add(Node(value=self._scalar(event), place=self._place(event)), is_scalar=True)
            case yaml.CollectionStartEvent():
                self._check(event)
                self._begin(event)
            case yaml.CollectionEndEvent():
                self._end()
            case _:
                pass

    def _start(self, event: yaml.DocumentStartEvent) -> None:
        self.starts.append(self._place(event).line - 1)
        if event.version or event.tags:
            self._refuse(event, "A %YAML or %TAG line changes how the file is read.", "remove it")

    def _check(self, event: Any) -> None:
        self._nodes += 1
        if self._nodes > MOST_NODES:
            raise _TooMuch(Fault(self._place(event), "", f"The file has more than {MOST_NODES} values.", "split it"))
        if event.anchor:
            self._refuse(event, f"`&{event.anchor}` marks a part to repeat.", "remove it and write values out")
        if event.tag:
            self._refuse(event, f"The tag `{_short(str(event.tag))}` asks for a special type.", "remove it")

    def _scalar(self, event: yaml.ScalarEvent) -> Scalar:
        text = str(event.value)
        if len(text) > LONGEST_SCALAR:
            self._refuse(event, f"A value is longer than {LONGEST_SCALAR} characters.", "shorten it")
            return ""
        top = self._open[-1] if self._open else None
        is_key = top is not None and top.is_mapping and not top.awaits_value
        if event.style or is_key:  # quoted or a block: exactly the text
            return text
        if remedy := surprise(text):
            self._refuse(event, f"`{_short(text)}` means different things to different readers.", remedy)
        return plain_scalar(text)

    def _begin(self, event: yaml.CollectionStartEvent) -> None:
        if len(self._open) >= DEEPEST:
            problem = f"Values are nested more than {DEEPEST} deep."
            raise _TooMuch(Fault(self._place(event), "", problem, "no field is that deep; look for a stray bracket"))
        self._open.append(_Open(place=self._place(event), is_mapping=isinstance(event, yaml.MappingStartEvent)))

    def _end(self) -> None:
        top = self._open.pop()
        value = top.mapping if top.is_mapping else tuple(top.members)
        self._add(Node(value=value, place=top.place, keys=top.keys), is_scalar=False)

    def _add(self, node: Node, *, is_scalar: bool) -> None:
        if not self._open:
            self.roots.append(node)
            return
        top = self._open[-1]
        if not top.is_mapping:
            top.members.append(node)
        elif not top.awaits_value:
            self._add_key(top, node, is_scalar=is_scalar)
        else:
            if top.key is not None:
                top.mapping[top.key] = node
            top.awaits_value = False

    def _add_key(self, top: _Open, node: Node, *, is_scalar: bool) -> None:
        top.awaits_value = True
        top.key = None
        if not is_scalar or not isinstance(node.value, str):
            self._blame(Fault(node.place, "", "A key must be a word.", "write one word before the colon"))
        elif node.value == "<<":
            self._blame(Fault(node.place, "", "`<<` merges another part of the file.", "write the fields out"))
        elif node.value in top.keys:
            first = top.keys[node.value].line
            problem = f"`{_short(node.value)}` is there twice; the first is on line {first}."
            self._blame(Fault(node.place, "", problem, "remove one of them"))
        else:
            top.keys[node.value] = node.place
            top.key = node.value

    def _place(self, event: yaml.Event) -> Place:
        mark = event.start_mark
        return Place(self.name, mark.line + 1, mark.column + 1) if mark else Place(self.name, 1, 1)

    def _refuse(self, event: yaml.Event, problem: str, remedy: str) -> None:
        self._blame(Fault(self._place(event), "", problem, remedy))

    def _blame(self, fault: Fault) -> None:
        self._faults += 1
        if self._faults > MOST_FAULTS:
            raise _TooMuch(
                Fault(fault.place, "", "There are more faults than are worth a list.", "begin with the first")
            )
        self.faults.append(fault)


def plain_scalar(text: str) -> Scalar:
    """An unquoted value, read as JSON would; anything else is text."""
    match text:
        case "" | "null":
            return None
        case "true" | "false":
            return text == "true"
        case _ if _INTEGER.fullmatch(text):
            return int(text)
        case _ if _FLOAT.fullmatch(text):
            return float(text)
        case _:
            return text


def surprise(text: str) -> str:
    """The remedy for an unquoted value that YAML 1.1, YAML 1.2 and JSON read differently; else nothing."""
    if text in {"true", "false", "null", ""}:
        return ""
    if text.lower() in _TRUTHS:
        return f'write true or false, or "{text}" in quotes if it is a text'
    if text in {"~", "Null", "NULL", "=", "<<"}:
        return "leave the line out, or put it in quotes"
    if _INTEGER.fullmatch(text) or _FLOAT.fullmatch(text):
        return ""
    if _ODD_NUMBER.fullmatch(text) or _MINUTES.fullmatch(text) or _DATE.fullmatch(text):
        return "write a plain decimal number, or put it in quotes if it is a text"
    return ""


def _unreadable(name: str, text: str) -> Fault | None:
    if len(text) > LONGEST_CHARACTERS:
        problem = f"The file is larger than {LONGEST_CHARACTERS // 1024} KiB."
        return Fault(Place(name, 1, 1), "", problem, "split it; is it a policy file at all?")
    if strange := _STRANGE.search(text):
        lines = re.split(r"\r\n|\r|\n", text[: strange.start()])
        place = Place(name, len(lines), len(lines[-1]) + 1)
        problem = f"The character U+{ord(strange.group()):04X} has no place in a policy."
        return Fault(place, "", problem, "remove it; the file may be half-written or not UTF-8")
    return None


def _syntax(name: str, error: yaml.MarkedYAMLError) -> Fault:
    mark = error.problem_mark or error.context_mark
    place = Place(name, mark.line + 1, mark.column + 1) if mark else Place(name, 1, 1)
    said = " ".join(part for part in (error.problem, error.context) if part)
    return Fault(place, "", f"This is not YAML: {_short(said)}.", "look at brackets, quotes and indents on and above")


def _cut(text: str, reader: _Reader) -> list[Document]:
    """Pairs each root with its lines; empty documents are dropped."""
    lines = re.split(r"\r\n|\r|\n", text)
    starts = [0, *reader.starts[1:]]
    ends = [*starts[1:], len(lines)]
    return [
        Document(root=root, text=_lines(lines[start:end]))
        for root, start, end in zip(reader.roots, starts, ends, strict=False)
        if root.value is not None
    ]


def _lines(lines: list[str]) -> str:
    body = "\n".join(lines).removeprefix("---").strip("\n")
    return body.removesuffix("\n...").strip("\n") + "\n"


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "…"


def walk(node: Node, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Node]]:
    """Every value below, parents first, with its path."""
    yield path, node
    if isinstance(node.value, Mapping):
        for key, child in node.value.items():
            yield from walk(child, (*path, key))
    elif isinstance(node.value, tuple):
        for index, child in enumerate(node.value):
            yield from walk(child, (*path, index))
