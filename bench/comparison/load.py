"""The load generator: its arguments and its results."""

import json
import math
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

from comparison.paths import BUILD
from comparison.processes import bound_to_us
from comparison.protocols import HERE, Connection, Protocol, Wait

BLAST = str(BUILD / "ringtrack-blast")
# A source address has one peer per port; a few ports are left, so that no number wraps.
PEERS_PER_SOURCE_MAX = 60_000
SOURCES_MIN = 200
# A fill slower than this has failed.
FILL_PEERS_PER_S_MIN = 20_000
# The generator's exit code when replies are wrong.
BOUND_BROKEN = 1
# Over WebSocket an announce waits for the messages of others, of which slow servers have many.
WS_TIMEOUT_MS = 5_000
# Time that a run may take beyond its load.
SLACK_S = 60


@dataclass(frozen=True)
class Population:
    """The peers and torrents of a load."""

    torrents: int = 1_000_000
    peers: int = 2_000_000
    skew: float = 3.0
    seed: int = 1
    # Number of source addresses, and the first of them if it is not the usual one.
    sources: int | None = None
    first_source: str | None = None

    def arguments(self) -> list[str]:
        """Returns the arguments, by default with enough sources for all peers."""
        sources = self.sources or max(SOURCES_MIN, math.ceil(self.peers / PEERS_PER_SOURCE_MAX))
        first = ["--first-source", self.first_source] if self.first_source else []
        return ["--torrents", str(self.torrents), "--peers", str(self.peers), "--skew", f"{self.skew:g}",
                "--seed", str(self.seed), "--sources", str(sources), *first]


@dataclass(frozen=True)
class Load:
    """A load: an open loop with a rate, otherwise a closed loop with a window."""

    population: Population
    mix: str = "0/1/0"
    numwant: int = 30
    window: int = 1024
    rate_per_s: float | None = None
    warmup_s: float = 4.0
    measured_s: float = 4.0
    # Announces of one torrent that are sent as one message.
    torrent_run: int | None = None
    # Datagrams in one message to the kernel; None leaves it to the generator.
    segments: int | None = None
    # Whether each reply is checked against the announces.
    checks: bool = False
    protocol: Protocol = Protocol.UDP
    # URL data that announces over UDP carry; the sources use several in turn.
    url_data: tuple[str, ...] = ()
    # Times that an unanswered request over UDP is sent again.
    retries: int = 0
    # Announces over UDP with which a peer leaves, of a hundred.
    stopped_percent: float = 0
    # What follows /announce in the URL over HTTP and WebSocket.
    key_path: str = ""
    # The rest is for HTTP only. There are enough connections for one per source address.
    connection: Connection = Connection.KEEP_ALIVE
    connections: int = SOURCES_MIN
    idle_connections: int = 0
    wait: Wait = Wait.SPIN
    # The rest is for WebSocket only. Offers of an announce.
    offers: int = 5
    seeders_percent: int = 80
    # Whether the tracker responds to answers.
    answers_get_responses: bool = False

    def arguments(self) -> list[str]:
        """Returns all arguments that the load depends on, including those that are defaults of the generator."""
        pace = ["--rate", f"{self.rate_per_s:.0f}"] if self.rate_per_s else ["--window", str(self.window)]
        if self.torrent_run:
            pace += ["--torrent-run", str(self.torrent_run)]
        if self.segments:
            pace += ["--segments", str(self.segments)]
        if self.checks:
            pace += ["--verify"]
        if self.url_data:
            pace += ["--url-data", ",".join(self.url_data)]
        if self.retries:
            pace += ["--retries", str(self.retries)]
        if self.stopped_percent:
            pace += ["--stopped-percent", f"{self.stopped_percent:g}"]
        return ["--mix", self.mix, "--numwant", str(self.numwant), *pace, "--warmup", f"{self.warmup_s:g}",
                "--seconds", f"{self.measured_s:g}", *self.population.arguments(), *self.of_connections()]

    def of_connections(self) -> list[str]:
        """Returns the arguments for HTTP and WebSocket, and how all protocols wait."""
        wait = ["--wait", self.wait.value] if self.wait is not Wait.SPIN else []
        if self.protocol is Protocol.UDP:
            return wait
        idle = ["--idle-connections", str(self.idle_connections)] if self.idle_connections else []
        of_peers = self.of_peers() if self.protocol.is_websocket() else ["--connection", self.connection.value]
        return [*of_peers, "--connections", str(self.connections), *idle, *wait]

    def of_peers(self) -> list[str]:
        """Returns the arguments for WebSocket."""
        responses = ["--answers-get-responses"] if self.answers_get_responses else []
        return ["--offers", str(self.offers), "--seeders-percent", str(self.seeders_percent), *responses,
                "--timeout-ms", str(WS_TIMEOUT_MS)]

    def priority(self) -> list[str]:
        """Returns the start of the command, which sets its priority."""
        return ["chrt", "--fifo", "1"] if self.wait is Wait.SLEEP and shutil.which("chrt") else []

    def command(self, port: int, core: int, host: str = HERE, around: tuple[str, ...] = ()) -> list[str]:
        """Returns the command, whose result is JSON on its standard output."""
        return [*around, *self.priority(), BLAST, "--target", self.protocol.target(port, host) + self.key_path, *self.arguments(),
                "--cores", str(core), "--quiet", "--json", "-"]

    def in_words(self) -> str:
        """Returns the command without its target."""
        scheme = "" if self.protocol is Protocol.UDP else f" --target {self.protocol.value}://..."
        # One of two hundred keys is enough to show.
        shown = replace(self, url_data=(*self.url_data[:1], "...")) if len(self.url_data) > 1 else self
        return f"ringtrack-blast{scheme} {' '.join(shown.arguments())}"

    def at(self, rate_per_s: float) -> "Load":
        """Returns the same load as an open loop."""
        return replace(self, rate_per_s=rate_per_s)


