"""The saturation of a server, from which the rates of open loops are derived."""

from comparison.bench import Bench
from comparison.load import Load
from comparison.speech import say

ROUNDS = 2


def saturation_per_s(bench: Bench, name: str, load: Load) -> float:
    """Returns the best of a few closed loops, which are run once per sitting."""
    if (name, load) not in bench.saturations_per_s:
        best = max(bench.measure(name, load, number + 1).responses_per_s for number in range(ROUNDS))
        bench.saturations_per_s[name, load] = best
        say(f"  {name}'s saturation: {best:,.0f}/s")
    return bench.saturations_per_s[name, load]
