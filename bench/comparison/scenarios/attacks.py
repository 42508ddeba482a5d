"""The ways to misuse a tracker, and good clients beside them."""

import contextlib
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

from comparison import ringtrack
from comparison.bench import Bench
from comparison.load import BLAST, SLACK_S, Load, Population, answer, blast
from comparison.network import SERVER_IP, Network, Traffic, cable
from comparison.processes import cpu_s
from comparison.protocols import Connection, Protocol, Wait
from comparison.servers import running
from comparison.setup import Running, Setup
from comparison.speech import say

# An attack begins this long before the good client beside it, and lasts a little longer.
LEAD_S, TAIL_S = 2.0, 1.0
# The good clients: two hundred addresses, each with a hundred peers in ten torrents of the two thousand.
GOOD_PEERS = Population(torrents=2_000, peers=20_000, skew=1, seed=11, sources=200, first_source="198.19.1.1")
GOOD_MIX = "25/72/3"
# The ordinary rate over UDP, and over HTTP with a new connection for each request.
GOOD_PER_S, GOOD_HTTP_PER_S = 1_000, 100
GOOD_WARMUP_S = 0.5
# Heads of Ethernet, IPv4 and UDP.
HEAD_BYTES = 14 + 20 + 8


@dataclass(frozen=True)
class Attack:
    """A way to misuse the tracker, as arguments of the generator."""

    name: str
    title: str
    arguments: tuple[str, ...]
    protocol: Protocol = Protocol.UDP
    # If its sources are made up: how much the tracker may send to them for each byte and datagram that it gets.
    reflection_max: float | None = None

    def command(self, setup: Setup, core: int, seconds: float) -> list[str]:
        """Returns the generator's command line."""
        return [*setup.around_load, BLAST, "--target", self.protocol.target(setup.port, setup.host), *self.arguments,
                "--warmup", "0", "--seconds", f"{seconds:g}", "--cores", str(core), "--quiet", "--json", "-"]


def announces(name: str, title: str, first_source: str, sources: int, torrents: int, peers: int, *more: str) -> Attack:
    """Returns an attack by announces from sources that have proved their addresses."""
    return Attack(name, title, ("--mix", "0/1/0", "--first-source", first_source, "--sources", str(sources), "--torrents", str(torrents),
                                "--peers", str(peers), "--skew", "1", *more))


def connections(kind: str, title: str, number: int, protocol: Protocol = Protocol.HTTP) -> Attack:
    """Returns an attack by connections from eight addresses."""
    return Attack(kind, title, ("--attack", kind, "--first-source", "198.19.210.1", "--sources", "8", "--connections", str(number)),
                  protocol)


# More torrents than are ever drawn twice.
RANDOM_TORRENTS = 10**15
# The seed of the swarm that is poisoned, and its peers.
POISONED = Population(torrents=1, peers=500, skew=1, seed=77, sources=250, first_source="198.19.32.1")
POISONER = "198.19.100.1"
FLOOD = ("--attack", "flood")
# A closed loop fills most quickly: the tracker handles all that is sent. What it drops is given up soon.
FILL = announces("fill", "random announces from 30,000 addresses", "198.19.128.1", 30_000, RANDOM_TORRENTS, 1_900_000_000,
                 "--ports", "1", "--window", "4096", "--timeout-ms", "50")
POISON = announces("poison", "one host announces all of its ports into a swarm of 500", POISONER, 1, 1, 65_535, *FLOOD,
                   "--seed", str(POISONED.seed), "--seeders-percent", "0")
WRONG_IDS = Attack("wrong-ids", "announces with wrong ids at one info hash, from made-up sources",
                   ("--attack", "spoofed", "--mix", "0/1/0", "--torrents", "1"), reflection_max=0.99)
ATTACKS = [
    announces("source", "one source announces at full speed", "198.19.200.1", 1, 1_000_000, 65_000, *FLOOD),
    WRONG_IDS,
    Attack("connects", "connects from made-up sources", ("--attack", "spoofed", "--mix", "1/0/0"), reflection_max=1),
    announces("hot", "20,000 sources announce one torrent at full speed", "198.19.128.1", 20_000, 1, 60_000, *FLOOD,
              "--numwant", "200", "--ports", "1"),
    connections("silent", "15,000 connections of 8 addresses that send nothing", 15_000),
    connections("slow", "15,000 connections of 8 addresses that send a byte now and then", 15_000),
    connections("pipelining", "400 connections of 8 addresses that send and never read", 400),
    connections("handshakes", "64 connections of 8 addresses that only shake hands", 64, Protocol.HTTPS),
]


@dataclass(frozen=True)
class Beside:
    """A good client beside an attack."""

    attack: str
    answered_percent: float
    p99_us: float
    # What the attack sent, and the server's processor time meanwhile.
    attack_per_s: float
    server_busy_percent: float
    # What the tracker sent for each byte and datagram that it got, without the good client's.
    reflected_bytes: float
    reflected_datagrams: float
    # Of the good client alone, where that was measured.
    quiet_p99_us: float = float("nan")