def blast(load: Load, port: int, core: int, host: str = HERE, around: tuple[str, ...] = ()) -> dict:
    """Runs a load and returns the generator's result."""
    seconds_max = load.warmup_s + load.measured_s + SLACK_S
    return answer(load.command(port, core, host, around), seconds_max, (0, BOUND_BROKEN) if load.checks else (0,))


def fill(population: Population, port: int, core: int, host: str = HERE, around: tuple[str, ...] = ()) -> dict:
    """Announces every peer once. Returns how many were accepted, and in which time."""
    command = [*around, BLAST, "--target", Protocol.UDP.target(port, host), "--fill", *population.arguments(), "--cores", str(core),
               "--quiet", "--json", "-"]
    filled = answer(command, population.peers / FILL_PEERS_PER_S_MIN + SLACK_S)["fills"][0]
    if filled["peers"] != population.peers:
        raise RuntimeError(f"the generator announced {filled['peers']} of {population.peers} peers")
    return filled


def list_torrents(population: Population, file: Path) -> None:
    """Writes the info hashes of a population, for trackers that need a list."""
    command = [BLAST, "--target", Protocol.UDP.target(1), "--list-torrents", *population.arguments()]
    with file.open("wb") as out:
        subprocess.run(command, stdout=out, check=True, timeout=SLACK_S)


def is_answered(port: int, protocol: Protocol = Protocol.UDP, host: str = HERE, around: tuple[str, ...] = ()) -> bool:
    """Returns whether a connect or a scrape is answered there; neither leaves any state."""
    mix = "1/0/0" if protocol is Protocol.UDP else "0/0/1"
    probe = [*around, BLAST, "--target", protocol.target(port, host), "--seconds", "0.05", "--warmup", "0", "--mix", mix,
             "--sources", "1", "--connections", "1", "--window", "1", "--quiet", "--json", "-"]
    try:
        done = subprocess.run(bound_to_us(probe), capture_output=True, timeout=1, check=False)
    except subprocess.TimeoutExpired:
        return False
    if done.returncode != 0:
        return False
    result = json.loads(done.stdout)
    return result["answered"] + sum(result["errors"].values()) + sum(result["wrong"].values()) > 0


def answer(command: list[str], seconds_max: float, codes: tuple[int, ...] = (0,)) -> dict:
    """Runs the generator. If it fails, its output is the reason."""
    done = subprocess.run(bound_to_us(command), capture_output=True, text=True, timeout=seconds_max,
                          check=False)
    if done.returncode not in codes:
        raise RuntimeError(f"`{' '.join(command)}`: {done.stderr.strip()}")
    return json.loads(done.stdout)
