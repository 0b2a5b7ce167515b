"""The demo as `make demo` runs it, and every command that it prints, as printed."""

import shutil
import subprocess
import sys
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("demo")]

PROGRAM = str(Path(sys.executable).parent / "drsync")


@dataclass(frozen=True)
class Shown:
    place: Path
    code: int
    text: str

    @property
    def commands(self) -> list[str]:
        """What it says to go on with, up to the commands that end it."""
        lines = self.text.partition("Go on by hand:\n")[2].partition("End it:\n")[0].splitlines()
        return [line.strip() for line in lines if line.startswith("  ")]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Generator[Shown]:
    place = tmp_path_factory.mktemp("desk")
    ran = subprocess.run([PROGRAM, "demo"], cwd=place, capture_output=True, text=True, timeout=240)
    yield Shown(place, ran.returncode, ran.stderr)
    for part in ("demo/sandbox", "demo/third", "fresh"):
        subprocess.run([PROGRAM, "sandbox", "down", "--dir", part], cwd=place, check=True, timeout=60)


def shell(shown: Shown, line: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(line, shell=True, cwd=shown.place, capture_output=True, text=True, timeout=120)


def test_the_demo_ends_well_and_proves_that_the_data_are_equal(shown: Shown) -> None:
    assert shown.code == 0, shown.text
    assert shown.text.count("equal  volume") == 2
    assert "DIFFERENT" not in shown.text


def test_every_printed_command_works_as_printed(shown: Shown) -> None:
    assert len(shown.commands) >= 10

    for line in shown.commands:
        ran = shell(shown, line)

        assert ran.returncode == 0, f"{line}\n{ran.stderr}"
        assert ran.stdout.strip(), line


def test_the_store_and_the_key_copied_elsewhere_are_enough_and_without_the_key_it_is_12(
    shown: Shown, tmp_path: Path
) -> None:
    shutil.copytree(shown.place / "demo" / "store", tmp_path / "store")
    shutil.copy(shown.place / "demo" / "drsync.key", tmp_path / "kept.key")
    up = subprocess.run([PROGRAM, "sandbox", "up", "fresh", "--dir", str(shown.place / "fresh")], timeout=60)
    restore = (
        f"KUBECONFIG={shown.place}/fresh/fresh/kubeconfig {PROGRAM} restore shop@latest --to context/fresh "
        f"--local-volumes --from-store {(tmp_path / 'store').as_uri()}"
    )

    without_key = shell(shown, restore)
    with_key = shell(shown, f"{restore} --key-file {tmp_path / 'kept.key'}")

    assert up.returncode == 0
    assert without_key.returncode == 12
    assert with_key.returncode == 0, with_key.stderr
    assert "COMPLETE" in with_key.stdout
