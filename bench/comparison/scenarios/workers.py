"""Cost of a second worker: an announce must not cost more because there are more cores."""

from dataclasses import asdict, dataclass, replace

from comparison.bench import Bench, Run, of_server
from comparison.load import Load
from comparison.report import Report, count, decimal
from comparison.scenarios.usual_load import usual_load
from comparison.servers import running
from comparison.summary import lowest
from comparison.tracker_log import Figures, figures

ROUNDS = 6
# The number that the generator sends as one message.
TORRENT_RUN = 32
ONE, TWO = "one worker", "two workers"
BATCH_NOTE = ("The cost of a reply depends most on the length of its batch. Single announces reach two workers in batches of "
              f"half the length; of announces that are sent in messages of {TORRENT_RUN} for one torrent each, which the "
              "kernel steers as a whole, one worker and two get batches of the same length.")
COLUMNS = ["ringtrack", "offered/s", "responses/s, median", "CPU us/response, best", "median", "datagrams a batch",
           "announces on the wrong core", "lost"]


@dataclass(frozen=True)
class WorkersRun(Run):
    """A run with the tracker's figures of how datagrams were received."""

    datagrams_per_batch: float = 0
    wrong_core_percent: float = 0


def measure(bench: Bench) -> Report:
    """Measures all at a fixed rate. With two cores in all, the second worker shares its core with the load."""
    options = bench.options
    usual = usual_load(options).at(options.rate)
    loads = {"runs of one torrent": replace(usual, torrent_run=TORRENT_RUN), "single": replace(usual, segments=1)}
    cores = {ONE: [options.server_core], TWO: [options.server_core, options.load_core]}
    states = {f"{workers}, {kind}": (load, cores[workers]) for kind, load in loads.items() for workers in cores}
    rounds = options.rounds_or(ROUNDS)
    runs = bench.alternate(list(states), rounds, lambda name, number: one(bench, name, *states[name], number))
    rows = [row(name, of_server(runs, name)) for name in states]
    notes = [f"{rounds} alternating rounds at {options.rate:,.0f} announces/s, open loop. CPU is that of the server's "
             "process. There are two cores in all: the load shares the second worker's.",
             *[ratio_note(runs, kind) for kind in loads], BATCH_NOTE]
    commands = [load.in_words() for load in loads.values()]
    return Report("workers", "Two workers", commands, COLUMNS, rows, notes, [asdict(run) for run in runs])


def ratio_note(runs: list[Run], kind: str) -> str:
    """Returns a note of two workers over one, under one kind of load."""
    one_worker, two_workers = (lowest(run.cpu_us_per_response for run in of_server(runs, f"{workers}, {kind}"))
                               for workers in (ONE, TWO))
    over = two_workers.over(one_worker)
    return f"Two workers over one, {kind}: {over.best:.3f} (best over best), {over.median:.3f} (median over median)."


def one(bench: Bench, name: str, load: Load, cores: list[int], number: int) -> WorkersRun:
    """Runs a round on these cores."""
    with running("ringtrack", bench.setup(load.population, cores=cores)) as server:
        run = bench.measure_running(replace(server, name=name), load, number)
        told = figures(server)
    return WorkersRun(**asdict(run), **ways(told))


def ways(told: Figures) -> dict[str, float]:
    """Returns how datagrams were received."""
    received = told.values["udp_v4_received"]
    return {
        "datagrams_per_batch": received / max(1, told.values["batches_received"]),
        "wrong_core_percent": 100 * told.values["announces_on_wrong_core"] / max(1, received),
    }


def row(name: str, runs: list[WorkersRun]) -> list[str]:
    """Returns the row of a state."""
    cost = lowest(run.cpu_us_per_response for run in runs)
    median = {field: lowest(getattr(run, field) for run in runs).median
              for field in ("responses_per_s", "datagrams_per_batch", "wrong_core_percent", "loss_percent")}
    return [name, count(runs[0].offered_per_s or 0), count(median["responses_per_s"]), decimal(cost.best),
            decimal(cost.median), f"{median['datagrams_per_batch']:.1f}", f"{median['wrong_core_percent']:.3f} %",
            f"{median['loss_percent']:.2f} %"]
