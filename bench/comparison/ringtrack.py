"""Ringtrack with its defaults and a log in JSON."""

from collections.abc import Callable

from comparison.paths import BUILD
from comparison.setup import Setup


Command = tuple[list[str], dict[str, str]]
PROGRAM = BUILD / "ringtrack"
# The server that is an earlier build of ringtrack.
BEFORE = "before"


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


def of_before(command: Callable[[Setup], Command]) -> Callable[[Setup], Command]:
    """Returns the same command for the earlier build."""
    def with_other_program(setup: Setup) -> Command:
        assert setup.before
        return [str(setup.before)], command(setup)[1]
    return with_other_program
