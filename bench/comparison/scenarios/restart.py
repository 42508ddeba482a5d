"""A tracker with millions of peers that writes snapshots, is handed over to a new process, and restarts."""

import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from comparison import ringtrack
from comparison.bench import MIB, Bench
from comparison.load import Load, Population, blast, fill
from comparison.processes import resident_bytes
from comparison.report import Report, count
from comparison.scenarios.usual_load import usual_load
from comparison.setup import Running
from comparison.snapshots import folder_bytes, manifest, wait_for_snapshot
from comparison.speech import say
from comparison.succession import Succession, succession
from comparison.timeline import Timeline
from comparison.tracker_log import require_peers

ROUNDS = 1
# A load around a disturbance: it begins this long before and ends this long after.
LEAD_S, TAIL_S = 5.0, 5.0
# The longest disturbance. Below the time after which the load renews its connection ids, which it does silently.
DISTURBANCE_S_MAX = 35.0
LOAD_OF_HANDOVER = 0.5
# Times that a client repeats an announce, as the target allows.
RETRIES = 1
# Between two readings of the memory.
LOOK_S = 0.02
COLUMNS = ["round", "peers", "snapshot at stop s", "MiB", "beside serving s", "announces/s meanwhile, of before",
           "slowest second, of before", "load until ready s", "handover s", "slowest second, of before", "announces repeated", "unanswered",
           "longest silence ms", "memory of both MiB"]
NOTES = [
    ("A snapshot beside serving is written on SIGUSR2 under a closed loop at full speed; the rates are those while it is written, over "
     "that of the seconds before."),
    (f"The handover is `ringtrack upgrade` under an open loop at {LOAD_OF_HANDOVER:.0%} of saturation, until the command returns. An "
     "announce without an answer is repeated once, after half a second, and is unanswered half a second later, as are those that get an "
     "error. Targets: none is unanswered, and no silence is longer than 250 ms. The memory is the greatest sum of the resident memory of "
     "both processes."),
    "At stop, the time is from SIGTERM to the end of the process; load until ready, from its start to the line `ready` of the log.",
]


@dataclass(frozen=True)
class RestartRun:
    """The life of one tracker."""

    round: int
    peers: int
    saturation_per_s: float
    export_at_stop_s: float
    snapshot_mib: float
    export_beside_serving_s: float
    export_rate_over_before: float
    export_slowest_over_before: float
    load_s: float
    handover_s: float
    handover_slowest_over_before: float
    announces: int
    repeated: int
    unanswered: int
    longest_silence_ms: float
    memory_of_both_mib: float


@dataclass(frozen=True)
class Disturbed:
    """A load with a disturbance in it."""

    result: dict
    took_s: float
    # Over the rate before: of the whole disturbance, and of its slowest second.
    rate_over_before: float
    slowest_over_before: float


def measure(bench: Bench) -> Report:
    """Measures each round with a fresh tracker."""
    require_commands()
    options = bench.options
    population = Population(options.restart_torrents, options.restart_peers)
    runs = [one(bench, population, number + 1) for number in range(options.rounds_or(ROUNDS))]
    load = replace(usual_load(options), population=population)
    commands = [f"ringtrack-blast --fill {' '.join(population.arguments())}", load.in_words(),
                handover_load(load, runs[-1].saturation_per_s).in_words()]
    title = f"Snapshots, handover and restart with {population.peers:,} peers"
    return Report("restart", title, commands, COLUMNS, [row(run) for run in runs], NOTES, [asdict(run) for run in runs])


def require_commands() -> None:
    """Checks that the build has snapshots and handovers."""
    if not ringtrack.known({"RINGTRACK_SNAPSHOT_DIRECTORY": ""}) or not ringtrack.has_command("upgrade"):
        raise RuntimeError("this build of ringtrack has no snapshots or no `ringtrack upgrade`")


