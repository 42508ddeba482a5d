"""The speed of the cores, and of the memory that a worker and the load share.

`ringtrack-cores` measures both, before everything else. It needs no memory to speak of: what it measures depends on the machine, and
neither on the tracker nor on the load.
"""

import contextlib
import statistics
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from comparison.paths import BUILD
from comparison.processes import bound_to_us

# A second is slow if what was measured in it takes this much longer than while the saturation was measured. With another thread on the
# core, a computation takes up to 1.7 times as long; from cache to cache, a line of memory takes five times as long.
SLOW_FACTORS = {"core": 1.25, "memory": 2.0}

# The end of a second by the monotonic clock, and the median time of what was measured in it.
Second = tuple[float, float]


@dataclass(frozen=True)
class Speed:
    """What is known of the machine."""

    file: Path

    def seconds(self) -> dict[str, list[Second]]:
        """Returns the seconds of each core and of the memory."""
        seconds: dict[str, list[Second]] = {}
        for name, end_s, took_ns in map(str.split, self.file.read_text().splitlines()):
            seconds.setdefault(name, []).append((float(end_s), float(took_ns)))
        return seconds


def is_kept(seconds: dict[str, list[Second]], measured_s: tuple[float, float], ended_s: float) -> bool:
    """Returns whether nothing was slower until the end than while the saturation was measured."""
    return all(is_kept_by(of_one, SLOW_FACTORS[name.split("-")[0]], measured_s, ended_s) for name, of_one in seconds.items())


def is_kept_by(seconds: list[Second], factor: float, measured_s: tuple[float, float], ended_s: float) -> bool:
    """Returns whether one of them was not."""
    begun_s, done_s = measured_s
    usual = [took for end_s, took in seconds if begun_s + 1 <= end_s <= done_s]
    return bool(usual) and all(took <= factor * statistics.median(usual) for end_s, took in seconds if done_s < end_s <= ended_s)


@contextlib.contextmanager
def watching(cores: list[int], folder: Path) -> Iterator[Speed]:
    """Watches the cores during the block."""
    file = folder / "speed"
    command = ["nice", "-n", "-20", str(BUILD / "ringtrack-cores"), ",".join(map(str, cores))]
    with file.open("w") as out:
        watcher = subprocess.Popen(bound_to_us(command), stdin=subprocess.DEVNULL, stdout=out)
    try:
        yield Speed(file)
    finally:
        watcher.kill()
        watcher.wait()
