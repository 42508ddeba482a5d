"""Two network namespaces and a virtual cable between them: one for the tracker, one for good clients and attackers. On
a cable, unlike on the loopback, sources can be made up and what the tracker sends can be counted."""

import contextlib
import ctypes
import itertools
import json
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass

from comparison.protocols import HERE

# All of it is in 198.18.0.0/15, the network for benchmarks. The load's side has every address of SOURCES.
SERVER_IP, LOAD_IP, LINK_BITS = "198.18.255.1", "198.18.255.2", 30
SOURCES = "198.19.0.0/16"
COMMAND_S_MAX = 20
CLONE_NEWNET = 0x40000000
NUMBERS = itertools.count()


@dataclass(frozen=True)
class Traffic:
    """What has crossed the cable, with the heads of Ethernet, IP and UDP or TCP."""

    to_server_bytes: int
    to_server_datagrams: int
    from_server_bytes: int
    from_server_datagrams: int

    def since(self, before: "Traffic") -> "Traffic":
        """Returns the traffic after an earlier moment."""
        return Traffic(*[getattr(self, field) - getattr(before, field) for field in self.__dataclass_fields__])


@dataclass(frozen=True)
class Network:
    """The namespaces and the tracker's end of the cable."""

    server: str
    load: str
    server_link: str
    server_ip: str = SERVER_IP

    def of_server(self) -> tuple[str, ...]:
        """Returns the start of a command that runs beside the tracker."""
        return within(self.server)

    def of_load(self) -> tuple[str, ...]:
        """Returns the start of a command that runs at the other end."""
        return within(self.load)

    def traffic(self) -> Traffic:
        """Returns what has crossed the cable so far."""
        shown = output("ip", "-n", self.server, "-json", "-statistics", "link", "show", self.server_link)
        received, sent = (json.loads(shown)[0]["stats64"][way] for way in ("rx", "tx"))
        return Traffic(received["bytes"], received["packets"], sent["bytes"], sent["packets"])

    def udp_socket(self, source: str) -> socket.socket:
        """Returns a socket of the load's side with this source address."""
        made: list[socket.socket | OSError] = []
        # Only the thread enters the namespace, and ends there.
        thread = threading.Thread(target=lambda: made.append(socket_in(self.load, source)))
        thread.start()
        thread.join()
        if not made or isinstance(made[0], OSError):
            raise RuntimeError(f"no socket of {source}: {made}")
        return made[0]


class Loopback:
    """This machine's loopback instead of a cable. All of 127.0.0.0/8 are addresses of its sources."""

    server_ip = HERE

    def udp_socket(self, source: str) -> socket.socket:
        """Returns a socket with this source address."""
        made = socket.socket(type=socket.SOCK_DGRAM)
        made.bind((source, 0))
        return made


def within(namespace: str) -> tuple[str, ...]:
    """Returns the start of a command that runs in a network namespace, with the same files as here: `ip netns exec` would hide the
    control groups, and with them their limits, from the tracker."""
    return ("nsenter", f"--net=/run/netns/{namespace}", "--")


@contextlib.contextmanager
def cable() -> Iterator[Network]:
    """Makes the namespaces for the block, and removes them with all that is in them."""
    unique = f"{os.getpid()}-{next(NUMBERS)}"
    network = Network(f"ringtrack-server-{unique}", f"ringtrack-load-{unique}", "tracker")
    try:
        for name in (network.server, network.load):
            output("ip", "netns", "add", name)
            output("ip", "-n", name, "link", "set", "lo", "up")
        connect(network)
        yield network
    finally:
        for name in (network.server, network.load):
            subprocess.run(["ip", "netns", "delete", name], stderr=subprocess.DEVNULL, timeout=COMMAND_S_MAX, check=False)


def connect(network: Network) -> None:
    """Lays the cable. The tracker's side sends everything to the other, which also owns many addresses."""
    output("ip", "-n", network.server, "link", "add", network.server_link, "type", "veth", "peer", "name", "load",
           "netns", network.load)
    for name, link, ip in ((network.server, network.server_link, SERVER_IP), (network.load, "load", LOAD_IP)):
        output("ip", "-n", name, "address", "add", f"{ip}/{LINK_BITS}", "dev", link)
        output("ip", "-n", name, "link", "set", link, "up")
    output("ip", "-n", network.server, "route", "add", "default", "via", LOAD_IP)
    output("ip", "-n", network.load, "route", "add", "local", SOURCES, "dev", "lo")


def socket_in(namespace: str, source: str) -> socket.socket | OSError:
    """Moves this thread into a namespace, and returns a socket made there."""
    try:
        with open(f"/run/netns/{namespace}", "rb") as file:
            if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), CLONE_NEWNET):
                return OSError(ctypes.get_errno(), "setns")
        made = socket.socket(type=socket.SOCK_DGRAM)
        made.bind((source, 0))
    except OSError as error:
        return error
    return made


def output(*command: str) -> str:
    """Returns the output of a command; its own words are the reason if it fails."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_S_MAX, check=False)
    if done.returncode:
        raise RuntimeError(f"`{' '.join(command)}`: {done.stderr.strip()}")
    return done.stdout
