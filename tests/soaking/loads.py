"""The good clients: peers over UDP, HTTP, HTTPS and WebSocket that come and go."""

import json
import subprocess
import tempfile
from dataclasses import dataclass, replace
from typing import IO

from comparison.load import SLACK_S, WS_TIMEOUT_MS, Load, Population, blast
from comparison.processes import bound_to_us
from comparison.protocols import Connection, Protocol, Wait
from soaking.configuration import Ports

# Of what saturates the tracker.
SHARE = 0.7
# Before a measurement, in which connections are opened.
WARMUP_S = 1.0
SATURATION_WARMUP_S, SATURATION_S = 0.5, 2.5
# Each window has other peers, and the first ones return after these: those of a window of a minute have expired by then.
POPULATIONS = 3
STOPPED_PERCENT = 10
# No scrapes over UDP, which a private tracker refuses.
UDP_MIX, HTTP_MIX = "25/75/0", "0/9/1"
CONNECTIONS = 100
# The tracker and its clients come before everything else on their cores, such as browsers and databases. On a virtual machine its agent is
# among these, which may take a core for 10 ms at a nice value of -10. The greatest load spins: with a real-time priority, the kernel would
# stop it for a twentieth of each second.
FIRST = ["nice", "-n", "-15"]
# The peers of a load over HTTP share a key, which has at most 16,384 sessions on a core: those of three windows, and some of UDP.
HTTP_PEERS = 3_000
# The last one is the load over WebSocket that begins after a disturbance has closed the connections of the first one.
UDP, HTTP_KEPT, HTTP_NEW, HTTPS_NEW, WSS, WSS_AGAIN = "udp", "http kept", "http new", "https new", "wss", "wss again"


@dataclass(frozen=True)
class Loads:
    """All good clients of a window."""

    ports: Ports
    core: int
    # Ends of the URL, each with a key.
    key_paths: tuple[str, ...]
    torrents: int
    peers: int
    # Datagrams in one message to the kernel; None leaves it to the generator. Such a message reaches one worker.
    segments: int | None

    def all(self, window: int, seconds: float, udp_per_s: float) -> dict[str, Load]:
        """Returns the loads of a window, with a rate of 0 without UDP."""
        with_udp = {UDP: self.udp(window, seconds).at(udp_per_s)} if udp_per_s else {}
        return {**with_udp, **self.beside_udp(window, seconds), WSS: self.over_websocket(window, seconds)}

    def udp(self, window: int, seconds: float) -> Load:
        """Returns the load of the greatest part."""
        paths = tuple(f"/announce{path}" for path in self.key_paths)
        return Load(Population(self.torrents, self.peers, seed=1 + window % POPULATIONS), UDP_MIX, warmup_s=WARMUP_S, measured_s=seconds,
                    url_data=paths, segments=self.segments, retries=1, stopped_percent=STOPPED_PERCENT)

    def beside_udp(self, window: int, seconds: float) -> dict[str, Load]:
        """Returns the loads over HTTP, from sources that are limited as usual."""
        def over(protocol: Protocol, network: int, per_s: float, connection: Connection) -> Load:
            peers = Population(2_000, HTTP_PEERS, skew=1, seed=1 + window % POPULATIONS, sources=CONNECTIONS,
                               first_source=f"127.{network}.0.1")
            return Load(peers, HTTP_MIX, rate_per_s=per_s, warmup_s=WARMUP_S, measured_s=seconds, protocol=protocol,
                        key_path=self.key_paths[network], connection=connection, connections=CONNECTIONS, wait=Wait.SLEEP)
        return {
            HTTP_KEPT: over(Protocol.HTTP, 2, 300, Connection.KEEP_ALIVE),
            HTTP_NEW: over(Protocol.HTTP, 3, 50, Connection.PER_REQUEST),
            HTTPS_NEW: over(Protocol.HTTPS, 4, 20, Connection.PER_REQUEST),
        }

    def over_websocket(self, window: int, seconds: float) -> Load:
        """Returns peers that offer connections to each other."""
        peers = Population(5, CONNECTIONS, skew=1, seed=1 + window % POPULATIONS, sources=CONNECTIONS, first_source="127.6.0.1")
        return Load(peers, "0/1/0", rate_per_s=20, warmup_s=WARMUP_S, measured_s=seconds, protocol=Protocol.WSS, key_path=self.key_paths[6],
                    connections=CONNECTIONS, idle_connections=CONNECTIONS, seeders_percent=0, wait=Wait.SLEEP)

    def port(self, load: Load) -> int:
        """Returns the port of a load."""
        return self.ports.https if load.protocol.has_tls() else self.ports.tracker

    def saturation(self, window: int) -> float:
        """Returns the responses per second of a closed loop over UDP while all others run."""
        closed = replace(self.udp(window, SATURATION_S), warmup_s=SATURATION_WARMUP_S, retries=0, stopped_percent=0)
        beside = Running(self, self.all(window, SATURATION_WARMUP_S + SATURATION_S, 0))
        try:
            return blast(closed, self.ports.tracker, self.core)["responses_per_s"]
        finally:
            beside.kill()


@dataclass(frozen=True)
class Result:
    """What a load measured, or why it ended."""

    name: str
    # Empty if the load ended early.
    measured: dict
    reason: str


class Running:
    """Loads that run beside each other."""

    def __init__(self, loads: Loads, chosen: dict[str, Load]) -> None:
        """Starts them."""
        self.loads = loads
        self.running: list[tuple[str, Load, subprocess.Popen, IO[bytes], IO[bytes]]] = []
        for name, load in chosen.items():
            self.start(name, load)

    def start(self, name: str, load: Load) -> None:
        """Starts one more."""
        out, words = tempfile.TemporaryFile(), tempfile.TemporaryFile()
        command = bound_to_us([*FIRST, *load.command(self.loads.port(load), self.loads.core)])
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=words)
        self.running.append((name, load, process, out, words))

    def has_ended(self, name: str) -> bool:
        """Returns whether no load of this name runs."""
        return all(process.poll() is not None for other, _, process, _, _ in self.running if other == name)

    def finish(self) -> list[Result]:
        """Waits for all, and returns their results."""
        results = []
        for name, load, process, out, words in self.running:
            process.wait(load.warmup_s + load.measured_s + SLACK_S + WS_TIMEOUT_MS / 1000)
            texts = []
            for file in (out, words):
                file.seek(0)
                texts.append(file.read().decode(errors="replace"))
            measured = json.loads(texts[0]) if process.returncode == 0 else {}
            results.append(Result(name, measured, texts[1].strip()))
        return results

    def kill(self) -> None:
        """Ends those that have not ended by themselves, and forgets all."""
        for _, _, process, out, words in self.running:
            if process.poll() is None:
                process.kill()
                process.wait()
            out.close()
            words.close()
        self.running.clear()
