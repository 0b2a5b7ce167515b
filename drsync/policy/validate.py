"""One document against the model of its kind; pydantic's errors become sentences with a place and a remedy."""

from collections.abc import Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from drsync.policy.document import MOST_FAULTS, Document, Node, walk
from drsync.policy.fault import Fault, Path, closest, printable, spell_path
from drsync.policy.fields import REFUSED_VALUES, Effect, field_name, row_of
from drsync.policy.schema.channel import ChannelFile
from drsync.policy.schema.cluster import ClusterFile
from drsync.policy.schema.plan import PlanFile
from drsync.policy.schema.protection import ProtectionFile
from drsync.policy.schema.store import StoreFile

PolicyFile = StoreFile | ClusterFile | ProtectionFile | ChannelFile | PlanFile

MODELS: Mapping[str, type[StoreFile | ClusterFile | ProtectionFile | ChannelFile | PlanFile]] = {
    "BackupStore": StoreFile,
    "ClusterTarget": ClusterFile,
    "ProtectionPolicy": ProtectionFile,
    "NotifyChannel": ChannelFile,
    "RecoveryPlan": PlanFile,
}

_TYPE_NAMES: tuple[tuple[type, str], ...] = (
    (bool, "true or false"),
    (str, "a text"),
    (int, "a number"),
    (float, "a number with a point"),
    (tuple, "a list"),
    (dict, "a mapping"),
)

_WANTED = {
    "string_type": ("must be a text", "put it in quotes"),
    "bool_type": ("must be true or false", "write true or false, without quotes"),
    "int_type": ("must be a whole number", "write it in digits, without quotes"),
    "tuple_type": ("must be a list", "write [one, two], or one to a line behind -"),
    "dict_type": ("must be a mapping", "write {field: value}, or one field to a line"),
    "model_type": ("must be a mapping", "write {field: value}, or one field to a line"),
}


def validate(document: Document) -> tuple[PolicyFile | None, list[Fault]]:
    """The parsed document, None where its shape is wrong, and all that is wrong with it."""
    root = document.root
    if not isinstance(root.value, Mapping):
        return None, [
            Fault(root.place, "", "A policy file holds mappings.", "begin with apiVersion, kind and metadata")
        ]
    kind = kind_of(root)
    if kind not in MODELS:
        return None, [_unknown_kind(root)]
    faults = _refused(kind, root)
    try:
        return MODELS[kind].model_validate(root.plain()), faults
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=True, include_input=True)
        return None, faults + [_fault(MODELS[kind], root, detail) for detail in details[:MOST_FAULTS]]


def kind_of(root: Node) -> str:
    node = root.child("kind")
    return node.value if node is not None and isinstance(node.value, str) else ""


def name_of(root: Node) -> str:
    """`metadata.name`, if it is there at all."""
    metadata = root.child("metadata")
    node = metadata.child("name") if metadata is not None else None
    return node.value if node is not None and isinstance(node.value, str) else ""


def find(root: Node, path: Path) -> Node:
    """The node at the path, or the last one on the way to it."""
    node = root
    for step in path:
        child = node.child(step)
        if child is None:
            return node
        node = child
    return node


def _unknown_kind(root: Node) -> Fault:
    node = root.child("kind")
    kinds = ", ".join(MODELS)
    if node is None:
        return Fault(root.place, "kind", "The document has no kind.", f"add one of {kinds}")
    close = closest(kind_of(root), MODELS)
    remedy = f"did you mean {close}?" if close else f"use one of {kinds}"
    return Fault(node.place, "kind", f"`{printable(kind_of(root))}` is not a kind of policy file.", remedy)


