"""All servers over WebSocket: peers that offer connections to each other, in turn with TLS and without."""

from dataclasses import asdict, dataclass, replace

from comparison.bench import Bench, Run, as_run
from comparison.load import Load, Population
from comparison.processes import resident_bytes, used
from comparison.protocols import Protocol
from comparison.report import Report, count, decimal
from comparison.scenarios.http import busy_notes
from comparison.scenarios.side_by_side import error_notes
from comparison.scenarios.usual_load import usual_load
from comparison.servers import NOTES, running
from comparison.setup import Running
from comparison.speech import say
from comparison.summary import Spread, highest, lowest
from comparison.ws_servers import WS_NAMES

ROUNDS = 6
# Those of a torrent are chosen by luck, about twenty each.
CONNECTIONS, TORRENTS = 1_000, 50
WINDOW = 64
PROTOCOLS = [Protocol.WSS, Protocol.WS]
COLUMNS = ["server", "protocol", "messages/s, best", "median", "ringtrack over it, best", "median", "announces/s, median",
           "offers/s", "answers/s", "CPU us/message, best", "median", "p99 us of announces, best", "median", "lost",
           "resident MiB", "load busy"]


@dataclass(frozen=True)
class WsRun(Run):
    """A run with the rates of the kinds of messages that the server sent."""

    protocol: str
    announces_per_s: float
    offers_per_s: float
    answers_per_s: float


def ws_load(bench: Bench, name: str, protocol: Protocol) -> Load:
    """Returns the load for a server."""
    usual = usual_load(bench.options)
    return replace(usual, population=Population(TORRENTS, CONNECTIONS, skew=1), protocol=protocol, window=WINDOW,
                   connections=CONNECTIONS, seeders_percent=0, answers_get_responses=name == "aquatic_ws")


def measure(bench: Bench) -> Report:
    """Measures each server under the same load at full speed."""
    names, rounds = bench.names(WS_NAMES, WS_NAMES), bench.options.rounds_or(ROUNDS)
    faults = [bench.verify(name, ws_load(bench, name, protocol)) for protocol in PROTOCOLS for name in names]
    runs = [one(bench, name, protocol, number + 1) for number in range(rounds) for protocol in PROTOCOLS for name in names]
    rows = [row(name, protocol, runs) for protocol in PROTOCOLS for name in names]
    notes = [(f"{rounds} alternating rounds, each with a fresh server; best and median of each figure. Messages are those that "
              "the tracker sends: responses to announces, offers and answers of other peers. Each announce has five offers "
              "with descriptions of 1 to 2 KB, and each delivered offer is answered. All peers are leechers, about twenty in "
              "a torrent, so that every tracker delivers all offers."),
             ("All servers have the same certificate (ECDSA, P-256); the suite is the load's first choice, TLS 1.3 with "
              "AES-256-GCM. Connections are opened before the warm-up."),
             "Before that, all messages of one run of each tracker were checked against those sent.",
             *filter(None, faults), *error_notes(runs), *busy_notes(runs), *[NOTES[name] for name in names if name in NOTES]]
    commands = [ws_load(bench, "ringtrack", Protocol.WSS).in_words()]
    return Report("ws", "Over WebSocket: announces with offers, and answers", commands, COLUMNS, rows, notes,
                  [asdict(run) for run in runs])


def one(bench: Bench, name: str, protocol: Protocol, number: int) -> WsRun:
    """Measures a fresh server under the load."""
    load = ws_load(bench, name, protocol)
    with running(name, replace(bench.setup_for(name, load), connections=CONNECTIONS * 2)) as server:
        before = used(server.pid)
        result = bench.blast(load, server)
        run = as_run(name, number, result, used(server.pid).since(before), resident_bytes(server.pid))
    rates = {f"{kind}s_per_s": result["kinds"][kind]["answered"] / result["seconds"] for kind in ("announce", "offer", "answer")}
    say(f"  round {number}: {name}, {protocol.value}: {run.responses_per_s:,.0f} messages/s, {run.cpu_us_per_response:.2f} us "
        f"CPU, p99 {run.p99_us:,.0f} us, {run.loss_percent:.2f} % lost, load {run.load_busy_percent:.0f} % busy")
    return WsRun(**asdict(run), protocol=protocol.value, **rates)


def of(runs: list[WsRun], name: str, protocol: Protocol) -> list[WsRun]:
    """Returns the runs of a server over a protocol."""
    return [run for run in runs if (run.server, run.protocol) == (name, protocol.value)]


def row(name: str, protocol: Protocol, runs: list[WsRun]) -> list[str]:
    """Returns the row of a server over a protocol."""
    mine, ours = of(runs, name, protocol), of(runs, "ringtrack", protocol)
    rate, cost, p99 = rate_of(mine), lowest(run.cpu_us_per_response for run in mine), lowest(run.p99_us for run in mine)
    over = rate_of(ours).over(rate) if ours else Spread(float("nan"), float("nan"))
    median = {field: lowest(getattr(run, field) for run in mine).median
              for field in ("announces_per_s", "offers_per_s", "answers_per_s", "loss_percent", "resident_mib",
                            "load_busy_percent")}
    return [name, protocol.value, count(rate.best), count(rate.median), decimal(over.best), decimal(over.median),
            *[count(median[field]) for field in ("announces_per_s", "offers_per_s", "answers_per_s")], decimal(cost.best),
            decimal(cost.median), count(p99.best), count(p99.median), f"{median['loss_percent']:.2f} %",
            count(median["resident_mib"]), f"{median['load_busy_percent']:.0f} %"]


def rate_of(runs: list[WsRun]) -> Spread:
    """Returns the messages a second."""
    return highest(run.responses_per_s for run in runs)
