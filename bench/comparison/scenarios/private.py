"""Cost of keys, accounts and a list of torrents for an announce."""

import random
import string
from dataclasses import asdict, replace

from comparison.bench import Bench, Run, of_server
from comparison.load import Load, Population, list_torrents
from comparison.management import Place, make_keys
from comparison.report import Report, count, decimal
from comparison.ringtrack import BEFORE
from comparison.scenarios.usual_load import usual_load
from comparison.servers import running
from comparison.summary import Spread, highest, lowest

ROUNDS = 6
PUBLIC, PRIVATE, PRIVATE_BEFORE = "public", "private and listed", "private and listed before"
KEYS, KEY_CHARACTERS = 200, 32
TOKEN = "bench-compare-private"
COLUMNS = ["ringtrack", "responses/s, best", "median", "CPU us/response, best", "median", "p99 us, best", "median", "lost", "errors",
           "resident MiB"]


def measure(bench: Bench) -> Report:
    """Sends the same datagrams with keys to a tracker that checks the keys and to one that does not."""
    options = bench.options
    population = Population(options.listed_torrents, options.peers)
    load = replace(usual_load(options), population=population, url_data=tuple(f"/announce/{key}" for key in keys(population)))
    rounds = options.rounds_or(ROUNDS)
    states = [PUBLIC, PRIVATE, *([PRIVATE_BEFORE] if options.before else [])]
    runs = bench.alternate(states, rounds, lambda state, number: one(bench, load, state, number))
    rates, costs = ({state: of(getattr(run, figure) for run in of_server(runs, state)) for state in states}
                    for of, figure in ((highest, "responses_per_s"), (lowest, "cpu_us_per_response")))
    notes = [f"{rounds} alternating rounds, each with a fresh server on one core; best and median of each figure.",
             (f"All announces carry one of {KEYS} keys (BEP 41). The private tracker has all {population.torrents:,} torrents on a "
              "list in a file, and accounts a session for each of the load's peers. It has a management API, which is not used, and "
              "SQLite, which stores the accounts."),
             *[in_words(what, state, figures[PRIVATE].over(figures[state]))
               for what, figures in (("Responses/s", rates), ("CPU per response", costs)) for state in states if state != PRIVATE]]
    rows = [row(of_server(runs, state), rates[state], costs[state]) for state in states]
    return Report("private", "A private and listed tracker", [load.in_words()], COLUMNS, rows, notes, [asdict(run) for run in runs])


def keys(population: Population) -> list[str]:
    """Returns the same keys for the same load."""
    drawn = random.Random(population.seed)
    return ["".join(drawn.choices(string.ascii_letters + string.digits, k=KEY_CHARACTERS)) for _ in range(KEYS)]


def one(bench: Bench, load: Load, state: str, number: int) -> Run:
    """Runs a round with a fresh server."""
    place = Place(next(bench.ports), next(bench.ports), TOKEN, bench.options.load_core)
    environment = {"RINGTRACK_DATABASE_URL": "none"} if state == PUBLIC else with_keys_and_list(bench, load, place)
    program = BEFORE if state == PRIVATE_BEFORE else "ringtrack"
    with running(program, bench.setup(load.population, environment=environment)) as server:
        if state != PUBLIC:
            make_keys(place, keys(load.population))
        run = bench.measure_running(replace(server, name=state), load, number)
    if run.error_replies:
        raise RuntimeError(f"{run.error_replies:,} announces were refused: the load's keys or torrents are not those of the tracker")
    return run


def with_keys_and_list(bench: Bench, load: Load, place: Place) -> dict[str, str]:
    """Returns settings of a private and listed tracker. Each start has a new database."""
    allowed, database = bench.folder / "allowed.txt", bench.folder / "private.db"
    if not allowed.exists():
        list_torrents(load.population, allowed)
    for file in bench.folder.glob(f"{database.name}*"):
        file.unlink()
    return {
        "RINGTRACK_ACCESS_MODE": "private-listed",
        "RINGTRACK_ACCESS_ALLOW_FILE": str(allowed),
        "RINGTRACK_API_LISTEN": f"127.0.0.1:{place.api_port}",
        "RINGTRACK_API_TOKENS": f"bench={place.token}",
        "RINGTRACK_DATABASE_URL": f"sqlite:{database}",
    }


def in_words(what: str, state: str, over: Spread) -> str:
    """Returns a note of private over another state."""
    return f"{what}, {PRIVATE} over {state}: {over.best:.3f} (best over best), {over.median:.3f} (median over median)."


def row(runs: list[Run], rate: Spread, cost: Spread) -> list[str]:
    """Returns the row of a state."""
    p99, resident = (lowest(getattr(run, figure) for run in runs) for figure in ("p99_us", "resident_mib"))
    lost, errors = (lowest(getattr(run, figure) for run in runs).median for figure in ("loss_percent", "error_replies"))
    return [runs[0].server, count(rate.best), count(rate.median), decimal(cost.best), decimal(cost.median), count(p99.best),
            count(p99.median), f"{lost:.2f} %", count(errors), count(resident.median)]
