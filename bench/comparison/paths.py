"""Paths of sources, builds and results."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
# The folder of finished programs to use; without it, ours are built.
GIVEN = os.environ.get("RINGTRACK_PROGRAMS")
BUILD = Path(GIVEN) if GIVEN else ROOT / "target" / "release"
# Programs of other projects, separate from ours: `cargo clean` of a package keeps them.
OTHERS = ROOT / "target" / "compare"
PLOTS = ROOT / "docs" / "benchmarks"
