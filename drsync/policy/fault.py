"""One thing that is wrong in a policy file, and where."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Counted from one, as editors do."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """Problem and remedy are for people, and never show a value that may be secret."""

    place: Place
    path: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        path = f"{self.path}: " if self.path else ""
        return f"{self.place}: {path}{self.problem} → {self.remedy}"


def spell_path(path: Path) -> str:
    """`spec.copies[0].store`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{printable(step)}" if text else printable(step)
    return text


def printable(text: str, longest: int = 60) -> str:
    """On one line, and short, whatever it was."""
    shown = "".join(c if c.isprintable() else "?" for c in text[:longest])
    return shown if len(text) <= longest else shown + "…"


def closest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant: the same letters in another order, or nearly the same."""
    words = list(known)
    swapped = [other for other in words if len(other) == len(word) and sorted(other) == sorted(word)]
    return next(iter(swapped or get_close_matches(word[:60], words, n=1)), None)


def summary(faults: Sequence[Fault], most: int = 50) -> str:
    """Each fault once and in order of place, one a line."""
    ordered = sorted(set(faults))
    lines = [str(fault) for fault in ordered[:most]]
    if len(ordered) > most:
        lines.append(f"… and {len(ordered) - most} more")
    return "\n".join(lines)
