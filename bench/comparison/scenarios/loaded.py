"""Whether a tracker that holds millions of peers is slower than one that starts empty."""

from dataclasses import asdict

from comparison.bench import Bench, Run, of_server
from comparison.load import Load, Population, fill
from comparison.report import Report, count, decimal
from comparison.servers import running
from comparison.summary import highest, lowest

ROUNDS = 6
EMPTY, FILLED = "empty at first", "filled before"
COLUMNS = ["ringtrack", "announces/s, best", "median", "CPU us/response, best", "median", "p99 us, median",
           "resident MiB"]


def measure(bench: Bench) -> Report:
    """Pairs of an empty tracker and a filled one, under one load over the same peers."""
    options = bench.options
    population = Population(options.loaded_torrents, options.loaded_peers)
    load = Load(population, "0/1/0", options.numwant, options.window, None, options.warmup, options.seconds)
    rounds = options.rounds_or(ROUNDS)
    runs = bench.alternate([EMPTY, FILLED], rounds, lambda name, number: one(bench, load, name, number))
    rates = {name: highest(run.responses_per_s for run in of_server(runs, name)) for name in (EMPTY, FILLED)}
    over = rates[FILLED].over(rates[EMPTY])
    notes = [(f"{rounds} alternating pairs. Filled over empty: {over.best:.3f} (best over best), {over.median:.3f} "
             "(median over median). Both get the same load, which draws from the same peers: the empty one learns "
             "them from it, the filled one knows all of them.")]
    rows = [row(name, of_server(runs, name)) for name in (EMPTY, FILLED)]
    title = f"With {population.peers:,} peers in {population.torrents:,} torrents"
    fill_words = f"ringtrack-blast --fill {' '.join(population.arguments())}"
    return Report("loaded", title, [fill_words, load.in_words()], COLUMNS, rows, notes, [asdict(run) for run in runs])


def one(bench: Bench, load: Load, name: str, number: int) -> Run:
    """One run, after a fill where the name says so."""
    with running("ringtrack", bench.setup(load.population)) as server:
        if name == FILLED:
            fill(load.population, server.port, bench.options.load_core)
        run = bench.measure_running(server, load, number)
    return Run(**{**asdict(run), "server": name})


def row(name: str, runs: list[Run]) -> list[str]:
    """One state's line."""
    rate, cost = highest(run.responses_per_s for run in runs), lowest(run.cpu_us_per_response for run in runs)
    p99, resident = lowest(run.p99_us for run in runs), lowest(run.resident_mib for run in runs)
    return [name, count(rate.best), count(rate.median), decimal(cost.best), decimal(cost.median), count(p99.median),
            count(resident.median)]
