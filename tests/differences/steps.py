"""Steps of a plan: requests of virtual clients, and what is needed to read their answers."""

import random
from dataclasses import dataclass, field
from enum import Enum

# The first client's address ends with this number: .1 is the tracker's own.
FIRST_HOST = 2
HOSTS = 250
LETTERS = "abcdefghijklmnopqrstuvwxyz"
# Clients of all episodes but the crowd.
CLIENTS = 8


class Family(Enum):
    """An address family, with the tracker's address."""

    V4 = "127.0.0.1"
    V6 = "::1"

    def client(self, number: int) -> str:
        """Returns the address of a client. The loopback interface has a single address of IPv6."""
        return f"127.0.{number // HOSTS}.{FIRST_HOST + number % HOSTS}" if self is Family.V4 else self.value

    def in_url(self) -> str:
        """Returns the tracker's address as in a URL."""
        return self.value if self is Family.V4 else f"[{self.value}]"


@dataclass(frozen=True)
class Peer:
    """A client in a swarm. Its port and its id are those of no other peer of the plan."""

    name: str
    client: int
    port: int
    peer_id: bytes


@dataclass
class Torrent:
    """A torrent of one episode, whose peers are named by letters in the order in which they are first mentioned."""

    info_hash: bytes
    peers: list[Peer] = field(default_factory=list)


class Ids:
    """Draws info hashes and peers that differ within a plan."""

    def __init__(self, source: random.Random) -> None:
        self.source = source
        self.ports = iter(source.sample(range(10_000, 60_000), 5_000))

    def torrent(self, first: bytes) -> Torrent:
        """Returns a torrent without peers, whose info hash starts with these bytes."""
        return Torrent(first + self.source.randbytes(20 - len(first)))

    def peer(self, torrent: Torrent, client: int) -> Peer:
        """Returns another peer of a torrent, at a client."""
        number = len(torrent.peers)
        name = LETTERS[number] if number < len(LETTERS) else f"peer-{number}"
        peer = Peer(name, client, next(self.ports), b"-DF0100-" + self.source.randbytes(12))
        torrent.peers.append(peer)
        return peer

    def peers(self, torrent: Torrent, number: int) -> list[Peer]:
        """Returns this many peers of a torrent, each at another client."""
        return [self.peer(torrent, client) for client in self.source.sample(range(CLIENTS), number)]


@dataclass(frozen=True)
class View:
    """What an answer is about."""

    torrent: Torrent
    # The peer that announces, whether it is a seeder, and whether it stops.
    me: Peer | None = None
    is_seeder: bool = False
    stops: bool = False
    # Names of the seeders in the swarm.
    seeders: frozenset[str] = frozenset()
    # Whether the tracker has to choose some of the peers: then only their number can be compared.
    is_choice: bool = False
    # Whether the downloads are drawn.
    is_drawn: bool = False
    # Torrents of a scrape, in order.
    scraped: tuple[Torrent, ...] = ()


class Proof(Enum):
    """The connection id of a datagram."""

    OWN = "its own"
    OTHERS = "that of another address"
    RANDOM = "one that no tracker has made"
    PROTOCOL = "the constant of a connect"


@dataclass(frozen=True)
class Datagram:
    """A request over UDP after its connection id. Without an action it ends there."""

    proof: Proof
    action: int
    body: bytes
    # Bytes that are sent of it; None for all.
    cut: int | None = None


@dataclass(frozen=True)
class Http:
    """Requests on one HTTP connection, as sent, and how many answers they should get."""

    text: bytes
    answers: int = 1


@dataclass(frozen=True)
class WsMessage:
    """A message on the WebSocket of a peer, which is opened if it is not open."""

    socket: str
    payload: bytes
    is_binary: bool = False


@dataclass(frozen=True)
class WsClose:
    """The end of a WebSocket, without a close frame or with it."""

    socket: str


Request = Datagram | Http | WsMessage | WsClose


@dataclass(frozen=True)
class Step:
    """A request of a client. The kind says what is sent, in the words of docs/DIFFERENCES.md."""

    kind: str
    client: int
    request: Request
    view: View
