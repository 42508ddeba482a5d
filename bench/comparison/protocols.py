"""What is spoken with a server."""

from enum import Enum


class Protocol(Enum):
    """With the scheme of its URLs."""

    UDP = "udp"
    HTTP = "http"
    HTTPS = "https"

    def target(self, port: int) -> str:
        """On this machine only."""
        here = f"127.0.0.1:{port}"
        return here if self is Protocol.UDP else f"{self.value}://{here}/announce"


class Wait(Enum):
    """What a load over HTTP does while nothing is due, as the load generator calls it."""

    SPIN = "spin"
    # And is woken before all others of its core.
    SLEEP = "sleep"


class Connection(Enum):
    """What a connection over HTTP is used for, as the load generator calls it."""

    KEEP_ALIVE = "keep-alive"
    PER_REQUEST = "per-request"
