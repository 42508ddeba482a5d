"""A tracker with as many peers as the largest public ones: whether it loads, serves and expires them."""

import time
from dataclasses import dataclass, replace

from comparison.bench import MIB, Bench
from comparison.load import Population, fill
from comparison.processes import resident_bytes
from comparison.report import Report, count
from comparison.scenarios.lifetimes import lifetime
from comparison.scenarios.usual_load import usual_load
from comparison.servers import running
from comparison.setup import Running
from comparison.speech import say
from comparison.tracker_log import figures, require_peers, worst_pause_us

# Between two readings of the figures while peers expire.
LOOK_S = 2.0
# Not the peers that expire, and few: they expire later, and the run waits for all.
MEANWHILE = Population(torrents=50_000, peers=100_000, seed=2)
COLUMNS = ["round", "peers", "loaded in s", "resident bytes a peer", "announces/s", "expired in s", "peers/s",
           "announces/s meanwhile", "worst pause us", "resident MiB at the end"]


@dataclass(frozen=True)
class HugeRun:
    """One run of a large tracker."""

    round: int
    accepted: int
    load_s: float
    bytes_per_peer: float
    announces_per_s: float
    # NaN if not all had expired in time.
    expired_in_s: float
    expired: int
    announces_per_s_meanwhile: float
    worst_pause_us: int
    resident_mib_at_end: float


@dataclass(frozen=True)
class Expiry:
    """The expiry of all peers."""

    seconds: float
    peers: int
    announces_per_s: float
    is_complete: bool


def measure(bench: Bench) -> Report:
    """Measures fill, load and expiry."""
    options = bench.options
    population = Population(options.huge_torrents, options.huge_peers)
    runs = [one(bench, population, number + 1) for number in range(options.rounds_or(1))]
    full = replace(usual_load(options), population=population)
    meanwhile = replace(full, population=MEANWHILE)
    notes = [(f"Lifetime {options.huge_lifetime_s} s. Resident bytes are VmRSS after the fill minus VmRSS before it. "
             "Expiry is timed from the first peer to the last one, including those of the load: peers expire in the "
             "order in which they came, and no sooner. The load during it begins with it.")]
    if any(run.expired_in_s != run.expired_in_s for run in runs):
        notes.append(f"Rows without a time of expiry were not complete within {options.huge_wait_s} s.")
    commands = [f"ringtrack-blast --fill {' '.join(population.arguments())}", full.in_words(), meanwhile.in_words()]
    title = f"{population.peers:,} peers in {population.torrents:,} torrents"
    return Report("huge", title, commands, COLUMNS, [row(run) for run in runs], notes, [vars(run) for run in runs])


def one(bench: Bench, population: Population, number: int) -> HugeRun:
    """Runs a tracker from its start to the expiry of its last peer."""
    options = bench.options
    with running("ringtrack", bench.setup(population, environment=lifetime(options.huge_lifetime_s))) as server:
        before = resident_bytes(server.pid)
        filled = fill(population, server.port, options.load_core)
        grown = resident_bytes(server.pid) - before
        require_peers(server, population.peers)
        say(f"  {filled['accepted']:,} peers in {filled['seconds']:.0f} s, "
            f"{grown / max(1, filled['accepted']):.1f} bytes each")
        if filled["seconds"] > options.huge_lifetime_s:
            raise RuntimeError("the first peers expired during the fill: --huge-lifetime-s is too short")
        load = replace(usual_load(options), population=population)
        run = bench.measure_running(server, load, number)
        expiry = expire(bench, server)
        return HugeRun(number, filled["accepted"], filled["seconds"], grown / max(1, filled["accepted"]),
                       run.responses_per_s, expiry.seconds if expiry.is_complete else float("nan"), expiry.peers,
                       expiry.announces_per_s, worst_pause_us(server), resident_bytes(server.pid) / MIB)


def expire(bench: Bench, server: Running) -> Expiry:
    """Waits for the first peer to expire, runs a load, and waits until all have expired."""
    options = bench.options
    deadline = time.monotonic() + options.huge_lifetime_s + options.huge_wait_s
    while figures(server).expired() == 0 and time.monotonic() < deadline:
        time.sleep(LOOK_S)
    begun = time.monotonic()
    say("  the first peers expire")
    load = replace(usual_load(options), population=MEANWHILE)
    rate = bench.measure_running(server, load, 1).responses_per_s
    while (now := figures(server)).peers() > 0 and time.monotonic() < deadline:
        time.sleep(LOOK_S)
    return Expiry(time.monotonic() - begun, now.expired(), rate, now.peers() == 0)


def row(run: HugeRun) -> list[str]:
    """Returns the row of a run."""
    return [str(run.round), count(run.accepted), f"{run.load_s:.1f}", f"{run.bytes_per_peer:.1f}",
            count(run.announces_per_s), f"{run.expired_in_s:.0f}", count(run.expired / run.expired_in_s),
            count(run.announces_per_s_meanwhile), count(run.worst_pause_us), count(run.resident_mib_at_end)]
