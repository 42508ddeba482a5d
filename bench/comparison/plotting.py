"""Draws the plots with a separate Python environment that has matplotlib."""

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from comparison.paths import OTHERS
from comparison.speech import say

MATPLOTLIB = "matplotlib==3.10.3"
VENV = OTHERS / "venv"
INSTALL_S_MAX = 600
DRAW_S_MAX = 120


@dataclass(frozen=True)
class Plot:
    """A figure against the offered load, with a line for each server."""

    title: str
    file: str
    field: str
    label: str
    unit: float = 1
    logarithmic: bool = False
    # Whether the figure is a rate, which is at most the offered one.
    shows_offered: bool = False


CURVE_PLOTS = [
    Plot("Throughput against the offered load", "throughput.svg", "responses_per_s", "answered, thousands/s", 1000, shows_offered=True),
    Plot("p99 against the offered load", "p99.svg", "p99_us", "p99 of the latency, us", logarithmic=True),
]
COST_PLOT = Plot("CPU time of a response against the offered load", "cost.svg", "cpu_us_per_response", "CPU of a response, us")


def keep(data: dict, file: Path, plots: list[Plot]) -> list[str]:
    """Writes the points and their plots beside each other. Returns the lines that show the plots."""
    folder = file.parent
    folder.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(data, indent=2) + "\n")
    return [f"![{title}]({folder.name}/{drawn.name})" for title, drawn in plot(file, folder, plots)]


def plot(data: Path, folder: Path, plots: list[Plot]) -> list[tuple[str, Path]]:
    """Draws the points in a file. Returns titles and files; none if matplotlib is not available, as the data are written."""
    try:
        python = python_with_matplotlib()
        command = [str(python), "-B", "-m", "comparison.draw", str(data), str(folder), json.dumps([asdict(one) for one in plots])]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parent.parent)}
        subprocess.run(command, env=environment, check=True, timeout=DRAW_S_MAX)
    except (OSError, subprocess.SubprocessError) as error:
        say(f"no plots: {error}")
        return []
    return [(one.title, folder / one.file) for one in plots]


def python_with_matplotlib() -> Path:
    """Returns the Python of an environment that is created once."""
    python = VENV / "bin" / "python"
    if not (VENV / "complete").exists():
        say(f"installing {MATPLOTLIB}, once")
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], check=True, timeout=INSTALL_S_MAX)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", MATPLOTLIB],
                       check=True, timeout=INSTALL_S_MAX)
        (VENV / "complete").touch()
    return python
