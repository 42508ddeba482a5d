"""Throughput of a tracker while a million peers expire."""

import itertools
import time
from dataclasses import asdict, dataclass, replace

from comparison.bench import Bench
from comparison.load import Load, Population, fill
from comparison.report import Report, count
from comparison.scenarios.lifetimes import SHORTEST_S, lifetime
from comparison.scenarios.usual_load import usual_load
from comparison.servers import running
from comparison.setup import Running
from comparison.speech import say
from comparison.summary import highest, lowest
from comparison.timeline import Timeline
from comparison.tracker_log import Figures, figures, readings, sampled, worst_pause_us

ROUNDS = 6
# The measurement begins this long before the first peer is due.
LEAD_S = 2
# Seed of the peers that expire, which are not the load's.
EXPIRING_SEED = 2
EXPIRING, QUIET = "while peers expire", "quiet"
COLUMNS = ["ringtrack", "announces/s, best", "median", "slowest second, median", "peers expired meanwhile",
           "worst pause us, median"]


@dataclass(frozen=True)
class ExpiryRun:
    """A load while peers expire, or while none do."""

    state: str
    round: int
    # Over the seconds in which peers expired; of the quiet one, over the same seconds of the load.
    responses_per_s: float
    slowest_second_per_s: float
    seconds: list[float]
    window_s: tuple[float, float]
    expired_in_window: int
    worst_pause_us: int
    # Over the whole load.
    loss_percent: float
    latency_us: dict[str, float]
    error_replies: int


@dataclass(frozen=True)
class Observed(Timeline):
    """A load, with the figures that the tracker logged meanwhile."""

    figures: list[Figures]
    worst_pause_us: int

    def since_measured(self, figures: Figures) -> float:
        """Returns the time of a reading, in seconds of the measurement."""
        return self.at(figures.unix_s)


def measure(bench: Bench) -> Report:
    """Measures pairs; the quiet one runs before the other one's peers expire."""
    options = bench.options
    load = replace(usual_load(options), measured_s=options.expiry_seconds)
    expiring = replace(load.population, peers=options.expiry_peers, seed=EXPIRING_SEED)
    rounds = options.rounds_or(ROUNDS)
    runs = [run for number in range(rounds) for run in pair(bench, load, expiring, number + 1)]
    rates = {state: highest(run.responses_per_s for run in runs if run.state == state) for state in (EXPIRING, QUIET)}
    over = rates[EXPIRING].over(rates[QUIET])
    fewest = min(run.expired_in_window for run in runs if run.state == EXPIRING)
    notes = [(f"{rounds} pairs; expiring over quiet: {over.best:.3f} (best over best), {over.median:.3f} (median over "
             f"median). Both hold {expiring.peers:,} more peers than the load announces; a lifetime of {SHORTEST_S} s "
             "lets them expire during it. The rates are those of the seconds in which they expired by the tracker's own "
             f"figures, and of the same seconds of the quiet load; at least {fewest:,} expired in them.")]
    if fewest < expiring.peers:
        notes.append(f"Not all of the {expiring.peers:,} expired in time: --expiry-seconds is too short for them.")
    commands = [f"ringtrack-blast --fill {' '.join(expiring.arguments())}", load.in_words()]
    rows = [row(state, [run for run in runs if run.state == state]) for state in (QUIET, EXPIRING)]
    return Report("expiry", f"While {expiring.peers:,} peers expire", commands, COLUMNS, rows, notes,
                  [asdict(run) for run in runs])


def pair(bench: Bench, load: Load, expiring: Population, number: int) -> list[ExpiryRun]:
    """Runs an expiring tracker and a quiet one with the same peers."""
    core = bench.options.load_core
    with running("ringtrack", bench.setup(load.population, environment=lifetime(SHORTEST_S))) as short_lived:
        begun = time.monotonic()
        fill(expiring, short_lived.port, core)
        with running("ringtrack", bench.setup(load.population, port=bench.options.port + 1)) as long_lived:
            fill(expiring, long_lived.port, core)
            quiet = observe(bench, load, long_lived)
        time.sleep(max(0.0, begun + SHORTEST_S - LEAD_S - load.warmup_s - time.monotonic()))
        busy = observe(bench, load, short_lived)
    window_s = expiry_window_s(busy)
    runs = [as_run(QUIET, number, quiet, window_s), as_run(EXPIRING, number, busy, window_s)]
    for run in runs:
        say(f"  round {number}: {run.state}: {run.responses_per_s:,.0f}/s in seconds {window_s[0]:.1f} to "
            f"{window_s[1]:.1f}, {run.expired_in_window:,} expired")
    return runs


def observe(bench: Bench, load: Load, server: Running) -> Observed:
    """Runs a load while the tracker logs its figures."""
    with sampled(server):
        result = bench.blast(load, server)
    figures(server)
    return Observed(result, readings(server), worst_pause_us(server))


def expiry_window_s(busy: Observed) -> tuple[float, float]:
    """Returns the span from the last reading before the first peer expired to the first one after the last, in
    seconds of the measurement."""
    readings_of_all = busy.figures
    growing = [(before, after) for before, after in itertools.pairwise(readings_of_all)
               if after.expired() > before.expired()]
    if not growing:
        raise RuntimeError("no peer expired while the load ran")
    end_s = busy.result["seconds"]
    return max(0.0, busy.since_measured(growing[0][0])), min(end_s, busy.since_measured(growing[-1][1]))


def as_run(state: str, number: int, observed: Observed, window_s: tuple[float, float]) -> ExpiryRun:
    """Returns the result of a load within the window."""
    within = [figures for figures in observed.figures
              if window_s[0] - 1e-3 <= observed.since_measured(figures) <= window_s[1] + 1e-3]
    expired = within[-1].expired() - within[0].expired() if within else 0
    seconds = observed.seconds(window_s)
    return ExpiryRun(state, number, observed.rate_per_s(window_s), min(seconds), seconds, window_s, expired,
                     observed.worst_pause_us, observed.result["loss_percent"], observed.result["latency_us"],
                     sum(observed.result["errors"].values()))


def row(state: str, runs: list[ExpiryRun]) -> list[str]:
    """Returns the row of a state."""
    rate = highest(run.responses_per_s for run in runs)
    slowest = highest(run.slowest_second_per_s for run in runs).median
    return [state, count(rate.best), count(rate.median), count(slowest),
            count(lowest(run.expired_in_window for run in runs).median),
            count(lowest(run.worst_pause_us for run in runs).median)]
