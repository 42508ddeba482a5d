"""Episodes over HTTP, and over UDP and HTTP."""

from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import quote_from_bytes

from differences import udp_episodes
from differences.draw import Draw, Traffic
from differences.steps import Family, Http, Peer, Step, Torrent, View

Parameters = dict[str, bytes | str | int | None]
# Swarms of ordinary traffic.
TRAFFICS = 6


def parameters(torrent: Torrent, peer: Peer, changes: Parameters) -> str:
    """Returns the query of an announce, in which some parameters are changed, or left out with None."""
    values: Parameters = {"info_hash": torrent.info_hash, "peer_id": peer.peer_id, "port": peer.port, "uploaded": 0,
                          "downloaded": 0, "left": 1, "compact": 1, "event": "started", **changes}
    return "&".join(f"{name}={encoded(value)}" for name, value in values.items() if value is not None)


def encoded(value: bytes | str | int | None) -> str:
    """Returns a value, of which bytes are percent-encoded."""
    return quote_from_bytes(value, safe="") if isinstance(value, bytes) else str(value)


def get(target: str, headers: str = "", method: str = "GET", version: str = "1.1", body: str = "") -> bytes:
    """Returns the text of a request."""
    return f"{method} {target} HTTP/{version}\r\nHost: tracker.test\r\n{headers}\r\n{body}".encode()


def announce(kind: str, torrent: Torrent, peer: Peer, changes: Parameters | None = None,
             seeders: frozenset[str] = frozenset()) -> Step:
    """Returns the step of an announce."""
    changed = changes or {}
    query = parameters(torrent, peer, changed)
    view = View(torrent, peer, changed.get("left") == 0, changed.get("event") == "stopped", seeders,
                is_choice=changed.get("numwant") == 1)
    return Step(f"http announce, {kind}", peer.client, Http(get(f"/announce?{query}")), view)


def request(kind: str, torrent: Torrent, peer: Peer, text: bytes, answers: int = 1) -> Step:
    """Returns the step of an announce with its own text."""
    return Step(f"http {kind}", peer.client, Http(text, answers), View(torrent, peer))


def scrape(kind: str, torrents: list[Torrent], extra: str = "", headers: str = "") -> Step:
    """Returns the step of a scrape."""
    query = "&".join(f"info_hash={encoded(torrent.info_hash)}" for torrent in torrents) + extra
    return Step(f"http scrape, {kind}", 0, Http(get(f"/scrape?{query}", headers)),
                View(torrents[0], scraped=tuple(torrents)))


def join(torrent: Torrent, peers: list[Peer], left: int = 1) -> Iterator[Step]:
    """Announces peers to a torrent."""
    for peer in peers:
        yield announce("started", torrent, peer, {"left": left})


def traffic(draw: Draw) -> Iterator[Step]:
    """Clients come, complete, and go, over HTTP, and over UDP too where all trackers know a peer over both as one."""
    torrent, peers = draw.swarm(draw.source.randint(2, 7))
    flow = Traffic(draw.source, peers)
    for _ in range(14):
        act = flow.act()
        if draw.family is Family.V4 and draw.source.random() < 0.3:
            fields = udp_episodes.Announce(act.left, udp_episodes.EVENTS[act.event], seeders=act.seeders)
            yield udp_episodes.announce(act.event or "regular", torrent, act.peer, fields)
        else:
            changes = {"left": act.left, "event": act.event or None}
            yield announce(act.event or "regular", torrent, act.peer, changes, act.seeders)
        if draw.source.random() < 0.3:
            one = scrape("ordinary", [torrent])
            yield replace(one, view=replace(one.view, is_drawn=True))


def forms(draw: Draw) -> Iterator[Step]:
    """Forms of the list of peers."""
    torrent, (*others, last) = draw.swarm(4)
    yield from join(torrent, others)
    for kind, changes in [
        ("compact=1", {}),
        ("compact absent", {"compact": None}),
        ("compact=0", {"compact": 0}),
        ("compact=0 and no_peer_id=1", {"compact": 0, "no_peer_id": 1}),
        ("no_peer_id=1", {"compact": None, "no_peer_id": 1}),
        ("compact=2", {"compact": 2}),
        ("trackerid", {"trackerid": "abc"}),
        ("key", {"key": "abc"}),
        ("supportcrypto", {"supportcrypto": 1}),
    ]:
        yield announce(kind, torrent, last, changes)