def one(bench: Bench, population: Population, number: int) -> RestartRun:
    """Runs a tracker from an empty start over a snapshot, a handover and a stop to a start with all peers."""
    snapshots = bench.folder / f"snapshot-{number}"
    setup = bench.setup(population, environment={"RINGTRACK_SNAPSHOT_DIRECTORY": str(snapshots)})
    _, environment = ringtrack.command(setup)
    load = replace(usual_load(bench.options), population=population)
    with succession(environment, setup.cores, bench.folder) as tracker:
        tracker.start()
        fill(population, setup.port, bench.options.load_core)
        require_peers(server(tracker, setup.port), population.peers)
        saturation_per_s = bench.blast(load, server(tracker, setup.port))["responses_per_s"]
        export = disturbed(bench, load, lambda: write_snapshot(tracker, snapshots))
        handover, memory_bytes = handed_over(bench, handover_load(load, saturation_per_s), tracker)
        require_peers(server(tracker, setup.port), population.peers)
        stop_s = tracker.stop()
        snapshot_bytes = folder_bytes(snapshots)
        load_s = tracker.start()
        require_peers(server(tracker, setup.port), population.peers)
        tracker.stop()
    during = handover.result
    run = RestartRun(number, population.peers, saturation_per_s, stop_s, snapshot_bytes / MIB, export.took_s, export.rate_over_before,
                     export.slowest_over_before, load_s, handover.took_s, handover.slowest_over_before, during["sent"], during["repeated"],
                     during["sent"] - during["answered"], during["longest_silence_ms"], memory_bytes / MIB)
    say(f"  round {number}: {run}")
    return run


def server(tracker: Succession, port: int) -> Running:
    """Returns the process that serves."""
    return Running("ringtrack", tracker.alive(), port, tracker.logs[-1])


def handover_load(load: Load, saturation_per_s: float) -> Load:
    """Returns the load of a handover, at half of saturation."""
    return replace(load, rate_per_s=saturation_per_s * LOAD_OF_HANDOVER, retries=RETRIES)


def disturbed(bench: Bench, load: Load, disturb: Callable[[], object]) -> Disturbed:
    """Runs a load with a disturbance in it, after which it continues for a while."""
    during = replace(load, warmup_s=bench.options.warmup, measured_s=LEAD_S + DISTURBANCE_S_MAX + TAIL_S)
    with ThreadPoolExecutor(1) as pool:
        loaded = pool.submit(blast, during, bench.options.port, bench.options.load_core)
        time.sleep(during.warmup_s + LEAD_S)
        begun_s = time.time()
        disturb()
        ended_s = time.time()
        timeline = Timeline(loaded.result())
    if ended_s - begun_s > DISTURBANCE_S_MAX:
        raise RuntimeError(f"the disturbance took {ended_s - begun_s:.0f} s, longer than the load around it")
    window_s = timeline.at(begun_s), timeline.at(ended_s)
    before_per_s = timeline.rate_per_s((0, window_s[0]))
    return Disturbed(timeline.result, ended_s - begun_s, timeline.rate_per_s(window_s) / before_per_s,
                     min(timeline.seconds(window_s)) / before_per_s)


def write_snapshot(tracker: Succession, folder: Path) -> None:
    """Makes the tracker write a snapshot, and waits until it is there."""
    before = manifest(folder)
    os.kill(tracker.alive(), signal.SIGUSR2)
    wait_for_snapshot(folder, before, DISTURBANCE_S_MAX)


def handed_over(bench: Bench, load: Load, tracker: Succession) -> tuple[Disturbed, int]:
    """Hands over under a load. Returns also the most memory of both processes together."""
    old, done, greatest = tracker.alive(), threading.Event(), [0]

    def look() -> None:
        while not done.wait(LOOK_S):
            greatest[0] = max(greatest[0], sum(map(resident_or_0, {old, *children(old), tracker.pid or old})))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        return disturbed(bench, load, tracker.upgrade), greatest[0]
    finally:
        done.set()
        watcher.join()


def children(pid: int) -> list[int]:
    """Returns the children of a process; none if it has ended."""
    try:
        found = [(task / "children").read_text().split() for task in Path(f"/proc/{pid}/task").iterdir()]
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [int(child) for children in found for child in children]


def resident_or_0(pid: int) -> int:
    """Returns the resident memory of a process; 0 if it has ended."""
    try:
        return resident_bytes(pid)
    except (FileNotFoundError, ProcessLookupError, StopIteration):
        return 0


def row(run: RestartRun) -> list[str]:
    """Returns the row of a run."""
    return [str(run.round), count(run.peers), f"{run.export_at_stop_s:.1f}", count(run.snapshot_mib), f"{run.export_beside_serving_s:.1f}",
            f"{run.export_rate_over_before:.2f}", f"{run.export_slowest_over_before:.2f}", f"{run.load_s:.1f}", f"{run.handover_s:.1f}",
            f"{run.handover_slowest_over_before:.2f}", count(run.repeated), count(run.unanswered), count(run.longest_silence_ms),
            count(run.memory_of_both_mib)]
