"""Throughput and latency of each server as the load grows past its saturation."""

from dataclasses import asdict

from comparison.bench import Bench, Run, of_server
from comparison.plotting import CURVE_PLOTS, keep
from comparison.report import Report, count
from comparison.scenarios.saturation import saturation_per_s
from comparison.scenarios.usual_load import usual_load
from comparison.servers import NAMES, NOTES
from comparison.summary import highest, lowest

ROUNDS = 3
LOWEST, HIGHEST = 0.1, 1.2


def measure(bench: Bench) -> Report:
    """Measures all servers at each of the loads."""
    options = bench.options
    closed = usual_load(options)
    saturation = saturation_per_s(bench, "ringtrack", closed)
    names, rounds = bench.names(NAMES), options.rounds_or(ROUNDS)
    offered = [round(saturation * share) for share in shares(options.steps)]
    runs = [run for rate in offered
            for run in bench.alternate(names, rounds, lambda name, number, rate=rate:
                                       bench.measure(name, closed.at(rate), number))]
    points = [point(name, rate, [run for run in of_server(runs, name) if run.offered_per_s == rate])
              for name in names for rate in offered]
    plots = keep({"saturation_per_s": saturation, "points": points}, options.plots / "curve.json", CURVE_PLOTS)
    notes = [(f"Median of {rounds} rounds per point, open loop. ringtrack's saturation in a closed loop was "
             f"{saturation:,.0f}/s."), *plots, *[NOTES[name] for name in names if name in NOTES]]
    open_words = closed.at(saturation).in_words().replace(f"--rate {saturation:.0f}", "--rate OFFERED")
    columns = ["offered/s", *[f"{name}: responses/s, p99 us" for name in names]]
    return Report("curve", "Throughput and latency against the offered load", [open_words], columns,
                  rows(names, offered, points), notes, [asdict(run) for run in runs])


def shares(steps: int) -> list[float]:
    """Returns shares of the saturation, evenly spaced."""
    return [LOWEST + (HIGHEST - LOWEST) * step / max(1, steps - 1) for step in range(steps)]


def point(name: str, rate: int, runs: list[Run]) -> dict:
    """Returns the medians of a server at one load."""
    return {
        "server": name,
        "offered_per_s": rate,
        "responses_per_s": highest(run.responses_per_s for run in runs).median,
        "p99_us": lowest(run.p99_us for run in runs).median,
        "loss_percent": lowest(run.loss_percent for run in runs).median,
    }


def rows(names: list[str], offered: list[int], points: list[dict]) -> list[list[str]]:
    """Returns a row for each load."""
    by_place = {(p["server"], p["offered_per_s"]): p for p in points}
    return [[count(rate), *[cell(by_place[name, rate]) for name in names]] for rate in offered]


def cell(at: dict) -> str:
    """Returns a server's cell for a load, with lost requests, because p99 is that of the responses only."""
    lost = f", {at['loss_percent']:.1f} % lost" if at["loss_percent"] >= 0.05 else ""
    return f"{count(at['responses_per_s'])}, {count(at['p99_us'])}{lost}"
