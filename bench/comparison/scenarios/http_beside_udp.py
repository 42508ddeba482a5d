"""The effect of HTTP and UDP on each other on one core."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace

from comparison.bench import Bench
from comparison.load import Load, blast
from comparison.protocols import Protocol, Wait
from comparison.report import Report, count
from comparison.scenarios.usual_load import usual_load
from comparison.servers import NOTES, running
from comparison.speech import say
from comparison.summary import Spread, highest, lowest

ROUNDS = 6
# Servers with both protocols; opentracker only on request.
USUAL, BOTH = ["ringtrack"], ["ringtrack", "opentracker"]
COLUMNS = ["server", "load", "UDP responses/s, best", "median", "HTTP responses/s, best", "median", "HTTP p50 us, best", "median",
           "HTTP p99 us, best", "median", "lost, UDP", "HTTP"]
LOADS_NOTE = ("With two loads, two generators share the load's core. Two at full speed also wait for each other: their rates "
              "are lower bounds. One at a fixed rate sleeps between its requests and is woken before the other.")


@dataclass(frozen=True)
class Found:
    """The results of one or two loads at once; None if there was none of the kind."""

    server: str
    state: str
    round: int
    udp: dict | None
    http: dict | None


def measure(bench: Bench) -> Report:
    """Measures each load alone and beside the other."""
    options = bench.options
    udp = usual_load(options)
    busy = replace(udp, protocol=Protocol.HTTP)
    calm = replace(busy, rate_per_s=options.http_rate, wait=Wait.SLEEP)
    states: dict[str, list[Load]] = {
        "UDP at full speed": [udp],
        "HTTP at full speed": [busy],
        "both at full speed": [udp, busy],
        f"HTTP at {options.http_rate:,.0f}/s": [calm],
        f"HTTP at {options.http_rate:,.0f}/s beside UDP at full speed": [udp, calm],
    }
    names, rounds = bench.names(USUAL, BOTH), options.rounds_or(ROUNDS)
    found = [one(bench, name, state, loads, number + 1)
             for number in range(rounds) for name in names for state, loads in states.items()]
    rows = [row(name, state, [each for each in found if (each.server, each.state) == (name, state)])
            for name in names for state in states]
    notes = [f"{rounds} alternating rounds, each with a fresh server on one core.", LOADS_NOTE,
             *[NOTES[name] for name in names if name in NOTES]]
    commands = [load.in_words() for load in (udp, busy, calm)]
    return Report("http-beside-udp", "HTTP beside UDP", commands, COLUMNS, rows, notes, [asdict(each) for each in found])


def one(bench: Bench, name: str, state: str, loads: list[Load], number: int) -> Found:
    """Runs a fresh server under one or two loads at once."""
    setup = bench.setup(loads[0].population, protocol=Protocol.HTTP)
    with running(name, setup) as server, ThreadPoolExecutor() as pool:
        core = bench.options.load_core
        results = {load.protocol: pool.submit(blast, load, server.port, core) for load in loads}
        done = {protocol: result.result() for protocol, result in results.items()}
    found = Found(name, state, number, done.get(Protocol.UDP), done.get(Protocol.HTTP))
    rates = ", ".join(f"{protocol.value} {result['responses_per_s']:,.0f}/s" for protocol, result in done.items())
    say(f"  round {number}: {name}: {state}: {rates}")
    return found


def row(name: str, state: str, found: list[Found]) -> list[str]:
    """Returns the row of a state."""
    udp, http = ([getattr(each, kind) for each in found if getattr(each, kind)] for kind in ("udp", "http"))
    rates = [highest(result["responses_per_s"] for result in results) if results else None for results in (udp, http)]
    latencies = [lowest(result["latency_us"][q] for result in http) if http else None for q in ("p50", "p99")]
    lost = [lowest(result["loss_percent"] for result in results).median if results else None for results in (udp, http)]
    return [name, state, *[cell for spread in (*rates, *latencies) for cell in cells(spread)],
            *["-" if percent is None else f"{percent:.2f} %" for percent in lost]]


def cells(spread: Spread | None) -> list[str]:
    """Returns best and median, or dashes."""
    return [count(spread.best), count(spread.median)] if spread else ["-", "-"]
