"""The speed of the cores: on a shared machine, others slow them down by a third and more for seconds.

A process on each core does a fixed computation now and then, before everything else. It needs no memory to speak of, so that the
processor time that it takes depends on the core, and neither on the tracker nor on the load beside it.
"""

import contextlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# A computation takes some 150 us, and there are as many in a second.
TURNS, TIMES_PER_S = 4_000, 20
# A second is slow if its computations take this much longer than those of the fastest tenth.
SLOW_FACTOR = 1.25


@dataclass(frozen=True)
class Speed:
    """What is known of the cores."""

    files: list[Path]

    def slow_seconds(self) -> list[float]:
        """Returns the ends of the slow seconds of any core, by the monotonic clock."""
        slow = set()
        for file in self.files:
            seconds = [(float(end_s), float(took)) for end_s, took in map(str.split, file.read_text().splitlines())]
            usual = statistics.quantiles([took for _, took in seconds], n=10)[0] if len(seconds) > 1 else 0.0
            slow |= {end_s for end_s, took in seconds if took > SLOW_FACTOR * usual}
        return sorted(slow)


@contextlib.contextmanager
def watching(cores: list[int], folder: Path) -> Iterator[Speed]:
    """Watches the cores during the block."""
    files = [folder / f"speed-{core}" for core in cores]
    watchers = [subprocess.Popen([sys.executable, __file__, str(core), str(file)], stdin=subprocess.DEVNULL)
                for core, file in zip(cores, files, strict=True)]
    try:
        yield Speed(files)
    finally:
        for watcher in watchers:
            watcher.kill()
            watcher.wait()


def watch(core: int, file: Path) -> None:
    """Writes, for each second, when it ended and the median time of its computations."""
    os.sched_setaffinity(0, {core})
    with contextlib.suppress(OSError):
        os.nice(-20)
    with file.open("w", buffering=1) as lines:
        # It also ends if the soak is killed.
        while os.getppid() != 1:
            took = []
            for _ in range(TIMES_PER_S):
                took.append(computation_s())
                time.sleep(1 / TIMES_PER_S)
            lines.write(f"{time.monotonic()} {statistics.median(took)}\n")


def computation_s() -> float:
    """Returns the processor time of a computation."""
    begun_s, total = time.thread_time(), 0
    for turn in range(TURNS):
        total += turn * turn
    return time.thread_time() - begun_s


if __name__ == "__main__":
    watch(int(sys.argv[1]), Path(sys.argv[2]))
