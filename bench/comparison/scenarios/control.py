"""Cost of the control plane for the core that serves announces: everything on, and in constant use."""

import contextlib
from dataclasses import asdict, dataclass, replace
from statistics import median

from comparison.bench import Bench, Run, of_server
from comparison.load import Load
from comparison.management import Asked, Place, asked_by_clients
from comparison.report import Report, count, decimal
from comparison.scenarios.usual_load import usual_load
from comparison.servers import running
from comparison.speech import say
from comparison.summary import Spread, highest, lowest

ROUNDS = 6
OFF, ON = "control plane off", "control plane on, and asked"
# The share of its rate that a tracker must keep.
TARGET = 0.97
TOKEN = "bench-compare-control"
COLUMNS = ["ringtrack", "responses/s, best", "median", "CPU us/response, best", "median", "p99 us, best", "median", "lost",
           "answers of the APIs in a run", "slowest ms, median", "changes stored"]
STATES_NOTE = ("Off: no management API, no health checks, no figures for Prometheus, no HTTP, no database. On: all of them, the "
               "statistics page, SQLite and `remember_completed`. Each second one client requests what the views of an open dashboard "
               "request: `stats`, `metrics`, `health`, `cores`, `totals`, `torrents` (4,000 of them), `torrents/sorted` by peers, one "
               "torrent with its peers, `storage` and `latency`; others make a health check, scrape `/metrics` and load `/stats`, and "
               "one reads the event stream. They share the load's core, and the control plane shares the worker's: CPU per response "
               "includes its work. The load completes nothing, so only totals are stored.")


@dataclass(frozen=True)
class ControlRun(Run):
    """A run with the requests made during the load."""

    answers: int = 0
    answers_ms: dict[str, list[float]] | None = None
    slowest_ms: float = 0
    events: int = 0
    unwell: int = 0
    changes_stored: int = 0


def measure(bench: Bench) -> Report:
    """Measures the same load with the control plane off and on."""
    load = usual_load(bench.options)
    rounds = bench.options.rounds_or(ROUNDS)
    runs = bench.alternate([OFF, ON], rounds, lambda state, number: one(bench, load, state, number))
    rates, costs = ({state: of(getattr(run, figure) for run in of_server(runs, state)) for state in (OFF, ON)}
                    for of, figure in ((highest, "responses_per_s"), (lowest, "cpu_us_per_response")))
    notes = [(f"{rounds} alternating rounds, each with a fresh server on one core; best and median of each figure. The target is "
              f"{TARGET:.2f} of the rate."), STATES_NOTE,
             in_words("Responses/s", rates[ON].over(rates[OFF])), in_words("CPU per response", costs[ON].over(costs[OFF])),
             *unwell_note(of_server(runs, ON))]
    rows = [row(of_server(runs, state), rates[state], costs[state]) for state in (OFF, ON)]
    return Report("control", "With a control plane in constant use", [load.in_words()], COLUMNS, rows, notes,
                  [asdict(run) for run in runs])


def one(bench: Bench, load: Load, state: str, number: int) -> ControlRun:
    """Runs a round with a fresh server."""
    place = Place(next(bench.ports), next(bench.ports), TOKEN, bench.options.load_core, next(bench.ports), next(bench.ports))
    environment = with_everything(bench, place) if state == ON else {"RINGTRACK_DATABASE_URL": "none"}
    clients = asked_by_clients(place) if state == ON else contextlib.nullcontext(Asked())
    with running("ringtrack", bench.setup(load.population, environment=environment)) as server, clients as asked:
        run = bench.measure_running(replace(server, name=state), load, number)
    if state == ON:
        say(f"    {asked.answers()} responses of the APIs, the slowest after {asked.slowest_ms():.0f} ms; {asked.events} events")
    return ControlRun(**asdict(run), answers=asked.answers(), answers_ms=asked.answers_ms, slowest_ms=asked.slowest_ms(),
                      events=asked.events, unwell=len(asked.unwell_at_s), changes_stored=asked.changes_stored)


def with_everything(bench: Bench, place: Place) -> dict[str, str]:
    """Returns settings with the control plane on. Each start has a new database."""
    database = bench.folder / "control.db"
    for file in bench.folder.glob(f"{database.name}*"):
        file.unlink()
    return {
        "RINGTRACK_API_LISTEN": f"127.0.0.1:{place.api_port}",
        "RINGTRACK_API_TOKENS": f"bench={place.token}",
        "RINGTRACK_HEALTH_CHECK_API_LISTEN": f"127.0.0.1:{place.health_port}",
        "RINGTRACK_METRICS_LISTEN": f"127.0.0.1:{place.metrics_port}",
        "RINGTRACK_HTTP_LISTEN": f"127.0.0.1:{place.page_port}",
        "RINGTRACK_STATISTICS_PAGE": "on",
        "RINGTRACK_DATABASE_URL": f"sqlite:{database}",
        "RINGTRACK_DATABASE_REMEMBER_COMPLETED": "on",
    }


def in_words(what: str, over: Spread) -> str:
    """Returns a note of on over off."""
    return f"{what}, on over off: {over.best:.3f} (best over best), {over.median:.3f} (median over median)."


def unwell_note(runs: list[ControlRun]) -> list[str]:
    """Returns a note of health checks that failed although every listener was up."""
    unwell = sum(run.unwell for run in runs)
    return [f"{unwell} health checks reported a listener that did not answer in time."] if unwell else []


def row(runs: list[ControlRun], rate: Spread, cost: Spread) -> list[str]:
    """Returns the row of a state."""
    p99 = lowest(run.p99_us for run in runs)
    of_runs = {figure: median(getattr(run, figure) for run in runs)
               for figure in ("loss_percent", "answers", "slowest_ms", "changes_stored")}
    return [runs[0].server, count(rate.best), count(rate.median), decimal(cost.best), decimal(cost.median), count(p99.best),
            count(p99.median), f"{of_runs['loss_percent']:.2f} %", count(of_runs["answers"]), count(of_runs["slowest_ms"]),
            count(of_runs["changes_stored"])]
