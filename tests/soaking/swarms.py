"""Swarms and an account whose contents are known, to see that none is lost."""

import json
import os
import random
import time
from dataclasses import dataclass, field

from comparison.management import connection, get
from comparison.network import Loopback
from comparison.udp_client import COMPLETED, STARTED, UdpClient
from soaking.configuration import TOKEN, Ports

TORRENTS = 40
SOURCE, FIRST_PORT = "127.5.0.1", 7_000
UPLOADED_MAX = 1 << 30
KNOWN_S_MAX, LOOK_S = 10, 0.1


@dataclass
class KnownSwarms:
    """One seeder in each of some torrents, all with one key."""

    ports: Ports
    key: str
    rng: random.Random
    torrents: list[bytes] = field(default_factory=lambda: [os.urandom(20) for _ in range(TORRENTS)])
    # By torrent, what its seeder has reported.
    uploaded: list[int] = field(default_factory=lambda: [0] * TORRENTS)
    # What the account of the key must have.
    accounted: int = 0

    def begin(self) -> None:
        """Downloads each torrent."""
        with self.client() as client:
            for number, torrent in enumerate(self.torrents):
                client.announce(torrent, FIRST_PORT + number, event=STARTED)
                client.announce(torrent, FIRST_PORT + number, left=0, event=COMPLETED)

    def upload(self, is_accounted: bool = True) -> None:
        """Uploads something in each torrent. It is not accounted if the sessions are lost."""
        with self.client() as client:
            for number, torrent in enumerate(self.torrents):
                more = self.rng.randrange(UPLOADED_MAX)
                self.uploaded[number] += more
                self.accounted += more if is_accounted else 0
                client.announce(torrent, FIRST_PORT + number, left=0, uploaded=self.uploaded[number])

    def check(self) -> None:
        """Checks that the tracker knows all of it, or soon does: after a start it reads stored counts in the background."""
        deadline = time.monotonic() + KNOWN_S_MAX
        while fault := self.fault():
            if time.monotonic() > deadline:
                raise RuntimeError(fault)
            time.sleep(LOOK_S)

    def fault(self) -> str | None:
        """Returns what the tracker does not know."""
        headers = {"Authorization": f"Bearer {TOKEN}"}
        with connection(self.ports.api) as api:
            for torrent in self.torrents:
                found = json.loads(get(api, f"/api/v1/torrent/{torrent.hex()}", headers))
                known = found if isinstance(found, dict) else {"seeders": 0, "completed": 0}
                if (known["seeders"], known["completed"]) != (1, 1):
                    return f"a torrent with one seeder and one download is {found}"
            account = json.loads(get(api, f"/api/v1/key/{self.key}", headers))
        if account["uploaded"] != self.accounted:
            return f"an account has {account['uploaded']:,} of {self.accounted:,} uploaded bytes"
        return None

    def client(self) -> "UdpSession":
        """Returns a client of the seeders."""
        return UdpSession(self.ports.tracker, SOURCE, self.key)


class UdpSession:
    """A client over UDP for a block."""

    def __init__(self, port: int, ip: str, key: str) -> None:
        """Opens the socket."""
        self.client = UdpClient(Loopback(), ip, port, f"/announce/{key}")

    def __enter__(self) -> UdpClient:
        """Returns the client."""
        return self.client

    def __exit__(self, *_: object) -> None:
        """Closes the socket."""
        self.client.socket.close()
