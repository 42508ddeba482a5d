"""Draws the plots with a separate Python environment that has matplotlib."""

import os
import subprocess
import sys
from pathlib import Path

from comparison.paths import OTHERS
from comparison.speech import say

MATPLOTLIB = "matplotlib==3.10.3"
VENV = OTHERS / "venv"
INSTALL_S_MAX = 600
DRAW_S_MAX = 120
FILES = {"Throughput against the offered load": "throughput.svg", "p99 against the offered load": "p99.svg"}


def plot(data: Path, folder: Path) -> list[tuple[str, Path]]:
    """Draws the curves. Returns titles and files; none if matplotlib is not available, as the data are written."""
    try:
        python = python_with_matplotlib()
        command = [str(python), "-B", "-m", "comparison.draw", str(data), str(folder)]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parent.parent)}
        subprocess.run(command, env=environment, check=True, timeout=DRAW_S_MAX)
    except (OSError, subprocess.SubprocessError) as error:
        say(f"no plots: {error}")
        return []
    return [(title, folder / file) for title, file in FILES.items()]


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
