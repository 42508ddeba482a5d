"""The differences in docs/DIFFERENCES.md. Its tables are what a run is checked against."""

import fnmatch
import re
from dataclasses import dataclass, replace

from comparison.paths import ROOT
from differences.steps import Family

DOCUMENT = ROOT / "docs" / "DIFFERENCES.md"
HEAD = ["Step", "Aspect"]
# Before the kind of a step over IPv6.
OVER_V6 = "v6 "


@dataclass(frozen=True, order=True)
class Difference:
    """An aspect in which a tracker answers a kind of step differently from ringtrack."""

    kind: str
    aspect: str
    ours: str
    tracker: str
    theirs: str


@dataclass(frozen=True)
class Row:
    """A row of a table: patterns of kinds of steps, an aspect, and what each tracker answers."""

    line: int
    patterns: tuple[str, ...]
    aspect: str
    ours: str
    others: dict[str, str]

    def pattern_of(self, difference: Difference) -> str | None:
        """Returns the pattern by which a difference is in this row."""
        found = (difference.aspect, difference.ours, difference.theirs)
        if found != (self.aspect, self.ours, self.others.get(difference.tracker)):
            return None
        kinds = (difference.kind, difference.kind.removeprefix(OVER_V6))
        return next((pattern for pattern in self.patterns for kind in kinds if fnmatch.fnmatchcase(kind, pattern)), None)

    def claims(self) -> set[tuple[int, str, str]]:
        """Returns what a run must find: line, pattern and tracker of each difference."""
        return {(self.line, pattern, tracker) for pattern in self.patterns for tracker, theirs in self.others.items()
                if theirs and theirs != self.ours}


def rows() -> list[Row]:
    """Reads all tables of the document."""
    found, names = [], None
    for number, line in enumerate(DOCUMENT.read_text().splitlines(), 1):
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
        if not cells:
            names = None
        elif cells[:2] == HEAD:
            names = cells[3:]
        elif names is not None and not cells[0].startswith("--"):
            patterns = tuple(re.findall("`([^`]+)`", cells[0]))
            assert patterns and len(cells) == 3 + len(names), f"{DOCUMENT}:{number} is not a row of its table"
            found.append(Row(number, patterns, cells[1], cells[2], dict(zip(names, cells[3:], strict=True))))
    return found


def kind_of(kind: str, family: Family) -> str:
    """Returns the kind of a step over a family."""
    return kind if family is Family.V4 else OVER_V6 + kind


def as_rows(differences: set[Difference], trackers: list[str]) -> list[str]:
    """Returns rows for differences. What differs alike over both families has one row."""
    groups: dict[tuple[str, str, str], dict[str, str]] = {}
    over_v4 = {replace(one, kind=OVER_V6 + one.kind) for one in differences}
    for one in sorted(differences - over_v4):
        groups.setdefault((one.kind, one.aspect, one.ours), {})[one.tracker] = one.theirs
    return [f"| `{kind}` | {aspect} | {ours} | {' | '.join(theirs.get(name, '') for name in trackers)} |"
            for (kind, aspect, ours), theirs in groups.items()]
