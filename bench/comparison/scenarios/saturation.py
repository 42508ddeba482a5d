"""How much ringtrack answers at most: what open-loop loads are measured by."""

from comparison.bench import Bench
from comparison.load import Load
from comparison.speech import say

ROUNDS = 2


def saturation_per_s(bench: Bench, load: Load) -> float:
    """The best of a few closed loops."""
    best = max(bench.measure("ringtrack", load, number + 1).responses_per_s for number in range(ROUNDS))
    say(f"  ringtrack's saturation: {best:,.0f}/s")
    return best
