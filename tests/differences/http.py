"""Requests over HTTP, and what their answers say."""

import gzip
import socket

from differences import bencode
from differences.answers import LISTED_MAX, Answer, error_class, interval_range, listed
from differences.steps import Family, Http, View
from differences.udp import compact

# A tracker that sends nothing for this long does not answer.
SILENCE_S = 2
CONTINUE, SWITCHED, NO_CONTENT = 100, 101, 204
KEYS_OF_PEERS = {b"peers": 6, b"peers6": 18}


def ask(family: Family, port: int, client: int, request: Http, view: View) -> Answer:
    """Sends requests on a connection of their own, and returns what the last answer says."""
    kind = socket.AF_INET if family is Family.V4 else socket.AF_INET6
    with socket.socket(kind, socket.SOCK_STREAM) as connection:
        connection.bind((family.client(client), 0))
        connection.connect((family.value, port))
        connection.settimeout(SILENCE_S)
        connection.sendall(request.text)
        has_body = not request.text.startswith(b"HEAD")
        reader, answers = Reader(connection), []
        try:
            while len(answers) < request.answers and (one := reader.response(has_body)):
                answers.append(one)
        except ConnectionError:
            pass
        except TimeoutError:
            return {"outcome": "silence"}
    several = {"answers": str(len(answers))} if request.answers > 1 else {}
    return (read(*answers[-1], view, family) if answers else {"outcome": "closed"}) | several


class Reader:
    """Reads responses from a connection."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection, self.buffer = connection, b""

    def more(self) -> bool:
        """Receives bytes, and returns whether there were any."""
        received = self.connection.recv(65_536)
        self.buffer += received
        return bool(received)

    def response(self, has_body: bool) -> tuple[int, dict[str, str], bytes] | None:
        """Returns status, headers and body of the next final response; None at the end of the connection."""
        while b"\r\n\r\n" not in self.buffer:
            if not self.more():
                return None
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        status, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        number = int(status.split()[1])
        if number == CONTINUE:
            return self.response(has_body)
        return number, headers, self.body(headers) if has_body and number not in (SWITCHED, NO_CONTENT) else b""

    def body(self, headers: dict[str, str]) -> bytes:
        """Returns the body that follows a head."""
        if headers.get("transfer-encoding", "").lower() == "chunked":
            body = b""
            while chunk := self.take(int(self.line(), 16)):
                body += chunk
                self.line()
            self.line()
            return body
        if "content-length" in headers:
            return self.take(int(headers["content-length"]))
        while self.more():
            pass
        return self.take(len(self.buffer))

    def line(self) -> bytes:
        """Takes a line."""
        while b"\r\n" not in self.buffer and self.more():
            pass
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line

    def take(self, size: int) -> bytes:
        """Takes this many bytes, or those up to the end of the connection."""
        while len(self.buffer) < size and self.more():
            pass
        taken, self.buffer = self.buffer[:size], self.buffer[size:]
        return taken


def read(status: int, headers: dict[str, str], body: bytes, view: View, family: Family) -> Answer:
    """Returns what a response says."""
    shown = {
        "content type": headers.get("content-type", "none").split(";")[0],
        "coding": headers.get("content-encoding", "none"),
    }
    if status != 200:
        return {"outcome": f"status {status}"}
    if headers.get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    if not body:
        return {"outcome": "status 200 without a body"}
    try:
        decoded = bencode.decode(body)
    except bencode.Malformed:
        return {"outcome": "status 200 without bencoding"}
    value, shown["bencoding"] = decoded.value, decoded.order
    if not isinstance(value, dict):
        return {"outcome": "no dictionary"}
    if b"failure reason" in value:
        return {"outcome": error_class(value[b"failure reason"])}
    return {"outcome": "answer", **shown, **(scraped(value, view) if b"files" in value else announced(value, view, family))}


def announced(value: dict, view: View, family: Family) -> Answer:
    """Returns what the answer to an announce says."""
    forms, addresses = {}, []
    for key, size in KEYS_OF_PEERS.items():
        peers = value.get(key)
        if isinstance(peers, list):
            forms[key] = " or ".join({"list of " + " ".join(name.decode() for name in peer) for peer in peers}) or "list"
            addresses += [(peer[b"ip"].decode(), peer[b"port"]) for peer in peers]
        elif peers is not None:
            forms[key] = "compact"
            addresses += compact(peers, size)
    return {
        "keys": keys({key: None for key in value if key not in KEYS_OF_PEERS}),
        "interval": interval_range(value.get(b"interval", 0)),
        "counts": f"{value.get(b'complete')}/{value.get(b'incomplete')}",
        "form": ", ".join(f"{key.decode()} {form}" for key, form in forms.items()),
        **listed(addresses, view, family),
    }


def scraped(value: dict, view: View) -> Answer:
    """Returns the counts of a scrape: those of the torrents of the view, and the number of entries where these are
    all that the request named."""
    names = [torrent.info_hash for torrent in view.scraped]
    files, form = by_info_hash(value[b"files"], names)
    found = [files.get(name) for name in names]
    counts = [f"{file.get(b'complete', 0)}/{file.get(b'incomplete', 0)}" if file else "absent" for file in found]
    known = [file for file in found if file]
    return {
        "keys": keys(value),
        "names of files": form,
        "keys of a file": keys(known[0]) if known else "none",
        "counts": " ".join(counts if len(counts) <= LISTED_MAX else dict.fromkeys(counts)),
        "downloads": " ".join(dict.fromkeys(str(file.get(b"downloaded", "absent")) for file in known)) or "none",
        "entries": "those named" if set(files) <= set(names) else "others too",
        "present": str(len(known)),
    }


def by_info_hash(files: dict, info_hashes: list[bytes]) -> tuple[dict, str]:
    """Returns the files by info hash, and how they are named: a text in UTF-8 is not the bytes of an info hash."""
    texts = {info_hash.decode("latin-1").encode(): info_hash for info_hash in info_hashes}
    if any(name in texts and name not in info_hashes for name in files):
        return {texts.get(name, name): file for name, file in files.items()}, "UTF-8"
    return files, "bytes"


def keys(value: dict) -> str:
    """Returns the keys of a dictionary."""
    return ", ".join(key.decode("utf-8", "replace") for key in value)
