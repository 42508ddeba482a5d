"""Filling: random announces far beyond the ceiling of memory, beside live swarms and newcomers."""

import os
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path

from comparison.bench import MIB, Bench
from comparison.load import SLACK_S, Load, Population, blast, fill, list_torrents
from comparison.network import Network, cable
from comparison.processes import resident_peak_bytes
from comparison.protocols import Wait
from comparison.scenarios.attacks import FILL, answered_percent, attacking, on_cable
from comparison.servers import running
from comparison.setup import Running, Setup
from comparison.speech import say
from comparison.tracker_log import figures
from comparison.udp_client import COMPLETED, STARTED, NoAnswer, UdpClient, clients

# The live swarms, three peers each on average. Peers live about thirty times faster than outside: each announces this
# often on average, and the minimum of the interval is as much shorter.
LIVE = Population(torrents=5_000, peers=15_000, skew=1, seed=21, sources=1_000, first_source="198.19.64.1")
REFRESHED_EVERY_S = 60
INTERVAL_S_MIN = 1
# Between the two announces of every live peer before the attack: the tracker tells peers that come back from made-up ones if
# there is half a minute between.
PROVED_AFTER_S = 40
REFRESH_CHUNK_S = 2.0
# One finished download marks each live swarm: a swarm that was thrown away and begun anew has none.
MARKERS = [f"198.19.72.{number}" for number in range(1, 51)]
MARKER_PORT = 7_000
# Clients of new torrents, and the time between two torrents.
NEWCOMERS = [f"198.19.80.{number}" for number in range(1, 101)]
NEWCOMER_EVERY_S = 0.05
# A slower fill than this has failed.
ANNOUNCES_PER_S_MIN = 10_000


@dataclass(frozen=True)
class Filled:
    """What was left after a fill."""

    announces: int
    announces_per_s: float
    ceiling_mib: int
    peak_mib: float
    # Of the tracker, at the end.
    peers: int
    # Swarms with refreshed peers, and how many of them were never thrown away.
    live: int
    survived_percent: float
    refreshes_answered_percent: float
    # New torrents in the second half of the fill, and those whose second peer found the first.
    newcomers: int
    found_percent: float


def measure(bench: Bench, settings: dict[str, str]) -> Filled:
    """Fills a fresh tracker."""
    ceiling = {"RINGTRACK_LIMITS_MEMORY_MAX_MIB": str(bench.options.ceiling_mib),
               "RINGTRACK_ANNOUNCE_INTERVAL_S_MIN": str(INTERVAL_S_MIN)}
    with cable() as network:
        setup = on_cable(bench, network, FILL.protocol, {**ceiling, **settings})
        with running("ringtrack", setup) as server:
            fill(LIVE, setup.port, bench.options.load_core, setup.host, setup.around_load)
            time.sleep(PROVED_AFTER_S)
            fill(LIVE, setup.port, bench.options.load_core, setup.host, setup.around_load)
            with clients(network, setup.port, MARKERS) as markers:
                live = with_peers(markers[0], torrents_of_live(bench.folder / "live.txt"))
                mark(markers, live)
                found = filled(bench, network, setup, server)
                survived = 100 * survivors(markers[0], live) / len(live)
    found = replace(found, live=len(live), survived_percent=survived)
    say(f"  fill: {found}")
    return found


def filled(bench: Bench, network: Network, setup: Setup, server: Running) -> Filled:
    """Fills a tracker while its live peers are refreshed and newcomers come; who survived is read later."""
    announces = bench.options.announces
    attack = replace(FILL, arguments=(*FILL.arguments, "--requests", str(announces)))
    refreshed: list[dict] = []
    done = threading.Event()
    refresher = threading.Thread(target=refresh, args=(bench, setup, done, refreshed))
    refresher.start()
    try:
        with attacking(bench, attack, setup, announces / ANNOUNCES_PER_S_MIN) as attacked, \
                clients(network, setup.port, NEWCOMERS) as newcomers:
            begun_s, samples = time.monotonic(), []
            while not attacked.done():
                pair = [newcomers[(2 * len(samples) + which) % len(newcomers)] for which in (0, 1)]
                samples.append((time.monotonic(), finds(*pair)))
                time.sleep(NEWCOMER_EVERY_S)
            result = attacked.result()
    finally:
        done.set()
        refresher.join(REFRESH_CHUNK_S + SLACK_S)
    half_s = (begun_s + samples[-1][0]) / 2
    late = [is_found for at_s, is_found in samples if at_s > half_s]
    answered = [answered_percent(result) for result in refreshed]
    return Filled(result["sent"], result["sent_per_s"], bench.options.ceiling_mib, resident_peak_bytes(server.pid) / MIB,
                  figures(server).peers(), 0, 0, sum(answered) / max(1, len(answered)), len(late), 100 * sum(late) / max(1, len(late)))


def refresh(bench: Bench, setup: Setup, done: threading.Event, results: list[dict]) -> None:
    """Announces the live peers again and again until it is done."""
    load = Load(LIVE, rate_per_s=LIVE.peers / REFRESHED_EVERY_S, warmup_s=0, measured_s=REFRESH_CHUNK_S, segments=1, wait=Wait.SLEEP)
    while not done.is_set():
        results.append(blast(load, setup.port, bench.options.load_core, setup.host, setup.around_load))


def finds(first: UdpClient, second: UdpClient) -> bool:
    """Returns whether the second peer of a torrent that nobody knew finds the first."""
    torrent = os.urandom(20)
    try:
        first.announce(torrent, 6_881, event=STARTED)
        return (first.ip, 6_881) in second.announce(torrent, 6_882, event=STARTED)
    except NoAnswer:
        return False


def torrents_of_live(file: Path) -> list[bytes]:
    """Returns the info hashes of the live peers' torrents. A few have none of the peers, which choose theirs at random."""
    list_torrents(LIVE, file)
    return [bytes.fromhex(line) for line in file.read_text().split()]


def with_peers(client: UdpClient, torrents: list[bytes]) -> list[bytes]:
    """Returns the torrents that have peers."""
    scraped = zip(torrents, client.scrape(torrents), strict=True)
    return [torrent for torrent, (seeders, _, leechers) in scraped if seeders + leechers > 0]


def mark(markers: list[UdpClient], torrents: list[bytes]) -> None:
    """Finishes a download in each swarm."""
    for number, torrent in enumerate(torrents):
        marker = markers[number % len(markers)]
        marker.announce(torrent, MARKER_PORT, event=STARTED, numwant=0)
        marker.announce(torrent, MARKER_PORT, left=0, event=COMPLETED, numwant=0)


def survivors(client: UdpClient, torrents: list[bytes]) -> int:
    """Returns how many swarms still know of their download and have peers."""
    return sum(completed > 0 and seeders + leechers > 0 for seeders, completed, leechers in client.scrape(torrents))
