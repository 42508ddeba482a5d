"""All servers over HTTP at full speed, in turn."""

from dataclasses import asdict, replace

from comparison.bench import Bench, Run, of_server
from comparison.http_servers import HTTP_NAMES, TLS_NAMES
from comparison.load import Load
from comparison.protocols import Connection, Protocol
from comparison.report import Report, count, decimal
from comparison.scenarios.side_by_side import cost_notes, error_notes, ratio_notes
from comparison.scenarios.usual_load import usual_load
from comparison.servers import NOTES
from comparison.summary import Spread, highest, lowest

ROUNDS = 6
FLOOR = "nginx"
# Above this, the load's core is saturated.
BUSY_PERCENT = 95
COLUMNS = ["server", "responses/s, best", "median", "over nginx, best", "median", "CPU us/response, best", "median",
           "p99 us, best", "median", "peers/reply", "lost", "resident MiB", "load busy"]
ENDED_NOTE = ("opentracker closes every connection after its response: the load opens a new one for each announce, and "
              "repeats announces that it had sent by then.")
# On the loopback, packets are processed by their sender, so that the load does the handshake of a new connection.
HANDSHAKE_NOTE = ("On the loopback the load's core does most of the work of a new connection, the tracker's half of "
                  "the handshake too: CPU per response does not include that part, for any server.")


def kept(bench: Bench) -> Report:
    """Measures kept connections."""
    load = replace(usual_load(bench.options), protocol=Protocol.HTTP)
    notes = [ENDED_NOTE] if "opentracker" in bench.names(HTTP_NAMES, HTTP_NAMES) else []
    return measure(bench, "http", "Over HTTP: announces over kept connections", load, HTTP_NAMES, notes)


def new(bench: Bench) -> Report:
    """Measures a new connection for each announce."""
    load = replace(usual_load(bench.options), protocol=Protocol.HTTP, connection=Connection.PER_REQUEST)
    title = "Over HTTP: a new connection for each announce"
    return measure(bench, "http-new", title, load, HTTP_NAMES, [HANDSHAKE_NOTE])


def with_tls(bench: Bench) -> Report:
    """Measures kept connections with TLS."""
    load = replace(usual_load(bench.options), protocol=Protocol.HTTPS)
    notes = [("All servers have the same certificate (ECDSA, P-256); the suite is the load's first choice, TLS 1.3 with "
              "AES-256-GCM. Handshakes are in the warm-up.")]
    return measure(bench, "https", "Over HTTPS: announces over kept connections", load, TLS_NAMES, notes)


def measure(bench: Bench, scenario: str, title: str, load: Load, servers: list[str], notes: list[str]) -> Report:
    """Measures each server under the same load at full speed."""
    names = bench.names(servers, servers)
    rounds = bench.options.rounds_or(ROUNDS)
    faults = [bench.verify(name, load) for name in names if name != FLOOR]
    runs = bench.alternate(names, rounds, lambda name, number: bench.measure(name, load, number))
    rates = {name: highest(run.responses_per_s for run in of_server(runs, name)) for name in names}
    rows = [row(name, of_server(runs, name), rates) for name in names]
    of_trackers = {name: rate for name, rate in rates.items() if name != FLOOR}
    notes = [f"{rounds} alternating rounds, each with a fresh server; best and median of each figure.",
             "Before that, all replies of one run of each tracker were checked against the announces.",
             *filter(None, faults), *ratio_notes(of_trackers), *cost_notes(runs), *error_notes(runs), *busy_notes(runs), *notes,
             *[NOTES[name] for name in names if name in NOTES]]
    return Report(scenario, title, [load.in_words()], COLUMNS, rows, notes, [asdict(run) for run in runs])


def row(name: str, runs: list[Run], rates: dict[str, Spread]) -> list[str]:
    """Returns the row of a server."""
    rate, cost = rates[name], lowest(run.cpu_us_per_response for run in runs)
    p99 = lowest(run.p99_us for run in runs)
    over = rate.over(rates[FLOOR]) if FLOOR in rates else Spread(float("nan"), float("nan"))
    median = {field: lowest(getattr(run, field) for run in runs).median
              for field in ("peers_per_reply", "loss_percent", "resident_mib", "load_busy_percent")}
    return [name, count(rate.best), count(rate.median), decimal(over.best), decimal(over.median), decimal(cost.best),
            decimal(cost.median), count(p99.best), count(p99.median), f"{median['peers_per_reply']:.1f}",
            f"{median['loss_percent']:.2f} %", count(median["resident_mib"]), f"{median['load_busy_percent']:.0f} %"]


def busy_notes(runs: list[Run]) -> list[str]:
    """Returns a note of the servers whose rate was limited by the load."""
    busy = sorted({run.server for run in runs if run.load_busy_percent > BUSY_PERCENT})
    return [(f"In runs of {', '.join(busy)} the load's core was saturated: those rates are lower bounds, and only CPU per "
             "response is comparable.")] if busy else []
