"""The requirements on a server, and a running server."""

from dataclasses import dataclass, field
from pathlib import Path

from comparison.load import Population
from comparison.protocols import HERE, Protocol


@dataclass(frozen=True)
class Setup:
    """The requirements of a scenario on a server."""

    port: int
    folder: Path
    population: Population
    cores: list[int]
    echo_peers: int = 30
    protocol: Protocol = Protocol.UDP
    # Bytes of each response of a floor over HTTP, head and body.
    answer_bytes: int = 0
    # Connections that a server must have room for; with None, ringtrack keeps its defaults.
    connections: int | None = 1024
    # Settings of ringtrack only.
    environment: dict[str, str] = field(default_factory=dict)
    # The build that ringtrack is compared with.
    before: Path | None = None
    # Where it runs: its address, and the starts of commands there and at the load's side.
    host: str = HERE
    around_server: tuple[str, ...] = ()
    around_load: tuple[str, ...] = ()

    def address(self) -> str:
        """Returns the address, on this machine only."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Running:
    """A running server."""

    name: str
    pid: int
    port: int
    log: Path
