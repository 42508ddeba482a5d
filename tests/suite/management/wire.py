"""Clients for the checks: plain HTTP requests, and announces over UDP (BEP 15, BEP 41) and over HTTP."""

import http.client
import json
import os
import socket
import struct
from dataclasses import dataclass
from urllib.parse import quote, quote_from_bytes

PATIENCE_S = 60

CONNECT, ANNOUNCE, SCRAPE, ERROR = range(4)
EVENTS = {"": 0, "completed": 1, "started": 2, "stopped": 3}


def split(address: str) -> tuple[str, int]:
    host, port = address.rsplit(":", 1)
    return host.strip("[]"), int(port)


@dataclass
class Answer:
    status: int
    content_type: str | None
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> object:
        return json.loads(self.body)


class Http:
    """A client of one address. Each request has its own connection, from `source`."""

    def __init__(self, address: str):
        self.host, self.port = split(address)

    def ask(self, method: str, target: str, body: str | None = None, headers=None, source="127.0.0.1") -> Answer:
        link = http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE_S, source_address=(source, 0))
        try:
            link.request(method, target, body, headers or {})
            response = link.getresponse()
            return Answer(response.status, response.getheader("content-type"), response.read())
        finally:
            link.close()


@dataclass
class Peer:
    """A client on one torrent."""

    info_hash: bytes
    port: int
    left: int = 1
    event: str = ""
    uploaded: int = 0
    downloaded: int = 0
    peer_id: bytes = b"-qB4520-abcdefghijkl"


class Udp:
    """A client of a UDP tracker, which counts its requests and the answers."""

    def __init__(self, address: str):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(PATIENCE_S)
        self.socket.connect(split(address))
        self.sent = 0
        self.answers = {CONNECT: 0, ANNOUNCE: 0, SCRAPE: 0, ERROR: 0}
        _, body = self.exchange(0x41727101980, CONNECT, b"")
        (self.connection,) = struct.unpack(">Q", body)

    def exchange(self, connection: int, action: int, body: bytes) -> tuple[int, bytes]:
        transaction = os.urandom(4)
        self.socket.send(struct.pack(">QI", connection, action) + transaction + body)
        self.sent += 1
        answer = self.socket.recv(4096)
        assert answer[4:8] == transaction, "the answer to another request"
        (answered,) = struct.unpack(">I", answer[:4])
        self.answers[answered] += 1
        return answered, answer[8:]

    def announce(self, peer: Peer, path: str = "") -> tuple[int, bytes]:
        """The action and the body of the answer. The path is sent as URL data."""
        counts = struct.pack(">QQQ", peer.downloaded, peer.left, peer.uploaded)
        tail = struct.pack(">IIIiH", EVENTS[peer.event], 0, 0, -1, peer.port)
        options = b"\x02" + bytes([len(path)]) + path.encode() if path else b""
        return self.exchange(self.connection, ANNOUNCE, peer.info_hash + peer.peer_id + counts + tail + options)

    def scrape(self, info_hash: bytes) -> tuple[int, bytes]:
        return self.exchange(self.connection, SCRAPE, info_hash)


def announce_target(peer: Peer, key: str = "", **changes: str | None) -> str:
    """The target of an HTTP announce, with parameters changed, or omitted if None."""
    parameters = {
        "info_hash": quote_from_bytes(peer.info_hash, safe=""),
        "peer_id": quote_from_bytes(peer.peer_id, safe=""),
        "port": str(peer.port),
        "uploaded": str(peer.uploaded),
        "downloaded": str(peer.downloaded),
        "left": str(peer.left),
        "event": peer.event or None,
        **{name: value if value is None else quote(value, safe="") for name, value in changes.items()},
    }
    query = "&".join(f"{name}={value}" for name, value in parameters.items() if value is not None)
    return f"/announce/{key}?{query}" if key else f"/announce?{query}"


def failure_reason(body: bytes) -> str | None:
    """The reason of a bencoded failure, or None."""
    _, found, rest = body.partition(b"14:failure reason")
    if not found:
        return None
    length, _, text = rest.partition(b":")
    return text[: int(length)].decode()
