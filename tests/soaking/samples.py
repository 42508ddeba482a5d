"""What the kernel says about the living process, every few seconds."""

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from comparison.processes import resident_bytes
from comparison.succession import Succession

EVERY_S = 3.0


@dataclass(frozen=True)
class Sample:
    """A process at one time."""

    # Since the begin of the soak.
    at_s: float
    pid: int
    resident_bytes: int
    descriptors: int
    threads: int


@dataclass
class Samples:
    """All samples so far."""

    tracker: Succession
    begun_s: float
    taken: list[Sample] = field(default_factory=list)
    # Samples between windows, when there is no load: descriptors of its connections are not among them.
    at_rest: list[Sample] = field(default_factory=list)

    def take(self) -> Sample | None:
        """Takes one, if there is a process."""
        pid = self.tracker.pid
        if pid is None:
            return None
        try:
            folder = Path(f"/proc/{pid}")
            return Sample(time.monotonic() - self.begun_s, pid, resident_bytes(pid), len(list((folder / "fd").iterdir())),
                          len(list((folder / "task").iterdir())))
        except (OSError, StopIteration):
            return None

    def rest(self) -> None:
        """Takes one between windows."""
        if sample := self.take():
            self.at_rest.append(sample)


@contextlib.contextmanager
def sampling(tracker: Succession, begun_s: float) -> Iterator[Samples]:
    """Takes samples during the block."""
    samples, done = Samples(tracker, begun_s), threading.Event()

    def repeat() -> None:
        while not done.wait(EVERY_S):
            if sample := samples.take():
                samples.taken.append(sample)

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield samples
    finally:
        done.set()
        thread.join()
