"""The memory of a peer, including everything that comes with it."""

from dataclasses import dataclass

from comparison.bench import MIB, Bench
from comparison.load import Population, fill
from comparison.processes import resident_bytes
from comparison.tracker_log import require_peers
from comparison.report import Report, count
from comparison.servers import running
from comparison.speech import say
from comparison.summary import lowest

EVEN_TORRENTS = 100_000
COLUMNS = ["server", "swarms", "peers accepted", "resident bytes a peer", "resident MiB", "fill s"]


@dataclass(frozen=True)
class Fill:
    """A server after a fill."""

    server: str
    swarms: str
    accepted: int
    bytes_per_peer: float
    resident_mib: float
    seconds: float


def measure(bench: Bench) -> Report:
    """Measures few big swarms and many small ones: the cost of a peer, and that of a swarm."""
    options = bench.options
    even = Population(EVEN_TORRENTS, options.loaded_peers, skew=1)
    skewed = Population(options.loaded_torrents, options.loaded_peers)
    names = [name for name in bench.names(["ringtrack"]) if name != "echo"]
    rounds = options.rounds_or(1)
    fills = [one(bench, name, population) for _ in range(rounds) for population in (even, skewed) for name in names]
    rows = [row([f for f in fills if (f.server, f.swarms) == (name, in_words(population))])
            for population in (even, skewed) for name in names]
    notes = ["Resident bytes are VmRSS after the fill minus VmRSS before it, including tables."]
    commands = [f"ringtrack-blast --fill {' '.join(population.arguments())}" for population in (even, skewed)]
    return Report("memory", "Memory of a peer", commands, COLUMNS, rows, notes, [vars(fill) for fill in fills])


def one(bench: Bench, name: str, population: Population) -> Fill:
    """Fills a fresh server."""
    with running(name, bench.setup(population)) as server:
        before = resident_bytes(server.pid)
        filled = fill(population, server.port, bench.options.load_core)
        grown = resident_bytes(server.pid) - before
        require_peers(server, population.peers)
    found = Fill(name, in_words(population), filled["accepted"], grown / max(1, filled["accepted"]),
                 (grown + before) / MIB, filled["seconds"])
    say(f"  {name}: {found.swarms}: {found.bytes_per_peer:.1f} bytes per peer, filled in {found.seconds:.1f} s")
    return found


def in_words(population: Population) -> str:
    """Describes the swarms."""
    likeness = "even" if population.skew == 1 else "skewed"
    return f"{population.torrents:,} torrents, {likeness}"


def row(fills: list[Fill]) -> list[str]:
    """Returns the row of a server with one kind of swarms, with medians."""
    median = {field: lowest(getattr(fill, field) for fill in fills).median
              for field in ("bytes_per_peer", "resident_mib", "seconds")}
    return [fills[0].server, fills[0].swarms, count(fills[0].accepted), f"{median['bytes_per_peer']:.1f}",
            count(median["resident_mib"]), f"{median['seconds']:.1f}"]
