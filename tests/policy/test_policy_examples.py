"""The example policies load, each alone and all together."""

from pathlib import Path

import pytest

from drsync.policy.explain import explain
from drsync.policy.load import bundle, load

FOLDER = Path(__file__).parents[2] / "policies"
EXAMPLES = sorted(path.name for path in FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_loads_alone(name: str) -> None:
    config = load({name: (FOLDER / name).read_bytes()}, base=str(FOLDER))

    assert config.policies
    assert all(explain(config, policy) for policy in config.policies)
    assert all(load({"kept.yaml": bundle(config, policy)}).policies for policy in config.policies)


def test_the_examples_load_together() -> None:
    config = load({name: (FOLDER / name).read_bytes() for name in EXAMPLES}, base=str(FOLDER))

    assert len(config.policies) >= 2


def test_the_least_example_is_eight_lines_and_a_few_comments() -> None:
    first = (FOLDER / "minimal.yaml").read_text().split("---\n")[0].splitlines()

    assert len([line for line in first if not line.startswith("#")]) == 8
