"""What an episode draws from: torrents, peers, and the seed's randomness."""

import random
from dataclasses import dataclass, field

from differences.steps import Family, Ids, Peer, Torrent


@dataclass
class Draw:
    """The source of an episode's torrents and peers."""

    ids: Ids
    source: random.Random
    family: Family
    info_hashes: list[bytes] = field(default_factory=list)

    def torrent(self, first: bytes = b"") -> Torrent:
        """Returns a torrent that no other episode has, whose info hash starts with these bytes."""
        made = self.ids.torrent(first)
        self.info_hashes.append(made.info_hash)
        return made

    def swarm(self, peers: int) -> tuple[Torrent, list[Peer]]:
        """Returns a torrent with peers, none of which has announced."""
        torrent = self.torrent()
        return torrent, self.ids.peers(torrent, peers)


@dataclass(frozen=True)
class Act:
    """What a peer announces in ordinary traffic, and which peers are seeders then."""

    peer: Peer
    event: str
    left: int
    seeders: frozenset[str]


@dataclass
class Traffic:
    """Ordinary peers of a torrent, which do what clients do."""

    source: random.Random
    peers: list[Peer]
    # Bytes left of those in the swarm.
    left: dict[str, int] = field(default_factory=dict)

    def act(self) -> Act:
        """Returns what a drawn peer announces next."""
        peer = self.source.choice(self.peers)
        left = self.left.get(peer.name)
        if left is None:
            event, left = "started", self.source.choice([0, 1, self.source.randrange(1, 2**31)])
        elif left and self.source.random() < 0.3:
            event, left = "completed", 0
        else:
            event = self.source.choice(["", "", "stopped"])
        self.left[peer.name] = left
        if event == "stopped":
            del self.left[peer.name]
        return Act(peer, event, left, frozenset(name for name, rest in self.left.items() if rest == 0))
