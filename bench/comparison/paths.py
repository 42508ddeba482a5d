"""Paths of sources, builds and results."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / "target" / "release"
# Programs of other projects, separate from ours: `cargo clean` of a package keeps them.
OTHERS = ROOT / "target" / "compare"
PLOTS = ROOT / "docs" / "benchmarks"
