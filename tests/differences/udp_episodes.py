"""Episodes over UDP."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace

from comparison.udp_client import ANNOUNCE, CONNECT, SCRAPE
from differences.draw import Draw, Traffic
from differences.steps import Datagram, Family, Peer, Proof, Step, Torrent, View

# Swarms of ordinary traffic.
TRAFFICS = 6
EVENTS = {"": 0, "completed": 1, "started": 2, "stopped": 3}
URL_DATA = 2
# More peers than a tracker returns.
CROWD = 300
# An address of a documentation network, as four bytes.
NAMED = bytes([192, 0, 2, 7])


@dataclass(frozen=True)
class Announce:
    """The fields of an announce."""

    left: int = 1
    event: int = EVENTS["started"]
    numwant: int = 50
    ip: bytes = bytes(4)
    key: int = 0
    has_port: bool = True
    peer_id: bytes | None = None
    options: bytes = b""
    # Not sent: the seeders in the swarm.
    seeders: frozenset[str] = frozenset()


def announce(kind: str, torrent: Torrent, peer: Peer, fields: Announce = Announce(), proof: Proof = Proof.OWN) -> Step:
    """Returns the step of an announce."""
    numbers = struct.pack(">QQQI4sIIH", 0, fields.left, 0, fields.event, fields.ip, fields.key, fields.numwant % 2**32,
                          peer.port * fields.has_port)
    body = torrent.info_hash + (fields.peer_id or peer.peer_id) + numbers + fields.options
    view = View(torrent, peer, fields.left == 0, fields.event == EVENTS["stopped"], fields.seeders,
                is_choice=fields.numwant == 1)
    return Step(f"udp announce, {kind}", peer.client, Datagram(proof, ANNOUNCE, body), view)


def join(torrent: Torrent, peers: list[Peer], left: int = 1) -> Iterator[Step]:
    """Announces peers to a torrent."""
    for peer in peers:
        yield announce("started", torrent, peer, Announce(left))


def scrape(kind: str, torrents: list[Torrent], client: int = 0, rest: bytes = b"") -> Step:
    """Returns the step of a scrape."""
    body = b"".join(torrent.info_hash for torrent in torrents) + rest
    return Step(f"udp scrape, {kind}", client, Datagram(Proof.OWN, SCRAPE, body), View(torrents[0], scraped=tuple(torrents)))


def scrape_of_traffic(torrent: Torrent) -> Step:
    """Returns the step of a scrape amid ordinary traffic."""
    one = scrape("ordinary", [torrent])
    return replace(one, view=replace(one.view, is_drawn=True))


def traffic(draw: Draw) -> Iterator[Step]:
    """Clients come, complete, and go."""
    torrent, peers = draw.swarm(draw.source.randint(2, 7))
    flow = Traffic(draw.source, peers)
    for _ in range(14):
        act = flow.act()
        fields = Announce(act.left, EVENTS[act.event], draw.source.choice([50, 200, -1]), seeders=act.seeders)
        yield announce(act.event or "regular", torrent, act.peer, fields)
        if draw.source.random() < 0.4:
            yield scrape_of_traffic(torrent)


def seeders_of_seeders(draw: Draw) -> Iterator[Step]:
    """A seeder asks for peers among seeders and a leecher."""
    torrent, (first, second, third) = draw.swarm(3)
    yield from join(torrent, [first], left=0)
    yield from join(torrent, [second])
    yield announce("started as seeder", torrent, third, Announce(0, seeders=frozenset(first.name)))


def first_announces(draw: Draw) -> Iterator[Step]:
    """Peers whose first announce is not `started`."""
    for event, kind in [("", "regular at first"), ("completed", "completed at first"), ("stopped", "stopped at first")]:
        torrent, (first, second) = draw.swarm(2)
        yield from join(torrent, [first])
        yield announce(kind, torrent, second, Announce(0, EVENTS[event]))
        yield scrape(f"after {kind}", [torrent])


def completions(draw: Draw) -> Iterator[Step]:
    """Completed events that no download precedes, or that bytes contradict."""
    torrent, (first,) = draw.swarm(1)
    yield from join(torrent, [first])
    yield announce("completed", torrent, first, Announce(0, EVENTS["completed"]))
    yield announce("completed again", torrent, first, Announce(0, EVENTS["completed"]))
    yield scrape("after completed twice", [torrent])
    yield announce("stopped", torrent, first, Announce(0, EVENTS["stopped"]))
    yield scrape("after completed and stopped", [torrent])
    torrent, (first,) = draw.swarm(1)
    yield from join(torrent, [first])
    yield announce("completed with bytes left", torrent, first, Announce(5, EVENTS["completed"]))
    yield scrape("after completed with bytes left", [torrent])
    torrent, (first,) = draw.swarm(1)
    yield from join(torrent, [first])
    yield announce("nothing left without completed", torrent, first, Announce(0, EVENTS[""]))
    yield scrape("after nothing left without completed", [torrent])
    yield announce("bytes left again", torrent, first, Announce(1, EVENTS[""]))


def undefined_events(draw: Draw) -> Iterator[Step]:
    """Events that BEP 15 does not define."""
    for event in (4, 255):
        torrent, (first, second) = draw.swarm(2)
        yield from join(torrent, [first])
        yield announce(f"event {event}", torrent, second, Announce(1, event))
        yield scrape(f"after event {event}", [torrent])


def numbers_wanted(draw: Draw) -> Iterator[Step]:
    """Numbers of peers that a client may ask for."""
    torrent, (*others, last) = draw.swarm(5)
    yield from join(torrent, others)
    for numwant in (0, 1, 50, 2**31 - 1, -1, -2):
        yield announce(f"numwant {numwant}", torrent, last, Announce(numwant=numwant))


def crowd(draw: Draw) -> Iterator[Step]:
    """A client asks for peers of a swarm that has more than fit into an answer. Over IPv6 all would be one host."""
    if draw.family is Family.V6:
        return
    torrent = draw.torrent()
    for client in range(CROWD):
        yield announce("to a crowd", torrent, draw.ids.peer(torrent, client), Announce(numwant=0))
    last = draw.ids.peer(torrent, CROWD)
    for numwant in (-1, 50, 1000):
        step = announce(f"numwant {numwant} of a crowd", torrent, last, Announce(numwant=numwant))
        yield replace(step, view=replace(step.view, is_choice=True))


def no_port(draw: Draw) -> Iterator[Step]:
    """A client that does not listen."""
    torrent, (first, second, third) = draw.swarm(3)
    yield from join(torrent, [first])
    yield announce("port 0", torrent, second, Announce(has_port=False))
    yield announce("after port 0", torrent, third)
    yield scrape("after port 0", [torrent])


def named_address(draw: Draw) -> Iterator[Step]:
    """A client that names another address."""
    torrent, (first, second) = draw.swarm(2)
    yield announce("IP address named", torrent, first, Announce(ip=NAMED))
    yield announce("after IP address named", torrent, second)


def identities(draw: Draw) -> Iterator[Step]:
    """Clients that change their key, peer id, port or address."""
    torrent, (first, second) = draw.swarm(2)
    yield announce("key", torrent, first, Announce(key=7))
    yield announce("another key", torrent, first, Announce(key=8))
    yield scrape("after another key", [torrent])
    yield announce("another peer id", torrent, first, Announce(peer_id=second.peer_id))
    yield scrape("after another peer id", [torrent])
    yield announce("stopped with the first peer id", torrent, first, Announce(event=EVENTS["stopped"]))
    yield scrape("after stopped with the first peer id", [torrent])
    torrent, (first, other) = draw.swarm(2)
    moved = draw.ids.peer(torrent, first.client)
    yield from join(torrent, [first])
    yield announce("another port", torrent, moved, Announce(peer_id=first.peer_id))
    yield announce("after another port", torrent, other)
    torrent, (first, second, other) = draw.swarm(3)
    yield from join(torrent, [first])
    yield announce("peer id of another address", torrent, second, Announce(peer_id=first.peer_id))
    yield announce("after peer id of another address", torrent, other)


def url_data(draw: Draw) -> Iterator[Step]:
    """Options of BEP 41."""
    url = b"/announce?from=" + b"x" * draw.source.randint(1, 200)
    for kind, options in [
        ("URL data", bytes([URL_DATA, len(url)]) + url),
        ("URL data in two parts", bytes([URL_DATA, 4]) + url[:4] + bytes([1, URL_DATA, 5]) + url[4:9] + bytes([0])),
        ("URL data truncated", bytes([URL_DATA, 200]) + url[:10]),
        ("unknown option", bytes([77, 3]) + b"abc"),
        ("bytes after the end", bytes([0]) + draw.source.randbytes(40)),
    ]:
        torrent, (first, second) = draw.swarm(2)
        yield from join(torrent, [first])
        yield announce(kind, torrent, second, Announce(options=options))


def proofs(draw: Draw) -> Iterator[Step]:
    """Connection ids that are not the client's."""
    torrent, (first, second) = draw.swarm(2)
    yield from join(torrent, [first])
    for proof in (Proof.OTHERS, Proof.RANDOM, Proof.PROTOCOL):
        yield announce(f"connection id is {proof.value}", torrent, second, Announce(), proof)
        body = torrent.info_hash
        yield Step(f"udp scrape, connection id is {proof.value}", second.client, Datagram(proof, SCRAPE, body),
                   View(torrent, scraped=(torrent,)))
    yield scrape("after wrong connection ids", [torrent])


