"""The memory of an idle WebSocket, whose peer has been announced."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace

from comparison.bench import MIB, Bench
from comparison.load import Load, Population, blast
from comparison.open_files import open_files_max
from comparison.processes import kernel_bytes, resident_bytes
from comparison.protocols import Protocol
from comparison.report import Report, count
from comparison.scenarios.http_idle import LOOK_S, OTHER_FILES
from comparison.scenarios.ws import PROTOCOLS
from comparison.servers import NOTES, running
from comparison.speech import say
from comparison.summary import lowest
from comparison.ws_servers import WS_NAMES

ROUNDS = 3
PEERS_OF_TORRENT = 20
# The connections are held for this time, at the end of which the memory is read.
HELD_S = 4
COLUMNS = ["server", "protocol", "idle connections", "open at the end", "resident bytes a connection",
           "ringtrack over it", "resident MiB", "kernel bytes a connection, both ends"]


@dataclass(frozen=True)
class Held:
    """A server with idle connections."""

    server: str
    protocol: str
    round: int
    open_at_begin: int
    open_at_end: int
    bytes_per_connection: float
    kernel_bytes_per_connection: float
    resident_mib: float


def idle_load(bench: Bench, protocol: Protocol) -> Load:
    """Returns a load of hardly more than idle connections."""
    idle = min(bench.options.ws_idle_connections, open_files_max() - OTHER_FILES)
    return Load(Population(max(1, idle // PEERS_OF_TORRENT), idle, skew=1), protocol=protocol, rate_per_s=1, warmup_s=0,
                measured_s=HELD_S, connections=1, idle_connections=idle, offers=0, seeders_percent=0)


def measure(bench: Bench) -> Report:
    """Measures each server with TLS and without."""
    names, rounds = bench.names(WS_NAMES, WS_NAMES), bench.options.rounds_or(ROUNDS)
    found = [one(bench, name, protocol, number + 1)
             for number in range(rounds) for protocol in PROTOCOLS for name in names]
    rows = [row(name, protocol, found) for protocol in PROTOCOLS for name in names]
    notes = [(f"{rounds} alternating rounds, each with a fresh server; medians. An idle connection has announced its peer in "
              f"one torrent, of about {PEERS_OF_TORRENT} peers, and is silent since then. Resident bytes are the increase of "
              "VmRSS from before the first connection, so that they include the peers. Kernel bytes are the increase of the "
              "kernel's objects and TCP buffers of the whole machine (Slab, TCP mem), which has both ends of each connection."),
             *[NOTES[name] for name in names if name in NOTES]]
    commands = [idle_load(bench, Protocol.WSS).in_words()]
    return Report("ws-idle", "Memory of an idle WebSocket", commands, COLUMNS, rows, notes, [asdict(each) for each in found])


def one(bench: Bench, name: str, protocol: Protocol, number: int) -> Held:
    """Reads the memory of a fresh server before and with idle connections."""
    load = idle_load(bench, protocol)
    setup = replace(bench.setup_for(name, load), connections=load.idle_connections + 1_000)
    with running(name, setup) as server, ThreadPoolExecutor() as pool:
        before = resident_bytes(server.pid), kernel_bytes()
        readings = [before]
        blasted = pool.submit(blast, load, server.port, bench.options.load_core)
        while not blasted.done():
            readings = [*readings[-1:], (resident_bytes(server.pid), kernel_bytes())]
            time.sleep(LOOK_S)
        result = blasted.result()["connections"]
    # The last reading may have been when the connections were closed.
    resident, kernel = readings[0]
    opened = max(1, result["idle_open_at_begin"])
    held = Held(name, protocol.value, number, result["idle_open_at_begin"], result["idle_open_at_end"],
                (resident - before[0]) / opened, (kernel - before[1]) / opened, resident / MIB)
    say(f"  round {number}: {name}, {protocol.value}: {held.open_at_end:,} idle, {held.bytes_per_connection:,.0f} bytes each, "
        f"in the kernel {held.kernel_bytes_per_connection:,.0f}")
    return held


def row(name: str, protocol: Protocol, found: list[Held]) -> list[str]:
    """Returns the row of a server over a protocol."""
    def median(server: str, field: str) -> float:
        mine = [each for each in found if (each.server, each.protocol) == (server, protocol.value)]
        return lowest(getattr(each, field) for each in mine).median if mine else float("nan")
    each = median(name, "bytes_per_connection")
    return [name, protocol.value, count(median(name, "open_at_begin")), count(median(name, "open_at_end")), count(each),
            f"{median('ringtrack', 'bytes_per_connection') / each:.3f}", count(median(name, "resident_mib")),
            count(median(name, "kernel_bytes_per_connection"))]
