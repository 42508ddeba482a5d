"""Ringtrack: its defaults, with a log that can be read."""

from collections.abc import Callable

from comparison.paths import BUILD
from comparison.setup import Setup


Command = tuple[list[str], dict[str, str]]
PROGRAM = BUILD / "ringtrack"
# The server that is an earlier build of it.
BEFORE = "before"


def command(setup: Setup) -> Command:
    """How it is started for a setup."""
    return [str(PROGRAM)], {
        "RINGTRACK_UDP_LISTEN": setup.address(),
        # Its port is the same for all. Where HTTP is measured, the scenario says where.
        "RINGTRACK_HTTP_LISTEN": "[]",
        "RINGTRACK_HEALTH_CHECK_API_LISTEN": "[]",
        "RINGTRACK_WORKERS_CORES": str(setup.cores),
        "RINGTRACK_STATISTICS_INTERVAL_S": "0",
        "RINGTRACK_LOG_FORMAT": "json",
        "RINGTRACK_LATENCY_DIRECTORY": str(setup.folder),
        **setup.environment,
    }


def of_before(command: Callable[[Setup], Command]) -> Callable[[Setup], Command]:
    """The same command for the build before."""
    def with_other_program(setup: Setup) -> Command:
        assert setup.before
        return [str(setup.before)], command(setup)[1]
    return with_other_program
