"""Where things are."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / "target" / "release"
# Other projects' programs, apart from ours: `cargo clean` of a package leaves them.
OTHERS = ROOT / "target" / "compare"
PLOTS = ROOT / "docs" / "benchmarks"
