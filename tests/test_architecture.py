"""The shape of the tree: sizes, start-up cost, and one room for each thing."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "drsync"
LINES_A_FILE = 400
LINES_A_FUNCTION = 50
LINES_A_CLASS = 250
PUBLIC_METHODS = 12
BANNED_NAMES = {"core", "common", "utils", "util", "helpers", "helper", "base", "misc"}
HEAVY = ("boto3", "botocore", "kubernetes", "pydantic", "structlog", "aiohttp", "urllib3", "msgspec", "yaml")


def sources() -> Iterator[Path]:
    yield from sorted(PACKAGE.rglob("*.py"))


def body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> int:
    """Lines without the docstring and without decorators, which are options where click is used."""
    first = node.body[0]
    is_doc = (
        isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    )
    start = (first.end_lineno or 0) if is_doc else node.lineno
    return (node.end_lineno or 0) - start


def is_public_method(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.FunctionDef)
        and not node.name.startswith("_")
        and not any(isinstance(d, ast.Name) and d.id == "property" for d in node.decorator_list)
    )


@pytest.mark.parametrize("path", list(sources()), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_file_answers_one_question_in_little_space(path: Path) -> None:
    text = path.read_text()
    tree = ast.parse(text)

    too_long = [
        f"{node.name}: {body_lines(node)} lines"
        for node in ast.walk(tree)
        if (isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and body_lines(node) > LINES_A_FUNCTION)
        or (isinstance(node, ast.ClassDef) and body_lines(node) > LINES_A_CLASS)
    ]

    assert text.count("\n") <= LINES_A_FILE
    assert ast.get_docstring(tree), "a module says what it is for"
    assert too_long == []


def test_no_class_is_a_folder_in_disguise() -> None:
    crowded = [
        f"{path.name}: {node.name}"
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef) and sum(is_public_method(n) for n in node.body) > PUBLIC_METHODS
    ]

    assert crowded == []


def test_no_package_is_called_by_what_did_not_fit_elsewhere() -> None:
    names = {path.stem for path in sources()} | {path.name for path in PACKAGE.rglob("*") if path.is_dir()}

    assert names & BANNED_NAMES == set()


def test_help_imports_nothing_heavy() -> None:
    script = "import sys, drsync.cli.main as m; m.main(['--help']); print(*sys.modules, file=sys.stderr)"

    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    loaded = set(ran.stderr.split())
    assert loaded.isdisjoint(HEAVY)
    assert "drsync.cli.main" in loaded


def test_broad_excepts_stand_in_their_three_places_alone() -> None:
    broad = [
        str(path.relative_to(PACKAGE))
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler)
        and isinstance(node.type, ast.Name)
        and node.type.id in ("Exception", "BaseException")
        and not isinstance(node.body[-1], ast.Raise)
    ]

    assert set(broad) <= {"engine/executor.py", "cli/main.py", "daemon/captures.py", "mover.py"}
