"""Episodes over WebSockets, and over these and HTTP."""

import json
from collections.abc import Iterator

from differences import http_episodes
from differences.draw import Draw, Traffic
from differences.steps import Peer, Step, Torrent, View, WsClose, WsMessage

# Swarms of ordinary traffic.
TRAFFICS = 4
Members = dict[str, object]


def text(binary: bytes) -> str:
    """Returns bytes as WebTorrent has them in JSON: each as the character of the same number."""
    return binary.decode("latin-1")


def offers(number: int) -> list[Members]:
    """Returns offers."""
    return [{"offer_id": f"offer-{at:014}", "offer": {"type": "offer", "sdp": f"v=0 {at}"}} for at in range(number)]


def socket(torrent: Torrent, peer: Peer) -> str:
    """Returns the name of a peer's connection."""
    return f"{torrent.info_hash.hex()} {peer.name}"


def send(kind: str, torrent: Torrent, peer: Peer, members: Members, view: View | None = None) -> Step:
    """Returns the step of a message. Members with None are left out."""
    payload = json.dumps({name: value for name, value in members.items() if value is not None}).encode()
    return Step(f"ws {kind}", peer.client, WsMessage(socket(torrent, peer), payload), view or View(torrent, peer))


def announce(kind: str, torrent: Torrent, peer: Peer, changes: Members | None = None, view: View | None = None) -> Step:
    """Returns the step of an announce, in which some members are changed, or left out with None."""
    members = {"action": "announce", "info_hash": text(torrent.info_hash), "peer_id": text(peer.peer_id), "uploaded": 0,
               "downloaded": 0, "left": 1, "event": "started", "numwant": 0, "offers": [], **(changes or {})}
    return send(f"announce, {kind}", torrent, peer, members, view)


def scrape(kind: str, torrent: Torrent, peer: Peer, torrents: list[Torrent], info_hash: object = None,
           is_drawn: bool = False) -> Step:
    """Returns the step of a scrape."""
    names = [text(one.info_hash) for one in torrents]
    members = {"action": "scrape", "info_hash": names if info_hash is None else info_hash}
    return send(f"scrape, {kind}", torrent, peer, members, View(torrent, is_drawn=is_drawn, scraped=tuple(torrents)))


def join(torrent: Torrent, peers: list[Peer], left: int = 1) -> Iterator[Step]:
    """Announces peers without offers."""
    for peer in peers:
        yield announce("started", torrent, peer, {"left": left})


def traffic(draw: Draw) -> Iterator[Step]:
    """Clients come with offers for all others, complete, and go."""
    torrent, peers = draw.swarm(draw.source.randint(2, 5))
    flow = Traffic(draw.source, peers)
    for _ in range(12):
        act = flow.act()
        made = [] if act.event == "stopped" else offers(5)
        changes = {"left": act.left, "event": act.event or None, "offers": made, "numwant": len(made)}
        view = View(torrent, act.peer, act.left == 0, act.event == "stopped", act.seeders)
        yield announce(act.event or "regular", torrent, act.peer, changes, view)
        if draw.source.random() < 0.6 and act.event != "stopped":
            yield scrape("ordinary", torrent, act.peer, [torrent], is_drawn=True)


def exchange(draw: Draw) -> Iterator[Step]:
    """Offers are answered."""
    torrent, (first, second, third) = draw.swarm(3)
    yield from join(torrent, [first, second])
    yield announce("2 offers to 2 peers", torrent, third, {"offers": offers(2), "numwant": 2})
    answer = {"answer": {"type": "answer", "sdp": "v=0"}, "offer_id": "offer-00000000000000", "offers": None, "event": None,
              "numwant": None, "left": None, "uploaded": None, "downloaded": None}
    yield announce("answer", torrent, first, {**answer, "to_peer_id": text(third.peer_id)})
    yield announce("answer to an unknown peer", torrent, first, {**answer, "to_peer_id": "x" * 20})
    yield announce("answer without to_peer_id", torrent, first, answer)
    yield scrape("after answers", torrent, first, [torrent])


def numbers_of_offers(draw: Draw) -> Iterator[Step]:
    """Numbers of offers and peers that do not agree."""
    torrent, (*others, last) = draw.swarm(4)
    yield from join(torrent, others)
    choice = View(torrent, last, is_choice=True)
    yield announce("1 offer to 3 peers", torrent, last, {"offers": offers(1), "numwant": 1}, choice)
    yield announce("5 offers to 3 peers", torrent, last, {"offers": offers(5), "numwant": 5})
    yield announce("5 offers and numwant 1", torrent, last, {"offers": offers(5), "numwant": 1}, choice)
    yield announce("no offers and numwant 5", torrent, last, {"offers": None, "numwant": 5})
    yield announce("offers as a text", torrent, last, {"offers": "abc", "numwant": 5})


