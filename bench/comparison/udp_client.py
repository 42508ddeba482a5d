"""A client over UDP (BEP 15) for single questions, whose answers are read in full."""

import contextlib
import os
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from comparison.network import Loopback, Network

# As clients do, a request without an answer is repeated.
TRIES, TRY_S = 4, 0.5
PROTOCOL_ID = 0x41727101980
CONNECT, ANNOUNCE, SCRAPE = 0, 1, 2
NONE, COMPLETED, STARTED = 0, 1, 2
SCRAPE_MAX = 70
# The option with a path (BEP 41).
URL_DATA = 2
# An id is used for this long.
ID_S = 55


class NoAnswer(RuntimeError):
    """The tracker did not answer in all tries."""


@dataclass
class UdpClient:
    """A client with one source address."""

    network: Network | Loopback
    ip: str
    port: int
    # The path of the tracker's URL, which announces carry.
    path: str = ""
    connected_s: float = field(default=float("-inf"), init=False)
    connection_id: bytes = field(default=b"", init=False)

    def __post_init__(self) -> None:
        """Opens the socket."""
        self.socket = self.network.udp_socket(self.ip)
        self.socket.connect((self.network.server_ip, self.port))

    def announce(self, info_hash: bytes, peer_port: int, left: int = 1, event: int = NONE, numwant: int = 50,
                 uploaded: int = 0) -> list[tuple[str, int]]:
        """Announces a peer of this address, and returns the peers in the answer."""
        peer_id = b"-RB0100-" + struct.pack(">4sHHI", bytes(map(int, self.ip.split("."))), peer_port, 0, 0)
        body = info_hash + peer_id + struct.pack(">QQQIIIiH", 0, left, uploaded, event, 0, 0, numwant, peer_port)
        if self.path:
            body += bytes((URL_DATA, len(self.path))) + self.path.encode()
        answer = self.ask(ANNOUNCE, body)[12:]
        return [(".".join(map(str, answer[at:at + 4])), int.from_bytes(answer[at + 4:at + 6], "big"))
                for at in range(0, len(answer), 6)]

    def scrape(self, info_hashes: list[bytes]) -> list[tuple[int, int, int]]:
        """Returns the seeders, completed downloads and leechers of torrents."""
        found = []
        for first in range(0, len(info_hashes), SCRAPE_MAX):
            answer = self.ask(SCRAPE, b"".join(info_hashes[first:first + SCRAPE_MAX]))
            found += list(struct.iter_unpack(">III", answer))
        return found

    def ask(self, action: int, body: bytes) -> bytes:
        """Returns an answer without its head."""
        for _ in range(TRIES):
            with contextlib.suppress(NoAnswer):
                return self.exchange(self.id() + struct.pack(">I", action), action, body)
        raise NoAnswer(f"the tracker has not answered {self.ip} in {TRIES} tries")

    def id(self) -> bytes:
        """Returns a connection id that is not too old."""
        if time.monotonic() - self.connected_s > ID_S:
            self.connection_id = self.exchange(struct.pack(">QI", PROTOCOL_ID, CONNECT), CONNECT, b"")
            self.connected_s = time.monotonic()
        return self.connection_id

    def exchange(self, head: bytes, action: int, body: bytes) -> bytes:
        """Sends a request once and waits for its answer."""
        transaction = os.urandom(4)
        self.socket.send(head + transaction + body)
        deadline = time.monotonic() + TRY_S
        while (left_s := deadline - time.monotonic()) > 0:
            self.socket.settimeout(left_s)
            with contextlib.suppress(OSError):
                answer = self.socket.recv(65_536)
                if answer[:8] == struct.pack(">I", action) + transaction:
                    return answer[8:]
        raise NoAnswer


@contextlib.contextmanager
def clients(network: Network, port: int, ips: list[str]) -> Iterator[list[UdpClient]]:
    """Makes a client for each address during the block."""
    with contextlib.ExitStack() as stack:
        made = [UdpClient(network, ip, port) for ip in ips]
        for client in made:
            stack.enter_context(client.socket)
        yield made
