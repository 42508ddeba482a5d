"""Progress on the standard error; results go to the standard output."""

import sys


def say(text: str) -> None:
    """Prints a line at once."""
    print(text, file=sys.stderr, flush=True)
