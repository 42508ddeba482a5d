"""How long an answer takes while the server is half busy: at saturation every server is as slow as its queue."""

from dataclasses import asdict

from comparison.bench import Bench, Run, of_server
from comparison.report import Report, count
from comparison.scenarios.saturation import saturation_per_s
from comparison.scenarios.usual_load import usual_load
from comparison.summary import Spread, lowest

ROUNDS = 6
SHARE = 0.5
USUAL = ["echo", "ringtrack", "aquatic_udp"]
QUANTILES = ["p50_us", "p99_us", "p999_us"]
COLUMNS = ["server", "responses/s, median", "p50 us, best", "median", "p99 us, best", "median", "p99.9 us, best",
           "median", "over echo: p50, best", "p99, best", "p99, median", "lost"]


def measure(bench: Bench) -> Report:
    """The same rate for all."""
    closed = usual_load(bench.options)
    rate = SHARE * saturation_per_s(bench, closed)
    load = closed.at(rate)
    names, rounds = bench.names(USUAL), bench.options.rounds_or(ROUNDS)
    runs = bench.alternate(names, rounds, lambda name, number: bench.measure(name, load, number))
    spreads = {name: {q: lowest(getattr(run, q) for run in of_server(runs, name)) for q in QUANTILES}
               for name in names}
    rows = [row(name, of_server(runs, name), spreads) for name in names]
    notes = [(f"{rounds} alternating rounds at {rate:,.0f} announces/s, half of what ringtrack answers at most. "
             "Requests leave on a schedule, and latency counts from the scheduled moment.")]
    if "echo" in names:
        notes.append(f"The echo floor answers with {bench.peers_for_echo('echo', load)} peers, the mean of ringtrack's "
                     "answers.")
    return Report("latency", "Latency at half of the saturation", [load.in_words()], COLUMNS, rows, notes,
                  [asdict(run) for run in runs])


def row(name: str, runs: list[Run], spreads: dict[str, dict[str, Spread]]) -> list[str]:
    """One server's line."""
    mine = spreads[name]
    floor = spreads.get("echo", {q: Spread(0, 0) for q in QUANTILES})
    over = {q: mine[q].over(floor[q]) for q in QUANTILES}
    cells = [count(value) for q in QUANTILES for value in (mine[q].best, mine[q].median)]
    ratios = [over["p50_us"].best, over["p99_us"].best, over["p99_us"].median]
    rate = lowest(run.responses_per_s for run in runs).median
    lost = lowest(run.loss_percent for run in runs).median
    return [name, count(rate), *cells, *[f"{ratio:.2f}" for ratio in ratios], f"{lost:.2f} %"]
