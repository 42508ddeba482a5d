"""Messages over WebSockets, and what comes of them."""

import base64
import json
import os
import socket
import struct

from differences.answers import Answer, error_class, interval_range
from differences.steps import Family, View, WsClose, WsMessage

# A tracker that does not answer a ping for this long has hung.
ANSWER_S_MAX = 5
# More than a tracker takes to handle the end of a connection.
TURNS = 5
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
CLOSED: Answer = {"outcome": "closed by the tracker"}


class Closed(Exception):
    """The tracker has closed the connection."""


class WebSocket:
    """A client's connection (RFC 6455)."""

    def __init__(self, family: Family, port: int, client: int) -> None:
        kind = socket.AF_INET if family is Family.V4 else socket.AF_INET6
        self.socket, self.buffer = socket.socket(kind, socket.SOCK_STREAM), b""
        self.socket.settimeout(ANSWER_S_MAX)
        self.socket.bind((family.client(client), 0))
        self.socket.connect((family.value, port))
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(f"GET /announce HTTP/1.1\r\nHost: {family.in_url()}:{port}\r\nUpgrade: websocket\r\n"
                            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
        while b"\r\n\r\n" not in self.buffer:
            self.more()
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        if b" 101 " not in head:
            raise RuntimeError(f"no WebSocket: {head!r}")

    def more(self) -> None:
        """Receives bytes."""
        try:
            received = self.socket.recv(65_536)
        except ConnectionError as error:
            raise Closed from error
        if not received:
            raise Closed
        self.buffer += received

    def send(self, kind: int, payload: bytes) -> None:
        """Sends a frame."""
        mask, size = os.urandom(4), len(payload)
        length = bytes([0x80 | size]) if size < 126 else bytes([0x80 | 126]) + struct.pack(">H", size)
        masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
        try:
            self.socket.sendall(bytes([0x80 | kind]) + length + mask + masked)
        except ConnectionError as error:
            raise Closed from error

    def frame(self) -> tuple[int, bytes]:
        """Returns the next frame."""
        size = self.take(2)
        kind, length = size[0] & 15, size[1] & 127
        if length == 126:
            length = int.from_bytes(self.take(2), "big")
        return kind, self.take(length)

    def take(self, size: int) -> bytes:
        """Takes this many bytes."""
        while len(self.buffer) < size:
            self.more()
        taken, self.buffer = self.buffer[:size], self.buffer[size:]
        return taken

    def messages(self) -> list[str]:
        """Returns the messages that have come. Those of a message served before a ping come before its pong; a second ping
        is read after all that the first one's reading has scheduled."""
        found = []
        for _ in range(2):
            self.send(PING, b"")
            while (frame := self.frame())[0] != PONG:
                if frame[0] == CLOSE:
                    raise Closed
                if frame[0] == TEXT:
                    found.append(frame[1].decode())
        return found


class WebSockets:
    """The open connections, by name."""

    def __init__(self, family: Family, port: int) -> None:
        self.family, self.port = family, port
        self.open: dict[str, WebSocket] = {}

    def close(self) -> None:
        """Closes all connections."""
        for one in self.open.values():
            one.socket.close()

    def ask(self, client: int, request: WsMessage | WsClose, view: View) -> Answer:
        """Sends a message, and returns what comes of it on all connections."""
        if isinstance(request, WsClose):
            self.end(request.socket, view)
            return {"outcome": "closed"}
        if request.socket not in self.open:
            self.open[request.socket] = WebSocket(self.family, self.port, client)
        mine = self.open[request.socket]
        try:
            mine.send(BINARY if request.is_binary else TEXT, request.payload)
            messages = [json.loads(text) for text in mine.messages()]
        except Closed:
            self.open.pop(request.socket).socket.close()
            return CLOSED
        replies = [message for message in messages if not is_signal(message)]
        answer = read(replies, view)
        return answer | self.signals({request.socket: [message for message in messages if is_signal(message)]}, view)

    def end(self, name: str, view: View) -> None:
        """Closes a connection after the tracker has closed its side. A tracker handles the end in a later turn of its loop
        than what comes with it: it serves several pings on the other connections first."""
        mine = self.open.pop(name)
        try:
            mine.send(CLOSE, struct.pack(">H", 1000))
            while True:
                mine.frame()
        except Closed:
            mine.socket.close()
        for _ in range(TURNS):
            self.signals({}, view)

    def signals(self, found: dict[str, list[dict]], view: View) -> Answer:
        """Returns which peers got offers and answers. A connection is named like its peer, after its episode."""
        episode = view.torrent.info_hash.hex()
        for name, one in self.open.items():
            if name not in found and name.startswith(episode):
                found[name] = [json.loads(text) for text in one.messages()]
        shown = {kind: sorted(signal_text(name, message, kind) for name, messages in found.items() for message in messages
                              if kind in message)
                 for kind in ("offer", "answer")}
        if view.is_choice:
            return {"offers": str(len(shown["offer"]))}
        return {f"{kind}s": " ".join(texts) or "none" for kind, texts in shown.items()}


def is_signal(message: dict) -> bool:
    """Returns whether a message is an offer or an answer of another peer."""
    return "offer" in message or "answer" in message


def signal_text(name: str, message: dict, kind: str) -> str:
    """Returns for whom an offer or an answer is."""
    keys = set(message) - {"action", "info_hash", "peer_id", "offer_id", kind}
    return name.split(" ")[1] + (f" with {', '.join(sorted(keys))}" if keys else "")


def read(replies: list[dict], view: View) -> Answer:
    """Returns what the replies to a message say."""
    if len(replies) != 1:
        return {"outcome": "silence" if not replies else f"{len(replies)} answers"}
    reply = replies[0]
    if "failure reason" in reply:
        return {"outcome": error_class(reply["failure reason"]), "keys": keys(reply)}
    if reply.get("action") == "scrape":
        return {"outcome": "answer", "keys": keys(reply), **scraped(reply.get("files", {}), view)}
    return {
        "outcome": "answer",
        "keys": keys(reply),
        "interval": interval_range(reply.get("interval", 0)),
        "counts": f"{reply.get('complete')}/{reply.get('incomplete')}",
    }


def scraped(files: dict, view: View) -> Answer:
    """Returns the counts of a scrape."""
    found = [files.get(torrent.info_hash.decode("latin-1")) for torrent in view.scraped]
    known = [file for file in found if file]
    return {
        "keys of a file": keys(known[0]) if known else "none",
        "counts": " ".join(f"{file['complete']}/{file['incomplete']}" if file else "absent" for file in found),
        "downloads": " ".join(str(file.get("downloaded", "absent")) for file in known) or "none",
    }


def keys(value: dict) -> str:
    """Returns the keys of an object."""
    return ", ".join(sorted(value))
