"""The limit on open files, which every connection takes one of."""

import resource

from comparison.speech import say

# More than any scenario needs.
OPEN_FILES = 200_000


def allow_open_files() -> None:
    """For us and all that we start. Who is allowed to go above the hard limit does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, OPEN_FILES), max(hard, OPEN_FILES)))
    except (OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        say(f"a process has {hard:,} open files at most here, and as many connections")


def open_files_max() -> int:
    """What a process that we start may have open."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
