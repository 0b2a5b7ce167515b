"""`python -m drsync` and the `drsync` command."""

import sys

from drsync.cli.main import main as run


def main() -> int:
    return run()


if __name__ == "__main__":
    sys.exit(main())