def malformed(draw: Draw) -> Iterator[Step]:
    """Datagrams that are no requests."""
    torrent, (first,) = draw.swarm(1)
    whole = announce("", torrent, first).request
    assert isinstance(whole, Datagram)
    view = View(torrent, first)
    for kind, request in [
        ("announce, 97 bytes", Datagram(Proof.OWN, ANNOUNCE, whole.body, 97)),
        ("announce, 36 bytes", Datagram(Proof.OWN, ANNOUNCE, whole.body, 36)),
        ("announce, 16 bytes", Datagram(Proof.OWN, ANNOUNCE, b"")),
        ("datagram, 15 bytes", Datagram(Proof.OWN, ANNOUNCE, whole.body, 15)),
        ("datagram, 1 byte", Datagram(Proof.OWN, ANNOUNCE, whole.body, 1)),
        ("datagram, 0 bytes", Datagram(Proof.OWN, ANNOUNCE, whole.body, 0)),
        ("scrape, no torrent", Datagram(Proof.OWN, SCRAPE, b"")),
        ("scrape, half a torrent", Datagram(Proof.OWN, SCRAPE, torrent.info_hash[:10])),
        ("action 3", Datagram(Proof.OWN, 3, b"")),
        ("action 4", Datagram(Proof.OWN, 4, b"")),
        ("action 255 as long as an announce", Datagram(Proof.OWN, 255, whole.body)),
        ("action 255 with a wrong connection id", Datagram(Proof.RANDOM, 255, whole.body)),
        ("connect, wrong constant", Datagram(Proof.RANDOM, CONNECT, b"")),
        ("connect, longer", Datagram(Proof.PROTOCOL, CONNECT, draw.source.randbytes(30))),
    ]:
        yield Step(f"udp {kind}", first.client, request, view)
    yield scrape("after malformed requests", [torrent])


