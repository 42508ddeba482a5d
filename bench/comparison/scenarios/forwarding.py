"""Cost of forwarding for local clients while no upstream tracker ever answers."""

import contextlib
import json
import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace

from comparison.bench import Bench, Run
from comparison.load import Load
from comparison.management import Place, connection, get
from comparison.report import Report, count, decimal
from comparison.scenarios.saturation import saturation_per_s
from comparison.scenarios.usual_load import usual_load
from comparison.servers import running
from comparison.speech import say
from comparison.summary import Spread, highest, lowest

ROUNDS = 6
OFF, ON = "without forwarding", "with forwarding"
FULL, HALF = "full speed", "half of the saturation"
SHARE = 0.5
# The share of its rate that a tracker must keep, and by which its latency may grow.
TARGET = 0.97
# Of each protocol.
UPSTREAMS = 5
# Between two looks whether the block has ended.
LOOK_S = 0.2
TOKEN = "bench-compare-forwarding"
COLUMNS = ["ringtrack", "load", "offered/s", "responses/s, best", "median", "CPU us/response, best", "median", "p50 us, median",
           "p99 us, best", "median", "lost", "resident MiB", "upstream announces"]
STATES_NOTE = (f"With forwarding, {UPSTREAMS} UDP sockets that never answer and {UPSTREAMS} TCP listeners that accept connections "
               "and never answer are its upstream trackers. It announces as many torrents to them as its defaults allow, which are "
               "fewer than the load has. The forwarder shares the worker's core, and CPU per response includes its work.")


@dataclass(frozen=True)
class ForwardingRun(Run):
    """A run with its load, and the announces to upstream trackers that were under way or had failed at its end."""

    load: str = FULL
    upstream_announces: int = 0


def measure(bench: Bench) -> Report:
    """Measures the same loads without forwarding and with upstream trackers that hang."""
    closed = usual_load(bench.options)
    half = closed.at(SHARE * saturation_per_s(bench, "ringtrack", closed))
    rounds = bench.options.rounds_or(ROUNDS)
    runs = [run for name, load in ((FULL, closed), (HALF, half))
            for run in bench.alternate([OFF, ON], rounds, lambda state, number, name=name, load=load: replace(
                one(bench, load, state, number), load=name))]
    notes = [(f"{rounds} alternating rounds of each load, each with a fresh server on one core; best and median of each figure. Half "
              f"is that of the saturation without forwarding, for both. The target is {TARGET:.2f} of the rate, and a p99 of at "
              f"most {2 - TARGET:.2f}."), STATES_NOTE,
             *[ratio_note(runs, name) for name in (FULL, HALF)]]
    rows = [row(of(runs, state, name)) for name in (FULL, HALF) for state in (OFF, ON)]
    commands = [closed.in_words(), half.in_words()]
    return Report("forwarding", "With upstream trackers that hang", commands, COLUMNS, rows, notes, [asdict(run) for run in runs])


def one(bench: Bench, load: Load, state: str, number: int) -> ForwardingRun:
    """Runs a round with a fresh server."""
    place = Place(next(bench.ports), next(bench.ports), TOKEN, bench.options.load_core)
    environment = {
        "RINGTRACK_API_LISTEN": f"127.0.0.1:{place.api_port}",
        "RINGTRACK_API_TOKENS": f"bench={place.token}",
        "RINGTRACK_DATABASE_URL": "none",
    }
    with contextlib.ExitStack() as stack:
        if state == ON:
            file = bench.folder / "forwarders.yml"
            file.write_text("".join(f"- uri: {uri}\n" for uri in stack.enter_context(hanging_upstreams(place.core))))
            environment |= {"RINGTRACK_FORWARDING_FILE": str(file), "RINGTRACK_FORWARDING_PRIVATE_PEERS": "accept"}
        server = stack.enter_context(running("ringtrack", bench.setup(load.population, environment=environment)))
        run = bench.measure_running(replace(server, name=state), load, number)
        announces = upstream_announces(place) if state == ON else 0
    return ForwardingRun(**asdict(run), upstream_announces=announces)