def numbers_wanted(draw: Draw) -> Iterator[Step]:
    """Numbers of peers that a client may ask for."""
    torrent, (*others, last) = draw.swarm(5)
    yield from join(torrent, others)
    for numwant in (0, 1, 50, 10**12, -1, "abc", ""):
        yield announce(f"numwant={numwant}", torrent, last, {"numwant": numwant})


def parameters_missing(draw: Draw) -> Iterator[Step]:
    """Announces without a parameter, or with a wrong one."""
    for kind, changes in [
        ("info_hash missing", {"info_hash": None}),
        ("peer_id missing", {"peer_id": None}),
        ("port missing", {"port": None}),
        ("left missing", {"left": None}),
        ("uploaded and downloaded missing", {"uploaded": None, "downloaded": None}),
        ("info_hash of 19 bytes", {"info_hash": draw.source.randbytes(19)}),
        ("info_hash of 21 bytes", {"info_hash": draw.source.randbytes(21)}),
        ("info_hash in hexadecimal", {"info_hash": draw.source.randbytes(20).hex()}),
        ("info_hash empty", {"info_hash": ""}),
        ("peer_id of 19 bytes", {"peer_id": draw.source.randbytes(19)}),
        ("port=0", {"port": 0}),
        ("port=65536", {"port": 65_536}),
        ("port=-1", {"port": -1}),
        ("port=abc", {"port": "abc"}),
        ("left=abc", {"left": "abc"}),
        ("left=-1", {"left": -1}),
        ("left=2^40", {"left": 2**40}),
        ("left=2^64", {"left": 2**64}),
    ]:
        torrent, (first, second) = draw.swarm(2)
        yield from join(torrent, [first])
        yield announce(kind, torrent, second, changes)
        yield scrape(f"after {kind}", [torrent])


def events(draw: Draw) -> Iterator[Step]:
    """Events that are unusual, or at an unusual time."""
    for event, left in [("paused", 1), ("paused", 0), ("unknown", 1), ("", 1), ("STARTED", 1), ("completed", 0), ("stopped", 1)]:
        torrent, (first, second) = draw.swarm(2)
        yield from join(torrent, [first])
        yield announce(f"event={event} and left={left} at first", torrent, second, {"event": event, "left": left})
        yield scrape(f"after event={event} and left={left} at first", [torrent])


def named_addresses(draw: Draw) -> Iterator[Step]:
    """Clients that name another address."""
    for kind, text in [("ip=", "ip=192.0.2.7"), ("ip= with a name", "ip=peer.example"), ("ipv4=", "ipv4=192.0.2.7"),
                       ("ipv6=", "ipv6=2001:db8::7")]:
        torrent, (first, second) = draw.swarm(2)
        query = f"{parameters(torrent, first, {})}&{text}"
        yield request(f"announce, {kind}", torrent, first, get(f"/announce?{query}"))
        yield announce(f"after {kind}", torrent, second)
    torrent, (first, second) = draw.swarm(2)
    query = parameters(torrent, first, {})
    yield request("announce, X-Forwarded-For", torrent, first, get(f"/announce?{query}", "X-Forwarded-For: 192.0.2.7\r\n"))
    yield announce("after X-Forwarded-For", torrent, second)


def queries(draw: Draw) -> Iterator[Step]:
    """Unusual queries."""
    torrent, (first, second) = draw.swarm(2)
    yield from join(torrent, [first])
    other = draw.torrent()
    whole = parameters(torrent, second, {})
    encoded_all = "".join(f"%{byte:02x}" for byte in torrent.info_hash)
    for kind, target in [
        ("announce, info_hash twice", f"/announce?{whole}&info_hash={encoded(other.info_hash)}"),
        ("announce, port twice", f"/announce?port=1&{whole}"),
        ("announce, every byte encoded in lower case",
         f"/announce?{parameters(torrent, second, {'info_hash': None})}&info_hash={encoded_all}"),
        ("announce, info_hash is wrong encoding",
         f"/announce?{parameters(torrent, second, {'info_hash': None})}&info_hash=%zz{encoded(torrent.info_hash[1:])}"),
        ("announce, unknown parameter", f"/announce?{whole}&unknown=1"),
        ("announce, parameter without a value", f"/announce?{whole}&corrupt"),
        ("announce, empty parameters", f"/announce?&&{whole}&"),
        ("announce, names in upper case", f"/announce?{whole.replace('info_hash', 'INFO_HASH')}"),
        ("announce, no query", "/announce"),
        ("announce, empty query", "/announce?"),
    ]:
        yield request(kind, torrent, second, get(target))


