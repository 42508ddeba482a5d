"""The cost of a response at ordinary rates, at which a server waits most of the time."""

import time
from dataclasses import asdict, dataclass, replace

from comparison.bench import Bench, Run
from comparison.http_servers import HTTP_NAMES
from comparison.load import Load
from comparison.plotting import COST_PLOT, keep
from comparison.processes import used
from comparison.protocols import Protocol
from comparison.report import Report, count, decimal
from comparison.scenarios.usual_load import usual_load
from comparison.servers import NAMES, NOTES, running
from comparison.summary import Spread, lowest

ROUNDS = 6
UDP_RATES_PER_S = [5_000, 20_000, 50_000, 100_000, 200_000]
HTTP_RATES_PER_S = [5_000, 20_000]
USUAL = ["echo", "ringtrack", "aquatic_udp", "opentracker"]
HTTP_USUAL = ["nginx", "ringtrack"]
COLUMNS = ["offered/s", "server", "CPU us/response, best", "median", "ringtrack over it, best", "median", "p50 us, median",
           "p99 us, median", "context switches/s, median", "lost"]


@dataclass(frozen=True)
class Idle:
    """The use of an idle server."""

    server: str
    cpu_percent: float
    context_switches_per_s: float


def over_udp(bench: Bench) -> Report:
    """Measures announces over UDP."""
    report = measure(bench, "loads", "At ordinary rates", usual_load(bench.options), UDP_RATES_PER_S, bench.names(USUAL))
    plots = keep({"points": points(report.runs)}, bench.options.plots / "loads.json", [COST_PLOT])
    return replace(report, notes=[*plots, *report.notes])


def over_http(bench: Bench) -> Report:
    """Measures announces over kept connections."""
    load = replace(usual_load(bench.options), protocol=Protocol.HTTP)
    names = bench.names(HTTP_USUAL, HTTP_NAMES)
    return measure(bench, "http-loads", "Over HTTP at ordinary rates", load, HTTP_RATES_PER_S, names)


def measure(bench: Bench, scenario: str, title: str, load: Load, rates: list[int], names: list[str]) -> Report:
    """Measures each server at each rate, and idle."""
    rounds = bench.options.rounds_or(ROUNDS)
    idle = [idle_use(bench, name, load) for name in names]
    runs = [run for rate in rates
            for run in bench.alternate(names, rounds, lambda name, number, rate=rate: bench.measure(name, load.at(rate), number))]
    rows = [row(rate, name, runs) for rate in rates for name in names]
    notes = [(f"{rounds} alternating rounds, each with a fresh server, open loop. CPU is that of the whole process, and context "
              "switches are those of all its threads."), *map(idle_note, idle), *[NOTES[name] for name in names if name in NOTES]]
    command = load.at(1).in_words().replace("--rate 1 ", "--rate OFFERED ")
    return Report(scenario, title, [command], COLUMNS, rows, notes, [asdict(run) for run in runs])


def idle_use(bench: Bench, name: str, load: Load) -> Idle:
    """Measures a server that has nothing to do."""
    seconds = bench.options.warmup + bench.options.seconds
    with running(name, bench.setup_for(name, load)) as server:
        before = used(server.pid)
        time.sleep(seconds)
        spent = used(server.pid).since(before)
    return Idle(name, 100 * spent.cpu_s / seconds, spent.context_switches / seconds)


def idle_note(idle: Idle) -> str:
    """Returns a note of a server that has nothing to do."""
    return (f"{idle.server}, idle: {idle.cpu_percent:.3f} % of a core and {idle.context_switches_per_s:.1f} context switches a "
            "second, all threads together.")


def row(rate: int, name: str, runs: list[Run]) -> list[str]:
    """Returns the row of a server at a rate."""
    mine, ours = of(runs, rate, name), of(runs, rate, "ringtrack")
    over = cost(ours).over(cost(mine)) if ours else Spread(float("nan"), float("nan"))
    median = {field: lowest(getattr(run, field) for run in mine).median
              for field in ("p50_us", "p99_us", "context_switches_per_s", "loss_percent")}
    return [count(rate), name, decimal(cost(mine).best), decimal(cost(mine).median), decimal(over.best), decimal(over.median),
            count(median["p50_us"]), count(median["p99_us"]), count(median["context_switches_per_s"]),
            f"{median['loss_percent']:.2f} %"]


def of(runs: list[Run], rate: int, name: str) -> list[Run]:
    """Returns the runs of a server at a rate."""
    return [run for run in runs if (run.offered_per_s, run.server) == (rate, name)]


def cost(runs: list[Run]) -> Spread:
    """Returns the CPU time of a response."""
    return lowest(run.cpu_us_per_response for run in runs)


def points(runs: list[dict]) -> list[dict]:
    """Returns the median cost of each server at each rate."""
    places = dict.fromkeys((run["server"], run["offered_per_s"]) for run in runs)
    return [{"server": server, "offered_per_s": rate,
             "cpu_us_per_response": lowest(run["cpu_us_per_response"] for run in runs
                                           if (run["server"], run["offered_per_s"]) == (server, rate)).median}
            for server, rate in places]
