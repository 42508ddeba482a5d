"""Draws plots against the offered load: `python -m comparison.draw DATA FOLDER PLOTS`, with matplotlib installed."""

import json
import sys
from pathlib import Path

import matplotlib
from matplotlib import pyplot

from comparison.plotting import Plot

# The same data give the same file, so that a plot in the repository changes only with its figures.
STYLE = {"svg.hashsalt": "ringtrack", "font.size": 11, "axes.grid": True, "grid.alpha": 0.3}
# Distinguishable without colour.
MARKERS = ["o", "s", "^", "D", "v"]


def main(data: str, folder: str, plots: str) -> None:
    """Draws the plots."""
    matplotlib.rcParams.update(STYLE)
    points = json.loads(Path(data).read_text())["points"]
    for plot in json.loads(plots):
        draw(points, Plot(**plot), Path(folder))


def draw(points: list[dict], plot: Plot, folder: Path) -> None:
    """Draws a line for each server."""
    figure, axes = pyplot.subplots(figsize=(8, 5), layout="constrained")
    servers = list(dict.fromkeys(point["server"] for point in points))
    for server, marker in zip(servers, MARKERS, strict=False):
        mine = [point for point in points if point["server"] == server]
        axes.plot([point["offered_per_s"] / 1000 for point in mine], [point[plot.field] / plot.unit for point in mine],
                  marker=marker, label=server)
    if plot.shows_offered:
        most = max(point["offered_per_s"] for point in points) / 1000
        axes.plot([0, most], [0, most], color="grey", linestyle=":", label="all answered")
    if plot.logarithmic:
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    axes.set_xlim(left=0)
    axes.set_xlabel("offered, thousands/s")
    axes.set_ylabel(plot.label)
    axes.legend()
    figure.savefig(folder / plot.file, metadata={"Date": None})
    pyplot.close(figure)


if __name__ == "__main__":
    main(*sys.argv[1:])
