"""Best and median: the machine's speed drifts, and a single run tells more about that than about the servers."""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Spread:
    """Of one figure over several runs."""

    best: float
    median: float

    def over(self, other: "Spread") -> "Spread":
        """Best over best and median over median."""
        return Spread(ratio(self.best, other.best), ratio(self.median, other.median))


def highest(values: Iterable[float]) -> Spread:
    """Where more is better."""
    values = list(values)
    return Spread(max(values), statistics.median(values))


def lowest(values: Iterable[float]) -> Spread:
    """Where less is better."""
    values = list(values)
    return Spread(min(values), statistics.median(values))


def ratio(one: float, other: float) -> float:
    """NaN where there is nothing to compare with: a report shows that, a crash loses the other figures."""
    return one / other if other else float("nan")
