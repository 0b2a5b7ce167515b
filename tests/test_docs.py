"""README, policies and runbooks stay true: what they say is run."""

import inspect
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from drsync import errors
from drsync.cli.main import root
from drsync.policy.explain import explain
from drsync.policy.load import load

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    [ROOT / "README.md", ROOT / "ARCHITECTURE.md", *(ROOT / "runbooks").glob("*.md"), ROOT / "deploy/README.md"]
)
POLICIES = sorted((ROOT / "policies").glob("*.yaml"))
RUNBOOK_HEADINGS = ["Meaning", "Impact", "Diagnosis", "Mitigation", "Verification"]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`(drsync [^`]+)`")


def command_lines(page: Path) -> Iterator[str]:
    """Every `drsync …` that a page shows: in blocks, in crontab lines, and in the text."""
    text = page.read_text()
    for language, block in BLOCK.findall(text):
        for line in block.splitlines():
            at = line.find("drsync ")
            if language != "yaml" and at >= 0 and (line.startswith(("drsync ", "$ drsync ")) or "* * *" in line):
                yield line[at:].partition(" >> ")[0]
    yield from INLINE.findall(BLOCK.sub("", text))


def parse(words: list[str]) -> None:
    """Raises click.UsageError when the real command line would."""
    command: click.Command = root
    context = click.Context(root, info_name="drsync")
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(context, words[0])
        if found is None:
            raise click.UsageError(f"no command {words[0]}")
        command, words = found, words[1:]
    command.make_context("drsync", words, resilient_parsing=False)


PLACEHOLDERS = {"TYPE": "points", "POINT": "rp-2026", "POLICY": "p", "POLICY@latest": "p@latest", "ID": "b-2026"}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_command_line_parses_with_the_real_command_line(page: Path) -> None:
    wrong: list[str] = []
    for line in command_lines(page):
        words = [PLACEHOLDERS.get(word, word) for word in shlex.split(line)[1:]]
        try:
            parse(words)
        except click.UsageError as error:
            wrong.append(f"{line}: {error.format_message()}")

    assert wrong == []


def test_the_readme_shows_commands_at_all() -> None:
    assert len(list(command_lines(ROOT / "README.md"))) > 8


@pytest.mark.parametrize("path", POLICIES, ids=lambda p: p.name)
def test_every_example_policy_loads_and_explains_itself(path: Path) -> None:
    config = load({path.name: path.read_text()}, base=str(path.parent))

    assert config.policies
    for name in config.policies:
        assert any("RPO" in line for line in explain(config, name))


def test_the_readmes_policy_is_the_one_in_the_folder() -> None:
    shown = next(block for language, block in BLOCK.findall((ROOT / "README.md").read_text()) if language == "yaml")

    assert shown in (ROOT / "policies/minimal.yaml").read_text()


def test_every_exit_code_of_an_error_is_in_the_readmes_table() -> None:
    table = (ROOT / "README.md").read_text()
    codes = {
        kind.exit_code
        for kind in vars(errors).values()
        if inspect.isclass(kind) and issubclass(kind, errors.DrsyncError)
    }

    assert all(f"| {code} |" in table for code in codes)


def test_every_error_has_its_place_in_the_runbook() -> None:
    page = (ROOT / "runbooks/errors.md").read_text()
    kinds = {name for name, kind in vars(errors).items() if inspect.isclass(kind)}

    assert {name for name in kinds if f"## {name}\n" not in page} == set()


@pytest.mark.parametrize(
    "path", [p for p in sorted((ROOT / "runbooks").glob("*.md")) if p.name != "errors.md"], ids=lambda p: p.name
)
def test_a_runbook_has_its_five_headings(path: Path) -> None:
    assert re.findall(r"^## (.+)$", path.read_text(), re.MULTILINE) == RUNBOOK_HEADINGS


def test_decisions_are_numbered_once_and_have_their_parts() -> None:
    pages = sorted((ROOT / "docs/decisions").glob("*.md"))
    numbers = [page.name[:4] for page in pages]

    assert numbers == [f"{at:04}" for at in range(1, len(pages) + 1)]
    for page in pages:
        text = page.read_text()
        assert all(f"**{part}" in text for part in ("Status", "Context", "Decision", "Consequences", "Rejected"))


def test_links_between_pages_lead_somewhere() -> None:
    broken = [
        f"{page.name}: {target}"
        for page in [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text())
        if not (page.parent / target).exists()
    ]

    assert broken == []


def test_the_tree_in_architecture_is_the_tree_in_the_folder() -> None:
    page = (ROOT / "ARCHITECTURE.md").read_text()
    names = {p.name for p in (ROOT / "drsync").iterdir() if p.name not in ("__pycache__", "__init__.py")}

    missing = {
        name for name in names if f" {name}" not in page.replace("/", " ") and f"{name.removesuffix('.py')}" not in page
    }
    assert missing == set()
