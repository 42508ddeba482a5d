"""Requests over UDP, and what their answers say."""

import contextlib
import itertools
import socket
import struct
import time
from collections.abc import Iterable

from comparison.udp_client import ANNOUNCE, CONNECT, PROTOCOL_ID, SCRAPE
from differences.answers import LISTED_MAX, Answer, error_class, interval_range, listed
from differences.steps import CLIENTS, Datagram, Family, Proof, View

ERROR = 3
# A tracker that does not answer a connect for this long has hung.
ANSWER_S_MAX = 5
# An answer may come after that of a connect that was sent later.
LATE_S = 0.03
ADDRESS_BYTES = {Family.V4: 4, Family.V6: 16}


class UdpClients:
    """The sockets of all clients. A datagram is followed by connects: their answers show that it gets none."""

    def __init__(self, family: Family, port: int) -> None:
        self.family, self.tracker = family, (family.value, port)
        self.sockets: dict[int, socket.socket] = {}
        self.transactions = itertools.count(1)
        self.ids: dict[int, bytes] = {}

    def close(self) -> None:
        """Closes the sockets."""
        for one in self.sockets.values():
            one.close()

    def socket(self, client: int) -> socket.socket:
        """Returns the socket of a client, which is opened at first."""
        if client not in self.sockets:
            kind = socket.AF_INET if self.family is Family.V4 else socket.AF_INET6
            self.sockets[client] = one = socket.socket(kind, socket.SOCK_DGRAM)
            one.bind((self.family.client(client), 0))
            one.connect(self.tracker)
        return self.sockets[client]

    def ask(self, client: int, request: Datagram, view: View) -> Answer:
        """Sends a request and returns what the answer says."""
        if client not in self.ids:
            self.connect(client)
        transaction = struct.pack(">I", next(self.transactions))
        datagram = self.proof(client, request.proof) + struct.pack(">I", request.action) + transaction + request.body
        self.socket(client).send(datagram[:request.cut])
        answers = self.connect(client) + self.connect(client)
        if not answers:
            answers = self.late(client)
        if not answers:
            return {"outcome": "silence"}
        if len(answers) > 1:
            return {"outcome": f"{len(answers)} answers"}
        return read(answers[0], transaction, view, self.family)

    def connect(self, client: int) -> list[bytes]:
        """Connects, and returns the datagrams that came before the answer."""
        transaction, before = struct.pack(">I", next(self.transactions)), []
        self.socket(client).send(struct.pack(">QI", PROTOCOL_ID, CONNECT) + transaction)
        deadline = time.monotonic() + ANSWER_S_MAX
        while (left_s := deadline - time.monotonic()) > 0:
            answer = self.receive(client, left_s)
            if answer is None:
                break
            if len(answer) == 16 and answer[:8] == struct.pack(">I", CONNECT) + transaction:
                self.ids[client] = answer[8:]
                return before
            before.append(answer)
        raise RuntimeError(f"a connect was not answered within {ANSWER_S_MAX} s")

    def late(self, client: int) -> list[bytes]:
        """Returns the datagrams that come a moment later."""
        answer = self.receive(client, LATE_S)
        return [] if answer is None else [answer]

    def receive(self, client: int, limit_s: float) -> bytes | None:
        """Returns the next datagram."""
        self.socket(client).settimeout(limit_s)
        with contextlib.suppress(TimeoutError):
            return self.socket(client).recv(65_536)
        return None

    def proof(self, client: int, proof: Proof) -> bytes:
        """Returns the connection id to send."""
        if proof is Proof.OWN:
            return self.ids[client]
        if proof is Proof.PROTOCOL:
            return struct.pack(">Q", PROTOCOL_ID)
        if proof is Proof.RANDOM:
            return bytes(byte ^ 0x5a for byte in self.ids[client])
        other = (client + 1) % CLIENTS
        if other not in self.ids:
            self.connect(other)
        return self.ids[other]


def read(answer: bytes, transaction: bytes, view: View, family: Family) -> Answer:
    """Returns what an answer says."""
    if len(answer) < 8:
        return {"outcome": f"{len(answer)} bytes"}
    action, rest = int.from_bytes(answer[:4], "big"), answer[8:]
    if answer[4:8] != transaction:
        return {"outcome": "another transaction id"}
    if action == ERROR:
        return {"outcome": error_class(rest)}
    if action == CONNECT:
        return {"outcome": "connected"}
    if action == ANNOUNCE and len(rest) >= 12:
        return announced(rest, view, family)
    if action == SCRAPE and len(rest) % 12 == 0:
        entries = struct.iter_unpack(">III", rest)
        return {"outcome": "answer", "entries": str(len(rest) // 12)} | scraped(entries, view)
    return {"outcome": f"action {action} with {len(rest)} bytes"}


def announced(rest: bytes, view: View, family: Family) -> Answer:
    """Returns what the answer to an announce says."""
    interval_s, leechers, seeders = struct.unpack(">III", rest[:12])
    size = ADDRESS_BYTES[family] + 2
    if (len(rest) - 12) % size:
        return {"outcome": "peers of another size"}
    return {
        "outcome": "answer",
        "interval": interval_range(interval_s),
        "counts": f"{seeders}/{leechers}",
        **listed(compact(rest[12:], size), view, family),
    }


def compact(peers: bytes, size: int) -> list[tuple[str, int]]:
    """Returns the addresses in a compact list."""
    kind = socket.AF_INET if size == 6 else socket.AF_INET6
    return [(socket.inet_ntop(kind, peers[at:at + size - 2]), int.from_bytes(peers[at + size - 2:at + size], "big"))
            for at in range(0, len(peers) - len(peers) % size, size)]


def scraped(entries: Iterable[tuple[int, int, int]], view: View) -> Answer:
    """Returns the counts of a scrape; of a long one, those that differ."""
    found = [(f"{seeders}/{leechers}", str(downloads)) for seeders, downloads, leechers in entries]
    if len(view.scraped) > LISTED_MAX:
        found = list(dict.fromkeys(found))
    return {"counts": " ".join(counts for counts, _ in found), "downloads": " ".join(downloads for _, downloads in found)}
