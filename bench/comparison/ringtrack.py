"""Ringtrack with its defaults and a log in JSON."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

from comparison.paths import BUILD
from comparison.setup import Setup


Command = tuple[list[str], dict[str, str]]
PROGRAM = BUILD / "ringtrack"
# The server that is an earlier build of ringtrack.
BEFORE = "before"
ANSWER_S_MAX = 10


def command(setup: Setup) -> Command:
    """Returns the command and environment for a setup."""
    return [str(PROGRAM)], {
        "RINGTRACK_UDP_LISTEN": setup.address(),
        # The default port would be the same for all. Scenarios over HTTP set the address.
        "RINGTRACK_HTTP_LISTEN": "[]",
        "RINGTRACK_HEALTH_CHECK_API_LISTEN": "[]",
        "RINGTRACK_METRICS_LISTEN": "[]",
        "RINGTRACK_WORKERS_CORES": str(setup.cores),
        "RINGTRACK_STATISTICS_INTERVAL_S": "0",
        "RINGTRACK_LOG_FORMAT": "json",
        "RINGTRACK_LATENCY_DIRECTORY": str(setup.folder),
        **setup.environment,
    }


def known(settings: dict[str, str], program: Path = PROGRAM) -> dict[str, str]:
    """Returns the settings that a build has, so that builds without some of them can be compared."""
    shown = subprocess.run([program, "default-config"], capture_output=True, text=True, check=True, timeout=ANSWER_S_MAX)
    names, section = set(), ""
    for line in shown.stdout.splitlines():
        if found := re.match(r"\[(\w+)\]$", line):
            section = found.group(1)
        elif found := re.match(r"#?(\w+) = ", line):
            names.add(f"RINGTRACK_{section}_{found.group(1)}".upper())
    return {name: value for name, value in settings.items() if name in names}


def has_command(name: str, program: Path = PROGRAM) -> bool:
    """Returns whether a build has a command."""
    shown = subprocess.run([program, "help"], capture_output=True, text=True, check=True, timeout=ANSWER_S_MAX)
    return re.search(rf"^  {name}\b", shown.stdout, re.MULTILINE) is not None


def of_before(command: Callable[[Setup], Command]) -> Callable[[Setup], Command]:
    """Returns the same command for the earlier build."""
    def with_other_program(setup: Setup) -> Command:
        assert setup.before
        return [str(setup.before)], command(setup)[1]
    return with_other_program
