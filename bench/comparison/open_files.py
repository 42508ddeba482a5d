"""The limit of open files. Every connection needs one."""

import resource

from comparison.speech import say

# More than any scenario needs.
OPEN_FILES = 200_000


def allow_open_files() -> None:
    """Raises the limit of this process and its children, above the hard limit if permitted."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, OPEN_FILES), max(hard, OPEN_FILES)))
    except (OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        say(f"a process can have at most {hard:,} open files here, and as many connections")


def open_files_max() -> int:
    """Returns the limit of open files of a child process."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