def characters(draw: Draw) -> Iterator[Step]:
    """Characters of an info hash that clients encode or do not."""
    for kind, byte in [("a plus sign", b"+"), ("a tilde", b"~"), ("a byte above 127", b"\xe4"), ("a slash", b"/"),
                       ("an asterisk", b"*"), ("a question mark", b"?")]:
        torrent = draw.torrent(byte)
        first, second = draw.ids.peers(torrent, 2)
        yield from join(torrent, [first])
        whole = get(f"/announce?{parameters(torrent, second, {})}")
        text = whole.replace(b"info_hash=" + encoded(byte).encode(), b"info_hash=" + byte)
        yield request(f"announce, {kind} as it is", torrent, second, text)


def heads(draw: Draw) -> Iterator[Step]:
    """Long and unusual heads."""
    torrent, (first, second) = draw.swarm(2)
    yield from join(torrent, [first])
    query = parameters(torrent, second, {})
    for kind, text in [
        ("path with an encoded letter", get(f"/%61nnounce?{query}")),
        ("target of 4 KiB", get(f"/announce?{query}&x={'x' * 4096}")),
        ("40 headers", get(f"/announce?{query}", "".join(f"X-{number}: x\r\n" for number in range(40)))),
        ("header of 4 KiB", get(f"/announce?{query}", f"Cookie: {'x' * 4096}\r\n")),
        ("header without a colon", get(f"/announce?{query}", "X\r\n")),
        ("header in two lines", get(f"/announce?{query}", "X: a\r\n b\r\n")),
        ("Expect: 100-continue", get(f"/announce?{query}", "Expect: 100-continue\r\n")),
        ("blank line before the request", b"\r\n" + get(f"/announce?{query}")),
        ("two blanks in the request line", get(f"/announce?{query}").replace(b"GET ", b"GET  ", 1)),
        ("fragment in the target", get(f"/announce?{query}#fragment")),
    ]:
        yield request(kind, torrent, second, text)


def upgrades(draw: Draw) -> Iterator[Step]:
    """Requests for a WebSocket."""
    torrent, (first,) = draw.swarm(1)
    lines = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
             "Sec-WebSocket-Version": "13"}
    for kind, target, changes in [
        ("at /", "/", {}), ("at /announce", "/announce", {}), ("at /announce?a=b", "/announce?a=b", {}), ("at /x", "/x", {}),
        ("at /announce/0123456789abcdef0123456789abcdef", "/announce/0123456789abcdef0123456789abcdef", {}),
        ("with keep-alive", "/announce", {"Connection": "keep-alive, Upgrade"}),
        ("of version 8", "/announce", {"Sec-WebSocket-Version": "8"}),
        ("with a short key", "/announce", {"Sec-WebSocket-Key": "abc"}),
        ("with an origin", "/announce", {"Origin": "https://site.test"}),
        ("with a subprotocol", "/announce", {"Sec-WebSocket-Protocol": "x"}),
        ("with an extension", "/announce", {"Sec-WebSocket-Extensions": "permessage-deflate"}),
    ]:
        headers = "".join(f"{name}: {value}\r\n" for name, value in {**lines, **changes}.items())
        yield request(f"upgrade {kind}", torrent, first, get(target, headers))


def paths(draw: Draw) -> Iterator[Step]:
    """Other paths than /announce and /scrape."""
    torrent, (first,) = draw.swarm(1)
    query = parameters(torrent, first, {})
    for target in ["/announce/", "//announce", "/announce.php", "/announce/0123456789abcdef0123456789abcdef", "/a", "/announced",
                   "/Announce", "/", "/stats", "/favicon.ico"]:
        yield request(f"path {target}", torrent, first, get(f"{target}?{query}"))
    yield request("absolute URL as target", torrent, first, get(f"http://tracker.test/announce?{query}"))
    yield request("target without a path", torrent, first, get(f"?{query}"))


