"""All servers at full speed, in turn."""

from dataclasses import asdict

from comparison.bench import Bench, Run, of_server
from comparison.load import Load
from comparison.report import Report, count, decimal
from comparison.ringtrack import BEFORE
from comparison.scenarios.usual_load import usual_load
from comparison.servers import NAMES, NOTES
from comparison.summary import Spread, highest, lowest

ROUNDS = 6
PEERS_NOTE = ("Each announce requests {numwant} peers; most swarms of this load have fewer. Four of five announces are of "
              "seeders, to which ringtrack returns only leechers. The other trackers return seeders too, and so send more "
              "bytes. A reply to an announce has 20 bytes and 6 for each peer.")
COLUMNS = ["server", "responses/s, best", "median", "over echo, best", "median", "CPU us/response, best", "median",
           "p99 us, best", "median", "peers/reply", "bytes/reply", "lost", "resident MiB"]


def announces(bench: Bench) -> Report:
    """Measures announces only, which are most of a tracker's load."""
    return measure(bench, "announces", "Side by side: announces only", "0/1/0")


def mix(bench: Bench) -> Report:
    """Measures the mix of aquatic's own load test."""
    return measure(bench, "mix", "Side by side: connects, announces and scrapes 50/50/1", "50/50/1")


def measure(bench: Bench, scenario: str, title: str, weights: str) -> Report:
    """Measures each server under the same load at full speed."""
    load = usual_load(bench.options, weights)
    names = bench.names(NAMES)
    rounds = bench.options.rounds_or(ROUNDS)
    faults = [bench.verify(name, load) for name in names if name != "echo"]
    runs = bench.alternate(names, rounds, lambda name, number: bench.measure(name, load, number))
    rates = {name: highest(run.responses_per_s for run in of_server(runs, name)) for name in names}
    bench.saturations_per_s |= {(name, load): rate.best for name, rate in rates.items()}
    rows = [row(name, of_server(runs, name), rates) for name in names]
    notes = [f"{rounds} alternating rounds, each with a fresh server; best and median of each figure.",
             "Before that, all replies of one run of each tracker were checked against the announces.",
             *filter(None, faults),
             *floor_note(bench, load, names), *ratio_notes(rates), *cost_notes(runs), *error_notes(runs),
             PEERS_NOTE.format(numwant=load.numwant), *[NOTES[name] for name in names if name in NOTES]]
    return Report(scenario, title, [load.in_words()], COLUMNS, rows, notes, [asdict(run) for run in runs])


def row(name: str, runs: list[Run], rates: dict[str, Spread]) -> list[str]:
    """Returns the row of a server."""
    rate, cost = rates[name], lowest(run.cpu_us_per_response for run in runs)
    p99 = lowest(run.p99_us for run in runs)
    over = rate.over(rates["echo"]) if "echo" in rates else Spread(float("nan"), float("nan"))
    median = {field: lowest(getattr(run, field) for run in runs).median
              for field in ("peers_per_reply", "bytes_per_reply", "loss_percent", "resident_mib")}
    return [name, count(rate.best), count(rate.median), decimal(over.best), decimal(over.median), decimal(cost.best),
            decimal(cost.median), count(p99.best), count(p99.median), f"{median['peers_per_reply']:.1f}",
            count(median["bytes_per_reply"]), f"{median['loss_percent']:.2f} %", count(median["resident_mib"])]


def floor_note(bench: Bench, load: Load, names: list[str]) -> list[str]:
    """Returns a note of what the floor sends."""
    if "echo" not in names:
        return []
    peers = bench.peers_for_echo("echo", load)
    return [(f"The echo floor makes the same batched socket calls and replies to every announce with {peers} peers: "
            "the mean of ringtrack's replies under this load, measured at the start.")]


def error_notes(runs: list[Run]) -> list[str]:
    """Returns a note for each server with error replies."""
    errors = {run.server: run.error_replies for run in runs if run.error_replies}
    return [f"{name}: {replies:,} replies of a run were errors." for name, replies in errors.items()]


def cost_notes(runs: list[Run]) -> list[str]:
    """Returns a note of the CPU time of this build over that of the earlier build."""
    now, before = ([run.cpu_us_per_response for run in of_server(runs, name)] for name in ("ringtrack", BEFORE))
    if not before:
        return []
    over = lowest(now).over(lowest(before))
    return [f"CPU per response, ringtrack over {BEFORE}: {over.best:.3f} (best over best), {over.median:.3f} (median over median)."]


def ratio_notes(rates: dict[str, Spread]) -> list[str]:
    """Returns a note of ringtrack's rate over that of each other tracker."""
    if "ringtrack" not in rates:
        return []
    over = {name: rates["ringtrack"].over(rate) for name, rate in rates.items() if name not in ("echo", "ringtrack")}
    return [f"ringtrack over {name}: {ratio.best:.3f} (best over best), {ratio.median:.3f} (median over median)."
            for name, ratio in over.items()]
