"""Whether a tracker that holds millions of peers is slower than one that starts empty."""

from dataclasses import asdict, replace

from comparison.bench import Bench, Run, of_server
from comparison.load import Load, Population, fill
from comparison.report import Report, count, decimal
from comparison.servers import running
from comparison.summary import highest, lowest
from comparison.tracker_log import require_peers

ROUNDS = 6
EMPTY, SMALL, FILLED = "empty at first", "small, filled before", "filled before"
# Few enough to stay in the cache.
SMALL_POPULATION = Population(torrents=50_000, peers=100_000)
COLUMNS = ["ringtrack", "announces/s, best", "median", "CPU us/response, best", "median", "p99 us, median",
           "resident MiB"]


def measure(bench: Bench) -> Report:
    """Measures a filled tracker against an empty one and a small one."""
    options = bench.options
    population = Population(options.loaded_torrents, options.loaded_peers)
    load = Load(population, "0/1/0", options.numwant, options.window, None, options.warmup, options.seconds)
    rounds = options.rounds_or(ROUNDS)
    loads = {EMPTY: load, SMALL: replace(load, population=SMALL_POPULATION), FILLED: load}
    runs = bench.alternate(list(loads), rounds, lambda name, number: one(bench, loads[name], name, number))
    rates = {name: highest(run.responses_per_s for run in of_server(runs, name)) for name in loads}
    over_empty, over_small = (rates[FILLED].over(rates[name]) for name in (EMPTY, SMALL))
    notes = [(f"{rounds} alternating rounds. Filled over empty: {over_empty.best:.3f} (best over best), "
             f"{over_empty.median:.3f} (median over median); over the small one: {over_small.best:.3f}, "
             f"{over_small.median:.3f}. The empty one gets the load of the filled one and learns its peers from it, for "
             f"which it allocates memory that the filled one already has; the small one knows its {SMALL_POPULATION.peers:,} "
             f"peers in {SMALL_POPULATION.torrents:,} torrents, and its load is of them.")]
    rows = [row(name, of_server(runs, name)) for name in loads]
    title = f"With {population.peers:,} peers in {population.torrents:,} torrents"
    fill_words = f"ringtrack-blast --fill {' '.join(population.arguments())}"
    return Report("loaded", title, [fill_words, load.in_words()], COLUMNS, rows, notes, [asdict(run) for run in runs])


def one(bench: Bench, load: Load, name: str, number: int) -> Run:
    """Runs a round, after a fill if the name says so."""
    with running("ringtrack", bench.setup(load.population)) as server:
        if name != EMPTY:
            fill(load.population, server.port, bench.options.load_core)
            require_peers(server, load.population.peers)
        run = bench.measure_running(server, load, number)
    return Run(**{**asdict(run), "server": name})


def row(name: str, runs: list[Run]) -> list[str]:
    """Returns the row of a state."""
    rate, cost = highest(run.responses_per_s for run in runs), lowest(run.cpu_us_per_response for run in runs)
    p99, resident = lowest(run.p99_us for run in runs), lowest(run.resident_mib for run in runs)
    return [name, count(rate.best), count(rate.median), decimal(cost.best), decimal(cost.median), count(p99.median),
            count(resident.median)]