def methods(draw: Draw) -> Iterator[Step]:
    """Other methods and versions than GET and HTTP/1.1, and several requests."""
    torrent, (first, second) = draw.swarm(2)
    yield from join(torrent, [first])
    target = f"/announce?{parameters(torrent, second, {})}"
    whole = get(target)
    for kind, text, answers in [
        ("HEAD", get(target, method="HEAD"), 1),
        ("POST", get(target, "Content-Length: 0\r\n", "POST"), 1),
        ("POST with a body", get("/announce", f"Content-Length: {len(target) - 10}\r\n", "POST", body=target[10:]), 1),
        ("PUT", get(target, "Content-Length: 0\r\n", "PUT"), 1),
        ("OPTIONS", get(target, method="OPTIONS"), 1),
        ("unknown method", get(target, method="BREW"), 1),
        ("HTTP/1.0", get(target, version="1.0"), 1),
        ("HTTP/1.0 without headers", f"GET {target} HTTP/1.0\r\n\r\n".encode(), 1),
        ("HTTP/1.1 without Host", f"GET {target} HTTP/1.1\r\n\r\n".encode(), 1),
        ("lines that end with a line feed", f"GET {target} HTTP/1.1\nHost: tracker.test\n\n".encode(), 1),
        ("no version", f"GET {target}\r\n\r\n".encode(), 1),
        ("not HTTP", b"\x13BitTorrent protocol" + bytes(48), 1),
        ("Accept-Encoding: gzip", get(target, "Accept-Encoding: gzip\r\n"), 1),
        ("two requests at once", whole + whole, 2),
        ("two requests, the first with Connection: close", get(target, "Connection: close\r\n") + whole, 2),
    ]:
        yield request(kind, torrent, second, text, answers)


def scrapes(draw: Draw) -> Iterator[Step]:
    """Scrapes of several torrents, of all, and of none."""
    torrent, (seeder, leecher) = draw.swarm(2)
    yield from join(torrent, [seeder], left=0)
    yield from join(torrent, [leecher])
    unknown = [draw.torrent() for _ in range(119)]
    yield scrape("1 torrent", [torrent])
    yield scrape("unknown torrent", unknown[:1])
    yield scrape("unknown and known torrent", [unknown[0], torrent])
    yield scrape("same torrent twice", [torrent, torrent])
    yield scrape("info_hash of 3 bytes", [torrent], "&info_hash=abc")
    for number in (20, 74, 120):
        yield scrape(f"{number} torrents", [torrent, *unknown[:number - 1]])
    view = View(torrent, scraped=(torrent,))
    yield Step("http scrape, all torrents", 0, Http(get("/scrape", "Accept-Encoding: gzip\r\n")), view)


def completions(draw: Draw) -> Iterator[Step]:
    """Completed downloads, counted."""
    torrent, (first, second) = draw.swarm(2)
    yield from join(torrent, [first, second])
    for kind, peer, seeders in [("completed", first, {first}), ("completed", second, {first, second}),
                                ("completed again", second, {first, second})]:
        names = frozenset(seeder.name for seeder in seeders)
        yield announce(kind, torrent, peer, {"left": 0, "event": "completed"}, names)
    yield scrape("after 3 completed events of 2 peers", [torrent])


def identities(draw: Draw) -> Iterator[Step]:
    """A peer announces over UDP and HTTP."""
    torrent, (first, second) = draw.swarm(2)
    yield from udp_episodes.join(torrent, [first])
    yield announce("after UDP", torrent, first)
    yield announce("of another peer after UDP", torrent, second)
    yield announce("stopped after UDP", torrent, first, {"event": "stopped"})
    yield udp_episodes.scrape("after stopped over HTTP", [torrent])


EPISODES = [*[traffic] * TRAFFICS, forms, numbers_wanted, parameters_missing, events, named_addresses, queries, characters,
            paths, heads, upgrades, methods, scrapes, completions, identities]
