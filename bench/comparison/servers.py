"""The trackers and the floor: how each is started with its best settings for one core."""

import contextlib
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from comparison import http_servers, ringtrack, ws_servers
from comparison.builds import AQUATIC_VERSION, TORRUST_VERSION, program
from comparison.load import is_answered
from comparison.opentracker import opentracker
from comparison.paths import BUILD
from comparison.processes import cpu_s, spawn, stop
from comparison.protocols import Protocol
from comparison.setup import Running, Setup

# Seconds within which a server must answer its first connect.
START_S_MAX = 20
# A server that spends at most this much CPU in this much time is idle.
IDLE_CPU_S = 0.01
SETTLE_S = 0.2
NAMES = ["echo", "ringtrack", ringtrack.BEFORE, "aquatic_udp", "opentracker", "torrust-tracker"]
ALL_NAMES = list(dict.fromkeys([*NAMES, *http_servers.HTTP_NAMES, *ws_servers.WS_NAMES]))
NOTES = {
    **http_servers.NOTES,
    **ws_servers.NOTES,
    "aquatic_udp": "aquatic_udp returns up to 30 peers, its default.",
    "opentracker": "Debian builds opentracker with a whitelist (WANT_ACCESSLIST_WHITE), without which it serves no torrent: it "
                   "has a list of all torrents of the load, and searches it for the torrent of each announce, which a "
                   "build without lists does not.",
    "torrust-tracker": "Torrust returns up to 74 peers, regardless of the number that the client requests.",
}


@contextlib.contextmanager
def running(name: str, setup: Setup) -> Iterator[Running]:
    """Runs a fresh server during the block."""
    command, environment = commands(setup.protocol)[name](setup)
    log = setup.folder / f"{name}-{setup.port}.log"
    process = start(lambda: spawn([*setup.around_server, *command], setup.cores, environment, log), setup, log)
    try:
        settle(process)
        yield Running(name, process.pid, setup.port, log)
        if process.poll() is not None:
            raise RuntimeError(f"{name} exited unexpectedly: {last_words(log)}")
    finally:
        stop(process)


def commands(protocol: Protocol) -> dict[str, Callable[[Setup], tuple[list[str], dict[str, str]]]]:
    """Returns the commands of the servers over a protocol."""
    if protocol is Protocol.UDP:
        return COMMANDS
    return ws_servers.COMMANDS if protocol.is_websocket() else http_servers.COMMANDS


def first_protocol(name: str) -> Protocol:
    """Returns a protocol that a server has."""
    return next(one for one in (Protocol.UDP, Protocol.HTTP, Protocol.WS) if name in commands(one))


def start(launch: Callable[[], subprocess.Popen], setup: Setup, log: Path) -> subprocess.Popen:
    """Starts a server and waits until it answers. Retries while the port is taken: sockets of an io_uring are closed
    a moment after its process has ended."""
    deadline = time.monotonic() + START_S_MAX
    while time.monotonic() < deadline:
        process = launch()
        try:
            while process.poll() is None and time.monotonic() < deadline:
                if is_answered(setup.port, setup.protocol, setup.host, setup.around_load):
                    return process
        except BaseException:
            stop(process)
            raise
        stop(process)
        time.sleep(0.1)
    raise RuntimeError(f"no answer within {START_S_MAX} s; last output: {last_words(log)}")


def settle(process: subprocess.Popen) -> None:
    """Waits until a server is idle: some answer while they still read their lists."""
    deadline = time.monotonic() + START_S_MAX
    spent_s, before_s = cpu_s(process.pid), -1.0
    while spent_s - before_s > IDLE_CPU_S and time.monotonic() < deadline:
        time.sleep(SETTLE_S)
        spent_s, before_s = cpu_s(process.pid), spent_s


def last_words(log: Path) -> str:
    """Returns the last line of a server's output."""
    return (log.read_text(errors="replace").strip().splitlines() or ["nothing"])[-1][:300]


def echo(setup: Setup) -> tuple[list[str], dict[str, str]]:
    """Returns the command of the floor; its replies are as long as ringtrack's under the same load."""
    return [str(BUILD / "ringtrack-echo"), "--listen", setup.address(), "--peers", str(setup.echo_peers)], {}


def aquatic(setup: Setup) -> tuple[list[str], dict[str, str]]:
    """Returns the command, with defaults (one socket worker, io_uring, 30 peers per reply) and no statistics."""
    file = setup.folder / "aquatic.toml"
    file.write_text(f"""
socket_workers = 1
[network]
address = "{setup.address()}"
use_io_uring = true
[protocol]
max_response_peers = 30
[statistics]
interval = 0
""")
    return [str(program("aquatic_udp", AQUATIC_VERSION)), "-c", str(file)], {}


def torrust(setup: Setup) -> tuple[list[str], dict[str, str]]:
    """Returns the command, for UDP only: nothing is counted, logged or stored in its database, which it creates anyway."""
    return [str(program("torrust-tracker", TORRUST_VERSION))], {"TORRUST_TRACKER_CONFIG_TOML": f"""
[metadata]
app = "torrust-tracker"
purpose = "configuration"
schema_version = "2.0.0"
[logging]
threshold = "error"
[core]
listed = false
private = false
tracker_usage_statistics = false
[core.tracker_policy]
persistent_torrent_completed_stat = false
[core.database]
driver = "sqlite3"
path = "{setup.folder / 'torrust.db'}"
[[udp_trackers]]
bind_address = "{setup.address()}"
[health_check_api]
bind_address = "127.0.0.1:0"
"""}


COMMANDS: dict[str, Callable[[Setup], tuple[list[str], dict[str, str]]]] = {
    "echo": echo,
    "ringtrack": ringtrack.command,
    ringtrack.BEFORE: ringtrack.of_before(ringtrack.command),
    "aquatic_udp": aquatic,
    "opentracker": opentracker,
    "torrust-tracker": torrust,
}
