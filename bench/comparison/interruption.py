"""Programs that stop what they have started when they are interrupted."""

import signal
import subprocess
from collections.abc import Callable

from comparison.speech import say

EXIT_INTERRUPTED = 130


def run_to_end(name: str, exit_failure: int, work: Callable[[], int]) -> int:
    """Runs the work of a program and returns its exit code. A signal raises an exception in the work."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    try:
        return work()
    except KeyboardInterrupt:
        say("interrupted")
        return EXIT_INTERRUPTED
    except (RuntimeError, subprocess.SubprocessError, OSError) as error:
        say(f"{name}: {error}")
        return exit_failure


def interrupt(_number: int, _frame: object) -> None:
    """Raises the exception on which everything is stopped."""
    raise KeyboardInterrupt
