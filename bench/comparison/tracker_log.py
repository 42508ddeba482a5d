"""Ringtrack's own figures, which it logs on SIGUSR1, and values derived from them."""

import contextlib
import datetime
import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

from comparison.setup import Running

# How long the tracker may take to log its figures.
FIGURES_S_MAX = 5
# Between two readings during a load. A reading costs the tracker's core about a millisecond.
SAMPLE_S = 0.5
# The last line of a reading: the figures come before the dump of the latencies.
DUMPED = "dumped to"
# A reading is whole when the log has not grown for this long.
SETTLED_S = 0.1


@dataclass(frozen=True)
class Figures:
    """All figures at one time."""

    unix_s: float
    values: dict[str, int]

    def peers(self) -> int:
        """Returns the number of peers held."""
        return sum(self.values[f"{role}_{family}"] for role in ("seeders", "leechers") for family in ("v4", "v6"))

    def expired(self) -> int:
        """Returns the number of peers that have expired since the start."""
        return self.values["peers_expired"]


def figures(server: Running) -> Figures:
    """Requests the figures and reads them."""
    size = server.log.stat().st_size
    os.kill(server.pid, signal.SIGUSR1)
    deadline = time.monotonic() + FIGURES_S_MAX
    while time.monotonic() < deadline:
        time.sleep(SETTLED_S)
        grown = server.log.stat().st_size
        if grown > size and grown == settled_size(server, grown) and DUMPED in log_from(server, size):
            return readings(server)[-1]
    raise RuntimeError("ringtrack did not log its figures")


def log_from(server: Running, offset: int) -> str:
    """Returns the log after an offset."""
    with server.log.open("rb") as log:
        log.seek(offset)
        return log.read().decode(errors="replace")


def settled_size(server: Running, size: int) -> int:
    """Returns the size of the log a moment later."""
    time.sleep(SETTLED_S)
    return max(size, server.log.stat().st_size)


@contextlib.contextmanager
def sampled(server: Running) -> Iterator[None]:
    """Makes the tracker log its figures repeatedly during the block."""
    done = threading.Event()

    def ask() -> None:
        while not done.wait(SAMPLE_S):
            os.kill(server.pid, signal.SIGUSR1)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def readings(server: Running) -> list[Figures]:
    """Returns all readings in the log. Each figure is in a reading once."""
    found: list[Figures] = []
    for line in server.log.read_text(errors="replace").splitlines():
        if (figure := parse(line)) is None:
            continue
        unix_s, name, value = figure
        if not found or name in found[-1].values:
            found.append(Figures(unix_s, {}))
        found[-1].values[name] = value
    return found


def parse(line: str) -> tuple[float, str, int] | None:
    """Returns the time, name and value of a figure's line; None for other lines."""
    with contextlib.suppress(ValueError, KeyError, TypeError):
        entry = json.loads(line)
        if entry["message"] == "statistic":
            moment = datetime.datetime.fromisoformat(entry["timestamp"])
            return moment.timestamp(), entry["name"], int(entry["value"])
    return None


def require_peers(server: Running, peers: int) -> None:
    """Checks that ringtrack holds this many peers: at a limit it answers an announce and does not keep the peer. Its
    figures are a tenth of a second old."""
    if server.name != "ringtrack":
        return
    deadline = time.monotonic() + FIGURES_S_MAX
    while (held := figures(server).peers()) != peers:
        if time.monotonic() > deadline:
            raise RuntimeError(f"ringtrack holds {held:,} of {peers:,} peers")


def worst_pause_us(server: Running) -> int:
    """Returns the CPU time of the longest turn of expiry, in which the core serves no requests: the maximum of the
    tag's lines in the latency log. The figures must have been requested before, which dumps the latencies too."""
    greatest_ms = [float(line.split(",")[3]) for file in server.log.parent.glob(f"ringtrack-latency-{server.pid}-*")
                   for line in file.read_text().splitlines() if line.startswith("Tag=expiry-turn,")]
    if not greatest_ms:
        raise RuntimeError("ringtrack dumped no turn of expiry")
    return round(max(greatest_ms) * 1000)
