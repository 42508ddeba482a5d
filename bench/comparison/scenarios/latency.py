"""Latency at half of the saturation: at saturation every server is as slow as its queue."""

from dataclasses import asdict, dataclass

from comparison.bench import Bench, Run
from comparison.report import Report, count
from comparison.scenarios.saturation import saturation_per_s
from comparison.scenarios.usual_load import usual_load
from comparison.servers import NAMES
from comparison.summary import Spread, lowest

ROUNDS = 6
SHARE = 0.5
USUAL = NAMES
# At half of its own saturation, and at half of the slowest server's.
OWN, COMMON = "half of its own", "the same for all"
QUANTILES = ["p50_us", "p99_us", "p999_us"]
COLUMNS = ["server", "load", "offered/s", "responses/s, median", "p50 us, best", "median", "p99 us, best", "median",
           "p99.9 us, best", "median", "over echo: p50, best", "p99, best", "p99, median", "lost"]


@dataclass(frozen=True)
class LatencyRun(Run):
    """A run with the name of its load."""

    load: str


def measure(bench: Bench) -> Report:
    """Measures each server at both rates."""
    closed = usual_load(bench.options)
    names, rounds = bench.names(USUAL), bench.options.rounds_or(ROUNDS)
    own = {name: SHARE * saturation_per_s(bench, name, closed) for name in names}
    rates = {OWN: own, COMMON: dict.fromkeys(names, min(own.values()))}
    runs = [run for load, offered in rates.items()
            for run in bench.alternate(names, rounds, lambda name, number, load=load, offered=offered: LatencyRun(
                **asdict(bench.measure(name, closed.at(offered[name]), number)), load=load))]
    rows = [row(name, load, runs) for load in rates for name in names]
    notes = [(f"{rounds} alternating rounds at half of the saturation of each server, the best of its closed loops of "
              "this sitting, and as many at half of that of the slowest one. Requests are sent on a schedule, and latency "
              "counts from the scheduled time."),
             *floor_notes(bench, names, rates)]
    command = closed.at(1).in_words().replace("--rate 1 ", "--rate OFFERED ")
    return Report("latency", "Latency at half of the saturation", [command], COLUMNS, rows, notes,
                  [asdict(run) for run in runs])


def floor_notes(bench: Bench, names: list[str], rates: dict[str, dict[str, float]]) -> list[str]:
    """Returns a note of what the floor sends."""
    if "echo" not in names:
        return []
    own, common = (bench.peers_for_echo("echo", usual_load(bench.options).at(rates[load]["echo"])) for load in (OWN, COMMON))
    return [f"The echo floor replies with {own} peers at half of its own and with {common} at the common rate, the means of "
            "ringtrack's replies under these loads."]


def row(name: str, load: str, runs: list[LatencyRun]) -> list[str]:
    """Returns the row of a server under one of the loads."""
    mine = [run for run in runs if (run.server, run.load) == (name, load)]
    spreads, floor = quantiles(mine), quantiles([run for run in runs if (run.server, run.load) == ("echo", load)])
    over = {q: spreads[q].over(floor[q]) for q in QUANTILES}
    cells = [count(value) for q in QUANTILES for value in (spreads[q].best, spreads[q].median)]
    ratios = [over["p50_us"].best, over["p99_us"].best, over["p99_us"].median]
    rate = lowest(run.responses_per_s for run in mine).median
    lost = lowest(run.loss_percent for run in mine).median
    return [name, load, count(mine[0].offered_per_s or 0), count(rate), *cells, *[f"{ratio:.2f}" for ratio in ratios],
            f"{lost:.2f} %"]


def quantiles(runs: list[LatencyRun]) -> dict[str, Spread]:
    """Returns best and median of each quantile; zeros if there are no runs."""
    return {q: lowest(getattr(run, q) for run in runs) if runs else Spread(0, 0) for q in QUANTILES}
