"""Ringtrack: its defaults, with a log that can be read."""

from comparison.paths import BUILD
from comparison.setup import Setup


def command(setup: Setup) -> tuple[list[str], dict[str, str]]:
    """How it is started for a setup."""
    return [str(BUILD / "ringtrack")], {
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
