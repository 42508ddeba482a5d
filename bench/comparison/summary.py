"""Best and median: the machine's speed drifts, and a single run shows more of that than of the servers."""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Spread:
    """A figure over several runs."""

    best: float
    median: float

    def over(self, other: "Spread") -> "Spread":
        """Returns best over best and median over median."""
        return Spread(ratio(self.best, other.best), ratio(self.median, other.median))


def highest(values: Iterable[float]) -> Spread:
    """Returns the spread of a figure where more is better."""
    values = list(values)
    return Spread(max(values), statistics.median(values))


def lowest(values: Iterable[float]) -> Spread:
    """Returns the spread of a figure where less is better."""
    values = list(values)
    return Spread(min(values), statistics.median(values))


def ratio(one: float, other: float) -> float:
    """Returns NaN if there is nothing to compare with: a crash would lose the other figures."""
    return one / other if other else float("nan")