@contextlib.contextmanager
def hanging_upstreams(core: int) -> Iterator[list[str]]:
    """Runs upstream trackers that never answer during the block, and yields their URIs."""
    done = threading.Event()
    with contextlib.ExitStack() as stack:
        udp, tcp = ([stack.enter_context(socket.socket(type=kind)) for _ in range(UPSTREAMS)]
                    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM))
        for one_socket in (*udp, *tcp):
            one_socket.bind(("127.0.0.1", 0))
        threads = [threading.Thread(target=accept, args=(listener, core, done)) for listener in tcp]
        for listener, thread in zip(tcp, threads, strict=True):
            listener.listen()
            listener.settimeout(LOOK_S)
            thread.start()
        try:
            yield [f"{scheme}://127.0.0.1:{each.getsockname()[1]}/announce"
                   for scheme, sockets in (("udp", udp), ("http", tcp)) for each in sockets]
        finally:
            done.set()
            for thread in threads:
                thread.join()


def accept(listener: socket.socket, core: int, done: threading.Event) -> None:
    """Accepts connections, and keeps them open, until the block has ended."""
    # Of this thread only.
    os.sched_setaffinity(0, {core})
    with contextlib.ExitStack() as kept:
        while not done.is_set():
            with contextlib.suppress(TimeoutError):
                kept.enter_context(listener.accept()[0])


def upstream_announces(place: Place) -> int:
    """Returns the announces to upstream trackers that are under way or have failed. Without any, nothing was measured."""
    with connection(place.api_port) as api:
        upstreams = json.loads(get(api, "/api/v1/forwarders", place.headers()))
    announces = sum(upstream["in_flight"] + sum(upstream["announces"].values()) for upstream in upstreams)
    say(f"    {announces:,} announces to {len(upstreams)} upstream trackers")
    if len(upstreams) != 2 * UPSTREAMS or not announces or any(upstream["announces"].get("answered") for upstream in upstreams):
        raise RuntimeError(f"the upstream trackers are not asked in vain: {upstreams}")
    return announces


def of(runs: list[ForwardingRun], state: str, load: str) -> list[ForwardingRun]:
    """Returns the runs in a state under a load."""
    return [run for run in runs if (run.server, run.load) == (state, load)]


def rate(runs: list[ForwardingRun]) -> Spread:
    """Returns the responses per second."""
    return highest(run.responses_per_s for run in runs)


def cost(runs: list[ForwardingRun]) -> Spread:
    """Returns the CPU time of a response."""
    return lowest(run.cpu_us_per_response for run in runs)


def p99(runs: list[ForwardingRun]) -> Spread:
    """Returns the latency that one of a hundred responses exceeds."""
    return lowest(run.p99_us for run in runs)


def ratio_note(runs: list[ForwardingRun], load: str) -> str:
    """Returns a note of with over without, under a load."""
    parts = []
    for what, figure in (("responses/s", rate), ("CPU per response", cost), ("p99", p99)):
        over = figure(of(runs, ON, load)).over(figure(of(runs, OFF, load)))
        parts.append(f"{what} {over.best:.3f} (best over best), {over.median:.3f} (median over median)")
    return f"With over without, {load}: {'; '.join(parts)}."


def row(runs: list[ForwardingRun]) -> list[str]:
    """Returns the row of a state under a load."""
    median = {field: lowest(getattr(run, field) for run in runs).median
              for field in ("p50_us", "loss_percent", "resident_mib", "upstream_announces")}
    spreads = [count(rate(runs).best), count(rate(runs).median), decimal(cost(runs).best), decimal(cost(runs).median)]
    return [runs[0].server, runs[0].load, count(runs[0].offered_per_s or 0), *spreads, count(median["p50_us"]),
            count(p99(runs).best), count(p99(runs).median), f"{median['loss_percent']:.2f} %", count(median["resident_mib"]),
            count(median["upstream_announces"])]