def null_offer(draw: Draw) -> Iterator[Step]:
    """An offer that is null, which not every tracker survives."""
    torrent, (first, second) = draw.swarm(2)
    yield from join(torrent, [first])
    view = View(torrent, second, is_choice=True)
    yield announce("an offer that is null", torrent, second, {"offers": [None], "numwant": 1}, view)


def seeders_of_seeders(draw: Draw) -> Iterator[Step]:
    """A seeder makes offers to a seeder and a leecher."""
    torrent, (first, second, third) = draw.swarm(3)
    yield from join(torrent, [first], left=0)
    yield from join(torrent, [second])
    yield announce("offers of a seeder", torrent, third, {"left": 0, "offers": offers(3), "numwant": 3})


def events(draw: Draw) -> Iterator[Step]:
    """Events that are unusual, or at an unusual time."""
    for event, left in [("paused", 1), ("paused", 0), ("unknown", 1), ("update", 1), (None, 1), ("completed", 0), ("stopped", 1),
                        ("started", None), ("started", "abc")]:
        torrent, (first, second) = draw.swarm(2)
        yield from join(torrent, [first])
        yield announce(f"event {event} and left {left} at first", torrent, second, {"event": event, "left": left})
        yield scrape(f"after event {event} and left {left} at first", torrent, first, [torrent])


def malformed(draw: Draw) -> Iterator[Step]:
    """Messages that are no requests."""
    for kind, changes in [
        ("action unknown", {"action": "unknown"}),
        ("action missing", {"action": None}),
        ("info_hash missing", {"info_hash": None}),
        ("info_hash of 19 bytes", {"info_hash": "x" * 19}),
        ("info_hash in hexadecimal", {"info_hash": draw.source.randbytes(20).hex()}),
        ("info_hash with a character above 255", {"info_hash": "€" * 20}),
        ("peer_id missing", {"peer_id": None}),
        ("peer_id of 19 bytes", {"peer_id": "x" * 19}),
    ]:
        torrent, (first,) = draw.swarm(1)
        yield announce(kind, torrent, first, changes)
    for kind, payload in [("not JSON", b"abc"), ("array", b"[]"), ("number", b"1"), ("null", b"null"), ("empty text", b"")]:
        torrent, (first,) = draw.swarm(1)
        yield Step(f"ws {kind}", first.client, WsMessage(socket(torrent, first), payload), View(torrent, first))
    torrent, (first,) = draw.swarm(1)
    whole = announce("in a binary frame", torrent, first)
    assert isinstance(whole.request, WsMessage)
    yield Step(whole.kind, first.client, WsMessage(whole.request.socket, whole.request.payload, is_binary=True), whole.view)


def scrapes(draw: Draw) -> Iterator[Step]:
    """Scrapes of one torrent, several, and none."""
    torrent, (first, second) = draw.swarm(2)
    yield from join(torrent, [first])
    yield from join(torrent, [second], left=0)
    unknown = draw.torrent()
    yield scrape("1 torrent", torrent, first, [torrent])
    yield scrape("1 torrent as a text", torrent, first, [torrent], text(torrent.info_hash))
    yield scrape("unknown and known torrent", torrent, first, [unknown, torrent])
    yield scrape("same torrent twice", torrent, first, [torrent, torrent])
    yield scrape("info_hash of 3 bytes", torrent, first, [torrent], "abc")
    yield scrape("no torrents", torrent, first, [torrent], [])
    yield send("scrape, without info_hash", torrent, first, {"action": "scrape"}, View(torrent, scraped=(torrent,)))


def ends(draw: Draw) -> Iterator[Step]:
    """Connections end, and peers change connections."""
    torrent, (first, second, third) = draw.swarm(3)
    yield from join(torrent, [first, second])
    yield Step("ws close", second.client, WsClose(socket(torrent, second)), View(torrent, second))
    yield scrape("after close", torrent, first, [torrent])
    yield announce("same peer id on another connection", torrent, third, {"peer_id": text(first.peer_id)})
    yield Step("ws close", first.client, WsClose(socket(torrent, first)), View(torrent, first))
    yield scrape("after close of the earlier connection", torrent, third, [torrent])
    other = draw.torrent()
    yield announce("second torrent on a connection", torrent, third, {"info_hash": text(other.info_hash)})
    yield announce("second peer id on a connection", torrent, third, {"peer_id": text(second.peer_id)})
    yield scrape("after second peer id on a connection", torrent, third, [torrent])


def beside_http(draw: Draw) -> Iterator[Step]:
    """Peers over HTTP and WebSockets on one torrent."""
    torrent, (first, second) = draw.swarm(2)
    yield from http_episodes.join(torrent, [first])
    yield announce("beside a peer over HTTP", torrent, second, {"offers": offers(2), "numwant": 2})
    yield http_episodes.announce("beside a peer over WebSocket", torrent, first)
    yield http_episodes.scrape("beside a peer over WebSocket", [torrent])


EPISODES = [*[traffic] * TRAFFICS, exchange, numbers_of_offers, seeders_of_seeders, events, malformed, scrapes, ends, beside_http]
# These come last, because they may end a tracker.
LAST = [null_offer]
