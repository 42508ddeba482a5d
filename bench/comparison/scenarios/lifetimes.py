"""Settings of ringtrack that let peers expire while one waits for it."""

# The shortest lifetime that the configuration allows, which needs the shortest interval.
SHORTEST_S = 120


def lifetime(seconds: int) -> dict[str, str]:
    """The environment for peers that are forgotten after so long."""
    return {
        "RINGTRACK_ANNOUNCE_INTERVAL_S": "60",
        "RINGTRACK_ANNOUNCE_INTERVAL_JITTER_PERCENT": "0",
        "RINGTRACK_ANNOUNCE_PEER_LIFETIME_S": str(seconds),
    }