def good_load(protocol: Protocol, seconds: float) -> Load:
    """Returns what the good clients do. They are woken before the attackers, with whom they share a core."""
    load = Load(GOOD_PEERS, GOOD_MIX, rate_per_s=GOOD_PER_S, warmup_s=GOOD_WARMUP_S, measured_s=seconds, segments=1, wait=Wait.SLEEP,
                protocol=protocol)
    if protocol is Protocol.UDP:
        return load
    return replace(load, segments=None, mix="0/1/0", rate_per_s=GOOD_HTTP_PER_S, connection=Connection.PER_REQUEST)


def on_cable(bench: Bench, network: Network, protocol: Protocol, settings: dict[str, str], around: tuple[str, ...] = ()) -> Setup:
    """Returns a setup at the tracker's end of the cable: defaults, but for the settings that the build has."""
    return bench.setup(GOOD_PEERS, protocol=protocol, host=SERVER_IP, environment=ringtrack.known(settings), connections=None,
                       around_server=(*around, *network.of_server()), around_load=network.of_load())


@contextlib.contextmanager
def attacking(bench: Bench, attack: Attack, setup: Setup, seconds: float) -> Iterator[Future]:
    """Attacks during the block, which waits for the end of the attack."""
    command = attack.command(setup, bench.options.load_core, seconds)
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(answer, command, seconds + SLACK_S)


def trial(bench: Bench, attack: Attack) -> Beside:
    """Runs a good client alone and then beside an attack, with a fresh tracker on a cable of its own."""
    with cable() as network:
        setup = on_cable(bench, network, attack.protocol, {})
        return trial_on(bench, attack, network, setup, setup)


def trial_elsewhere(bench: Bench, attack: Attack) -> Beside:
    """Runs the same with the attack at a second tracker on the same core: what remains is the work of the kernel, whoever is attacked."""
    with cable() as network:
        setup = on_cable(bench, network, attack.protocol, {})
        attacked = replace(setup, port=setup.port + 1)
        with running("ringtrack", attacked):
            return trial_on(bench, attack, network, setup, attacked)


def trial_on(bench: Bench, attack: Attack, network: Network, setup: Setup, attacked: Setup) -> Beside:
    """Runs a good client of one tracker alone and then beside an attack at one."""
    with running("ringtrack", setup) as server:
        quiet = good_run(bench, attack.protocol, setup)
        found = replace(beside(bench, attack, network, setup, server, attacked), quiet_p99_us=quiet["latency_us"]["p99_with_lost"])
    say(f"  {found}")
    return found


def beside(bench: Bench, attack: Attack, network: Network, setup: Setup, server: Running, attacked: Setup) -> Beside:
    """Runs a good client beside an attack."""
    seconds = LEAD_S + GOOD_WARMUP_S + bench.options.seconds + TAIL_S
    with attacking(bench, attack, attacked, seconds) as sent:
        time.sleep(LEAD_S)
        begun_s, traffic, spent_s = time.monotonic(), network.traffic(), cpu_s(server.pid)
        good = good_run(bench, attack.protocol, setup)
        took_s, crossed = time.monotonic() - begun_s, network.traffic().since(traffic)
        busy_percent = 100 * (cpu_s(server.pid) - spent_s) / took_s
        attack_per_s = sent.result()["sent_per_s"]
    crossed = without(crossed, good) if attack.protocol is Protocol.UDP else crossed
    return Beside(attack.name, answered_percent(good), good["latency_us"]["p99_with_lost"], attack_per_s, busy_percent,
                  crossed.from_server_bytes / max(1, crossed.to_server_bytes),
                  crossed.from_server_datagrams / max(1, crossed.to_server_datagrams))


def good_run(bench: Bench, protocol: Protocol, setup: Setup) -> dict:
    """Runs the good client for the measured seconds."""
    core = bench.options.load_core if bench.options.good_core is None else bench.options.good_core
    return blast(good_load(protocol, bench.options.seconds), setup.port, core, setup.host, setup.around_load)


def answered_percent(result: dict) -> float:
    """Returns the share of requests with a right response."""
    return 100 * result["answered"] / max(1, result["sent"])


def without(crossed: Traffic, good: dict) -> Traffic:
    """Returns the traffic without the good client's, of which only its measured part is known: the rest stays."""
    bytes_back = good["answered"] * (good["reply_bytes_mean"] + HEAD_BYTES)
    return Traffic(crossed.to_server_bytes, crossed.to_server_datagrams - good["sent"],
                   max(0, crossed.from_server_bytes - round(bytes_back)),
                   max(0, crossed.from_server_datagrams - good["answered"]))
