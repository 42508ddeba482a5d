"""Draws the curves of `bench/compare curve`: `python -m comparison.draw DATA FOLDER`, with matplotlib installed."""

import json
import sys
from pathlib import Path

import matplotlib
from matplotlib import pyplot

from comparison.plotting import FILES

# The same data give the same file, so that a plot in the repository changes only with its figures.
STYLE = {"svg.hashsalt": "ringtrack", "font.size": 11, "axes.grid": True, "grid.alpha": 0.3}
# Distinguishable without colour.
MARKERS = ["o", "s", "^", "D", "v"]


def main(data: str, folder: str) -> None:
    """Draws both plots."""
    matplotlib.rcParams.update(STYLE)
    points = json.loads(Path(data).read_text())["points"]
    throughput, p99 = [Path(folder) / file for file in FILES.values()]
    draw(points, "responses_per_s", 1000, "answered, thousands/s", throughput)
    draw(points, "p99_us", 1, "p99 of the latency, us", p99)


def draw(points: list[dict], field: str, unit: float, label: str, file: Path) -> None:
    """Draws a line for each server."""
    figure, axes = pyplot.subplots(figsize=(8, 5), layout="constrained")
    servers = list(dict.fromkeys(point["server"] for point in points))
    for server, marker in zip(servers, MARKERS, strict=False):
        mine = [point for point in points if point["server"] == server]
        axes.plot([point["offered_per_s"] / 1000 for point in mine], [point[field] / unit for point in mine],
                  marker=marker, label=server)
    if field == "responses_per_s":
        most = max(point["offered_per_s"] for point in points) / 1000
        axes.plot([0, most], [0, most], color="grey", linestyle=":", label="all answered")
        axes.set_ylim(bottom=0)
    else:
        axes.set_yscale("log")
    axes.set_xlim(left=0)
    axes.set_xlabel("offered, thousands/s")
    axes.set_ylabel(label)
    axes.legend()
    figure.savefig(file, metadata={"Date": None})
    pyplot.close(figure)


if __name__ == "__main__":
    main(*sys.argv[1:])
