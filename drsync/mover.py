"""The mover: one job on standard input, lines of JSON on standard output, and no longer than its parent."""


def main() -> int:
    """Runs the job; returns its exit code."""
    raise NotImplementedError
