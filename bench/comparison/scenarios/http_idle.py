"""The memory of an idle connection, and whether thousands of them slow others down."""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace

from comparison.bench import Bench, Run, as_run
from comparison.http_servers import HTTP_NAMES, KEPT_S
from comparison.load import Load, blast
from comparison.open_files import open_files_max
from comparison.processes import resident_bytes, used
from comparison.protocols import Protocol
from comparison.report import Report, count, decimal
from comparison.scenarios.usual_load import usual_load
from comparison.servers import NOTES, running
from comparison.setup import Running
from comparison.speech import say
from comparison.summary import lowest

ROUNDS = 3
USUAL = ["nginx", "ringtrack", "aquatic_http"]
# Open files of the server and the load beside the idle connections.
OTHER_FILES = 2_000
# Between two readings of the server's memory.
LOOK_S = 0.2
COLUMNS = ["server", "idle connections", "open at the end", "resident bytes a connection", "resident MiB",
           "announces/s", "CPU us/response, median", "p50 us, median", "p99 us, median", "lost"]


@dataclass(frozen=True)
class IdleRun(Run):
    """A run with the counts of its idle connections."""

    idle: int
    open_at_begin: int
    open_at_end: int


def measure(bench: Bench) -> Report:
    """Measures each server with idle connections and without."""
    options = bench.options
    quiet = replace(usual_load(options), protocol=Protocol.HTTP, rate_per_s=options.idle_rate)
    loads = [quiet, replace(quiet, idle_connections=min(options.idle_connections, open_files_max() - OTHER_FILES))]
    names, rounds = bench.names(USUAL, HTTP_NAMES), options.rounds_or(ROUNDS)
    runs = [one(bench, name, load, number + 1) for number in range(rounds) for name in names for load in loads]
    rows = [row(name, load.idle_connections, runs) for name in names for load in loads]
    notes = [(f"{rounds} alternating rounds, open loop. An idle connection has received one response and is silent since "
             "then. Resident is the highest VmRSS during the run; bytes per connection are its increase over the runs "
             "without idle connections. Kernel memory of the sockets is not included. CPU per response includes the "
             "cost of opening the idle connections."),
             *limit_notes(loads[1].idle_connections, options.idle_connections),
             *[NOTES[name] for name in names if name in NOTES]]
    return Report("http-idle", "Beside idle connections", [load.in_words() for load in loads], COLUMNS, rows, notes,
                  [asdict(run) for run in runs])


def one(bench: Bench, name: str, load: Load, number: int) -> IdleRun:
    """Runs a fresh server under a load, and watches its memory."""
    usual = bench.setup_for(name, replace(load, idle_connections=0))
    kept = {"RINGTRACK_HTTP_IDLE_S": str(KEPT_S)} if name == "ringtrack" else {}
    setup = replace(usual, environment=kept, connections=usual.connections + load.idle_connections)
    with running(name, setup) as server, ThreadPoolExecutor() as pool:
        before = used(server.pid)
        blasted = pool.submit(blast, load, server.port, bench.options.load_core)
        most = most_resident(server, blasted)
        result = blasted.result()
        run = as_run(name, number, result, used(server.pid).since(before), most)
    of_idle = result["connections"]
    found = IdleRun(**asdict(run), idle=load.idle_connections, open_at_begin=of_idle["idle_open_at_begin"],
                    open_at_end=of_idle["idle_open_at_end"])
    say(f"  round {number}: {name}: {found.open_at_begin:,} idle, {found.open_at_end:,} at the end, "
        f"{found.resident_mib:,.0f} MiB, p99 {found.p99_us:,.0f} us")
    return found


def limit_notes(had: int, asked: int) -> list[str]:
    """Returns a note if the requested number was not possible."""
    text = f"{asked:,} idle connections were requested; this machine does not allow a process that many open files."
    return [text] if had < asked else []


def most_resident(server: Running, blasted: Future) -> int:
    """Returns the peak resident memory until the load is over."""
    most = 0
    while not blasted.done():
        most = max(most, resident_bytes(server.pid))
        time.sleep(LOOK_S)
    return most


def row(name: str, idle: int, runs: list[IdleRun]) -> list[str]:
    """Returns the row of a server with idle connections or without."""
    mine, quiet = ([run for run in runs if (run.server, run.idle) == (name, number)] for number in (idle, 0))
    median = {field: lowest(getattr(run, field) for run in mine).median
              for field in ("open_at_begin", "open_at_end", "resident_mib", "responses_per_s", "cpu_us_per_response",
                            "p50_us", "p99_us", "loss_percent")}
    grown_mib = median["resident_mib"] - lowest(run.resident_mib for run in quiet).median
    each = f"{grown_mib * 2**20 / median['open_at_begin']:,.0f}" if median["open_at_begin"] else "-"
    return [name, count(median["open_at_begin"]), count(median["open_at_end"]), each, count(median["resident_mib"]),
            count(median["responses_per_s"]), decimal(median["cpu_us_per_response"]), count(median["p50_us"]),
            count(median["p99_us"]), f"{median['loss_percent']:.2f} %"]
