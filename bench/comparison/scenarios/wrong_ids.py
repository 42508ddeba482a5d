"""The cost of a flood of wrong connection ids at one info hash, with the kernel's filter and without it.

The kernel receives on the core of the sender, as software interrupts: these, and the thread of the tracker's worker, are what
a datagram costs the machine.
"""

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from comparison.bench import Bench
from comparison.load import SLACK_S, answer
from comparison.network import cable
from comparison.scenarios.attacks import WRONG_IDS, on_cable
from comparison.servers import running
from comparison.setup import Setup
from comparison.speech import say
from comparison.tracker_log import figures

ROUNDS = 3
RATE_PER_S = 100_000
# In which the tracker notices the flood.
NOTICED_S = 3
FLOOD = replace(WRONG_IDS, arguments=(*WRONG_IDS.arguments, "--rate", str(RATE_PER_S)))


@dataclass(frozen=True)
class Cost:
    """The result of one run."""

    filter: str
    round: int
    datagrams: int
    # The CPU time of a datagram: of the worker, and of the worker and the software interrupts of the sender's core.
    worker_us: float
    machine_us: float
    # Of the tracker, meanwhile.
    wrong_ids: int
    kernel_dropped: int


@dataclass(frozen=True)
class Costs:
    """All runs with one answer to wrong ids."""

    invalid: str
    runs: list[Cost]

    def median(self, kind: str, figure: str) -> float:
        """Returns the median of a figure over the runs with one setting of the filter."""
        return statistics.median(getattr(run, figure) for run in self.runs if run.filter == kind)

    def ratio(self, figure: str) -> float:
        """Returns what a figure with the filter is of that without it."""
        return self.median("auto", figure) / self.median("off", figure)


def measure(bench: Bench, invalid: str) -> Costs:
    """Measures the costs in alternating rounds."""
    return Costs(invalid, [one(bench, invalid, kind, number + 1) for number in range(bench.options.rounds_or(ROUNDS))
                           for kind in ("off", "auto")])


def one(bench: Bench, invalid: str, kind: str, number: int) -> Cost:
    """Measures a fresh tracker."""
    seconds, core = bench.options.seconds, bench.options.load_core
    with cable() as network:
        setup = on_cable(bench, network, FLOOD.protocol,
                         {"RINGTRACK_UDP_FILTER": kind, "RINGTRACK_CONNECTION_IDS_INVALID": invalid})
        with running("ringtrack", setup) as server:
            idle_s = interrupts_during(core, lambda: time.sleep(seconds))
            flood(bench, setup, NOTICED_S)
            before, worker_before_s = figures(server), worker_s(server.pid)
            sent: list[int] = []
            busy_s = interrupts_during(core, lambda: sent.append(flood(bench, setup, seconds)))
            spent_s, after = worker_s(server.pid) - worker_before_s, figures(server)
    grown = [after.values[name] - before.values[name] for name in ("wrong_connection_ids", "kernel_dropped")]
    cost = Cost(kind, number, sent[0], 1e6 * spent_s / sent[0], 1e6 * (spent_s + busy_s - idle_s) / sent[0], *grown)
    say(f"  wrong-ids-cost, {invalid}: {cost}")
    return cost


def flood(bench: Bench, setup: Setup, seconds: float) -> int:
    """Floods the tracker, and returns the number of datagrams."""
    return answer(FLOOD.command(setup, bench.options.load_core, seconds), seconds + SLACK_S)["sent"]


def interrupts_during(core: int, action: Callable[[], object]) -> float:
    """Returns the seconds of interrupts on a core while something happens."""
    before_s = interrupts_s(core)
    action()
    return interrupts_s(core) - before_s


def interrupts_s(core: int) -> float:
    """Returns the seconds that a core has spent in interrupts, as the ticks of its clock have seen it."""
    line = next(line for line in Path("/proc/stat").read_text().splitlines() if line.startswith(f"cpu{core} "))
    _, _, _, _, _, _, hard, soft, *_ = line.split()
    return (int(hard) + int(soft)) / os.sysconf("SC_CLK_TCK")


def worker_s(pid: int) -> float:
    """Returns the CPU time of the first worker's thread."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    worker = next(thread for thread in threads if (thread / "comm").read_text().strip() == "worker-0")
    return int((worker / "schedstat").read_text().split()[0]) / 1e9
