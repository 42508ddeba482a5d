"""Protocols of a load, and its options over HTTP."""

from enum import Enum

# Where servers are unless a scenario says otherwise.
HERE = "127.0.0.1"


class Protocol(Enum):
    """A protocol, with the scheme of its URLs."""

    UDP = "udp"
    HTTP = "http"
    HTTPS = "https"
    WS = "ws"
    WSS = "wss"

    def target(self, port: int, host: str = HERE) -> str:
        """Returns the target at a port of this machine."""
        here = f"{host}:{port}"
        return here if self is Protocol.UDP else f"{self.value}://{here}/announce"

    def has_tls(self) -> bool:
        """Returns whether connections are encrypted."""
        return self in (Protocol.HTTPS, Protocol.WSS)

    def is_websocket(self) -> bool:
        """Returns whether messages are those of WebTorrent."""
        return self in (Protocol.WS, Protocol.WSS)


class Wait(Enum):
    """How a load over HTTP waits while nothing is due, as named by the load generator."""

    SPIN = "spin"
    # With a priority that wakes it before all others of its core.
    SLEEP = "sleep"


class Connection(Enum):
    """How connections over HTTP are used, as named by the load generator."""

    KEEP_ALIVE = "keep-alive"
    PER_REQUEST = "per-request"
