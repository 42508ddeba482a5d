"""The speed of the cores, and of a cache line that the first worker and the load share.

`ringtrack-cores` measures both, before everything else.
"""

import contextlib
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from comparison.paths import BUILD
from comparison.processes import bound_to_us

# A second is slow if what was measured in it takes this much longer than in any second in which the saturation was measured. Computations
# were seen to take up to 1.7 times as long as usual, and round trips of the cache line five times.
CORE_FACTOR, CACHE_LINE, CACHE_LINE_FACTOR = 1.25, "cache-line", 2.0
# Of the seconds of a window, those that must have been measured.
MEASURED_SHARE_MIN = 0.5

# The end of a second by the monotonic clock, and the median time of what was measured in it.
Second = tuple[float, float]


@dataclass(frozen=True)
class Speed:
    """What is known of the machine."""

    cores: list[int]
    file: Path

    def seconds(self) -> dict[str, list[Second]]:
        """Returns the seconds of each core and of the cache line."""
        seconds: dict[str, list[Second]] = {f"core-{core}": [] for core in self.cores}
        if len(self.cores) > 1:
            seconds[CACHE_LINE] = []
        for line in self.file.read_text().splitlines(keepends=True):
            if line.endswith("\n"):
                name, end_s, took_ns = line.split()
                seconds[name].append((float(end_s), float(took_ns)))
        return seconds


def is_measured(seconds: dict[str, list[Second]], measured_s: tuple[float, float], ended_s: float) -> bool:
    """Returns whether there are enough seconds of each core and of the cache line, also while the saturation was measured."""
    _, begun_s = measured_s
    return all(usual(of_one, measured_s) and sum(begun_s < end_s <= ended_s for end_s, _ in of_one) >= MEASURED_SHARE_MIN * (ended_s - begun_s)
               for of_one in seconds.values())


def is_kept(seconds: dict[str, list[Second]], measured_s: tuple[float, float], ended_s: float) -> bool:
    """Returns whether no second until the end was slow."""
    return all(is_kept_by(of_one, CACHE_LINE_FACTOR if name == CACHE_LINE else CORE_FACTOR, measured_s, ended_s)
               for name, of_one in seconds.items())


def is_kept_by(seconds: list[Second], factor: float, measured_s: tuple[float, float], ended_s: float) -> bool:
    """Returns whether no second of one core, or of the cache line, was slow."""
    most = factor * max(usual(seconds, measured_s), default=0.0)
    return all(took <= most for end_s, took in seconds if measured_s[1] < end_s <= ended_s)


def usual(seconds: list[Second], measured_s: tuple[float, float]) -> list[float]:
    """Returns what was measured in the seconds of the saturation."""
    begun_s, done_s = measured_s
    # The first second may have begun before.
    return [took for end_s, took in seconds if begun_s + 1 <= end_s <= done_s]


@contextlib.contextmanager
def watching(cores: list[int], folder: Path) -> Iterator[Speed]:
    """Watches the cores during the block."""
    program, file = BUILD / "ringtrack-cores", folder / "speed"
    if not program.exists():
        raise FileNotFoundError(program)
    with file.open("w") as out:
        watcher = subprocess.Popen(bound_to_us(["nice", "-n", "-20", str(program), ",".join(map(str, cores))]),
                                   stdin=subprocess.DEVNULL, stdout=out)
    try:
        yield Speed(cores, file)
    finally:
        watcher.kill()
        watcher.wait()
