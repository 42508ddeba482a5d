"""What is said to the person who waits; results go to the standard output."""

import sys


def say(text: str) -> None:
    """One line, at once."""
    print(text, file=sys.stderr, flush=True)
