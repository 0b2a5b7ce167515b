"""What goes to standard output: tables for people, documents for programs."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

FORMATS: Final = ("table", "wide", "json", "yaml", "name", "jsonl")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a table."""

    title: str
    cell: Callable[[Mapping[str, Any]], str]
    wide: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Rows of one type. A row is the JSON that programs get; columns say what people see of it."""

    schema: str
    """`drsync.points/v1`; only ever grows."""
    kind: str
    """What `-o name` puts before each name: `point`."""
    rows: Sequence[Mapping[str, Any]]
    columns: Sequence[Column]
    empty: str
    """A sentence for when there is no row."""
    extra: Mapping[str, Any] = field(default_factory=dict[str, Any])


def print_listing(listing: Listing, output: str, *, headers: bool = True) -> None:
    """Writes the rows in the wanted format."""
    match output:
        case "json":
            write(json.dumps({"schema": listing.schema, "items": list(listing.rows), **listing.extra}, indent=2))
        case "jsonl":
            for row in listing.rows:
                write(json.dumps({"schema": listing.schema, **row}))
        case "yaml":
            write(as_yaml({"schema": listing.schema, "items": list(listing.rows), **listing.extra}))
        case "name":
            for row in listing.rows:
                write(f"{listing.kind}/{row['name']}")
        case _:
            _print_table(listing, wide=output == "wide", headers=headers)


def print_document(document: Mapping[str, Any], output: str, text: Callable[[], str]) -> None:
    """Writes one thing: as data, or as the text that people read."""
    match output:
        case "json":
            write(json.dumps(document, indent=2))
        case "jsonl":
            write(json.dumps(document))
        case "yaml":
            write(as_yaml(document))
        case "name":
            write(str(document.get("name", "")))
        case _:
            write(text())


def as_yaml(value: Any) -> str:
    import yaml  # noqa: PLC0415 - 20 ms that few calls need

    return yaml.safe_dump(json.loads(json.dumps(value)), sort_keys=False, allow_unicode=True, width=120).rstrip()


def as_table(titles: Sequence[str], rows: Sequence[Sequence[str]], *, headers: bool = True) -> str:
    """Columns as wide as their widest cell, two spaces between, nothing after the last."""
    lines = [list(titles), *rows] if headers else list(rows)
    widths = [max((len(line[at]) for line in lines), default=0) for at in range(len(titles))]
    padded = ("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines)
    return "\n".join(padded)


def write(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def tell(text: str) -> None:
    """A line for the person at the terminal, beside the results."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def _print_table(listing: Listing, *, wide: bool, headers: bool) -> None:
    if not listing.rows:
        tell(listing.empty)
        return
    columns = [c for c in listing.columns if wide or not c.wide]
    rows = [[c.cell(row) for c in columns] for row in listing.rows]
    write(as_table([c.title for c in columns], rows, headers=headers))