def _refused(kind: str, root: Node) -> list[Fault]:
    """What the table of fields refuses; once at the top of what is refused."""
    faults: list[Fault] = []
    done: list[Path] = []
    for path, node in walk(root):
        if any(path[: len(above)] == above for above in done):
            continue
        field = field_name(kind, path)
        row = row_of(field)
        if row is not None and row.effect is Effect.REFUSED:
            done.append(path)
            faults.append(Fault(node.place, spell_path(path), f"is refused: {row.reason}.", row.remedy))
        elif isinstance(node.value, str) and (field, node.value) in REFUSED_VALUES:
            reason, remedy = REFUSED_VALUES[field, node.value]
            faults.append(Fault(node.place, spell_path(path), f"`{node.value}` is refused: {reason}.", remedy))
    return faults


def _fault(model: type[BaseModel], root: Node, detail: ErrorDetails) -> Fault:
    path = _real_path(root, detail["loc"])
    node = find(root, path)
    problem, remedy = _sentence(model, path, detail)
    place = node.place
    if detail["type"] == "extra_forbidden" and path:
        place = find(root, path[:-1]).keys.get(str(path[-1]), place)
    return Fault(place, spell_path(path), problem, remedy)


def _real_path(root: Node, loc: Path) -> Path:
    """Without the steps that name a member of a union or a key of a map rather than a place in the file."""
    path: list[str | int] = []
    node: Node | None = root
    for index, step in enumerate(loc):
        child = node.child(step) if node is not None else None
        if child is None and (index < len(loc) - 1 or _is_tag(step)):
            continue
        path.append(step)
        node = child
    return tuple(path)


def _is_tag(step: str | int) -> bool:
    return isinstance(step, str) and (step == "[key]" or "[" in step or step in {"str", "int", "float", "bool"})


def _sentence(model: type[BaseModel], path: Path, detail: ErrorDetails) -> tuple[str, str]:
    context: dict[str, Any] = detail.get("ctx", {})
    match detail["type"]:
        case "wrong":
            return context["problem"], context["remedy"]
        case "missing":
            return "is missing.", "add it"
        case "extra_forbidden":
            return _unknown_field(model, path)
        case _ if detail["input"] is None:
            return "is empty.", "give it a value, or remove the line"
        case "literal_error":
            return _choice(str(context["expected"]), detail["input"])
        case kind if kind in _WANTED:
            wanted, remedy = _WANTED[kind]
            return f"{wanted}, and is {_type_name(detail['input'])}.", remedy
        case "too_short" | "string_too_short":
            return "is empty.", "name at least one"
        case _:
            return f"{detail['msg'][:1].lower()}{detail['msg'][1:]}.", "write a value within these limits"


def _type_name(value: object) -> str:
    return next((name for type_, name in _TYPE_NAMES if isinstance(value, type_)), "something else")


def _choice(expected: str, value: object) -> tuple[str, str]:
    choices = expected.replace("'", "").replace(" or ", ", ").split(", ")
    close = closest(value, choices) if isinstance(value, str) else None
    shown = f"`{printable(value)}`" if isinstance(value, str) else _type_name(value)
    if close:
        return f"{shown} is not a choice here.", f"did you mean {close}?"
    return f"{shown} is not a choice here.", f"write {' or '.join(choices)}"


def _unknown_field(model: type[BaseModel], path: Path) -> tuple[str, str]:
    name = printable(str(path[-1])) if path else ""
    known = _fields_at(model, path[:-1])
    close = closest(name, known)
    remedy = f"did you mean {close}?" if close else f"use one of {', '.join(known)}" if known else "remove it"
    return f"`{name}` is not a field here.", remedy


def _fields_at(model: type[BaseModel], path: Path) -> list[str]:
    """The names that fields below the path may have."""
    here: type[BaseModel] | None = model
    for step in path:
        if isinstance(step, int) or here is None:
            continue
        here = next((inner_model(f.annotation) for f in here.model_fields.values() if f.alias == step), None)
    return [field.alias or "" for field in here.model_fields.values()] if here is not None else []


def inner_model(annotation: Any) -> type[BaseModel] | None:
    """The model inside `Model | None`, `tuple[Model, ...]` and the like."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := inner_model(part)) is not None), None)
