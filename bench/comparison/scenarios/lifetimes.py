"""Settings of ringtrack with which peers expire during a run."""

# The shortest lifetime that the configuration allows, which needs the shortest interval.
SHORTEST_S = 120


def lifetime(seconds: int) -> dict[str, str]:
    """Returns the environment for peers that expire after this long."""
    return {
        "RINGTRACK_ANNOUNCE_INTERVAL_S": "60",
        "RINGTRACK_ANNOUNCE_INTERVAL_JITTER_PERCENT": "0",
        "RINGTRACK_ANNOUNCE_PEER_LIFETIME_S": str(seconds),
    }