def scrapes(draw: Draw) -> Iterator[Step]:
    """Scrapes of several torrents."""
    torrent, (seeder, leecher) = draw.swarm(2)
    yield from join(torrent, [seeder], left=0)
    yield from join(torrent, [leecher])
    unknown = [draw.torrent() for _ in range(120)]
    yield scrape("unknown torrent", unknown[:1])
    yield scrape("unknown and known torrent", [unknown[0], torrent])
    yield scrape("same torrent twice", [torrent, torrent])
    yield scrape("1 torrent and a half", [torrent], rest=unknown[0].info_hash[:10])
    for number in (20, 30, 74, 75, 120):
        yield scrape(f"{number} torrents", [torrent, *unknown[:number - 1]])


def extremes(draw: Draw) -> Iterator[Step]:
    """Extreme numbers."""
    torrent, (first, second) = draw.swarm(2)
    yield announce("most bytes left", torrent, first, Announce(2**64 - 1))
    yield announce("2^40 bytes left", torrent, first, Announce(2**40))
    yield announce("peer id of zeros", torrent, second, Announce(peer_id=bytes(20)))
    yield scrape("after extremes", [torrent])


EPISODES = [*[traffic] * TRAFFICS, seeders_of_seeders, first_announces, completions, undefined_events, numbers_wanted, crowd,
            no_port, named_address, identities, url_data, proofs, malformed, scrapes, extremes]
