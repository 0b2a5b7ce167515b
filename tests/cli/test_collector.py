"""What the import of a command does to the garbage collector."""

import subprocess
import sys

_SCRIPT = """
import gc
from drsync.cli.main import main
code = main(["version"])
assert code == 0, code
print(gc.isenabled(), gc.get_freeze_count() > 10_000)
"""


def test_the_collector_is_on_again_and_spared_what_a_command_imported() -> None:
    done = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout.splitlines()[-1] == "True True"
