"""The trackers and the floor: how each is started for one core, at its best."""

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from comparison.builds import AQUATIC_VERSION, TORRUST_VERSION, program
from comparison.load import Population, is_answered, list_torrents
from comparison.paths import BUILD
from comparison.processes import bound_to_us, cpu_s, spawn, stop

# Seconds in which a server must answer its first connect.
START_S_MAX = 20
# A server that spends no more than this much CPU in this much time is idle; the kernel counts in hundredths.
IDLE_CPU_S = 0.01
SETTLE_S = 0.2
NAMES = ["echo", "ringtrack", "aquatic_udp", "opentracker", "torrust-tracker"]
NOTES = {
    "opentracker": "Debian builds opentracker for whitelists only: it was given a list of all torrents of the load, "
                   "and looks each announce up in it first.",
    "torrust-tracker": "Torrust answers with up to 74 peers, whatever number the client asks for.",
}


@dataclass(frozen=True)
class Setup:
    """What a scenario asks of a server."""

    port: int
    folder: Path
    population: Population
    cores: list[int]
    echo_peers: int = 30
    # Settings of ringtrack's own.
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Running:
    """A server that answers."""

    name: str
    pid: int
    port: int
    log: Path


@contextlib.contextmanager
def running(name: str, setup: Setup) -> Iterator[Running]:
    """A fresh server, for as long as the block lasts."""
    command, environment = COMMANDS[name](setup)
    log = setup.folder / f"{name}-{setup.port}.log"
    process = start(lambda: spawn(command, setup.cores, environment, log), setup.port, log)
    try:
        settle(process)
        yield Running(name, process.pid, setup.port, log)
        if process.poll() is not None:
            raise RuntimeError(f"{name} ended by itself: {last_words(log)}")
    finally:
        stop(process)


def start(launch: Callable[[], subprocess.Popen], port: int, log: Path) -> subprocess.Popen:
    """Waits until it answers. It is started anew while the port is taken: what an io_uring held is closed a moment
    after its process has ended."""
    deadline = time.monotonic() + START_S_MAX
    while time.monotonic() < deadline:
        process = launch()
        try:
            while process.poll() is None and time.monotonic() < deadline:
                if is_answered(port):
                    return process
        except BaseException:
            stop(process)
            raise
        stop(process)
        time.sleep(0.1)
    raise RuntimeError(f"it did not answer within {START_S_MAX} s; it said: {last_words(log)}")


def settle(process: subprocess.Popen) -> None:
    """Waits until it has nothing to do any more: some answer while they still read their lists."""
    deadline = time.monotonic() + START_S_MAX
    spent_s, before_s = cpu_s(process.pid), -1.0
    while spent_s - before_s > IDLE_CPU_S and time.monotonic() < deadline:
        time.sleep(SETTLE_S)
        spent_s, before_s = cpu_s(process.pid), spent_s


def last_words(log: Path) -> str:
    """The end of what a server said."""
    return (log.read_text(errors="replace").strip().splitlines() or ["nothing"])[-1][:300]


def echo(setup: Setup) -> tuple[list[str], dict[str, str]]:
    """Answers of the size that ringtrack's have under the same load."""
    return [str(BUILD / "ringtrack-echo"), "--listen", address(setup), "--peers", str(setup.echo_peers)], {}


def ringtrack(setup: Setup) -> tuple[list[str], dict[str, str]]:
    """Its defaults, with a log that can be read."""
    return [str(BUILD / "ringtrack")], {
        "RINGTRACK_UDP_LISTEN": address(setup),
        "RINGTRACK_WORKERS_CORES": str(setup.cores),
        "RINGTRACK_STATISTICS_INTERVAL_S": "0",
        "RINGTRACK_LOG_FORMAT": "json",
        "RINGTRACK_LATENCY_DIRECTORY": str(setup.folder),
        **setup.environment,
    }


def aquatic(setup: Setup) -> tuple[list[str], dict[str, str]]:
    """Its own defaults (one socket worker, io_uring, 30 peers in an answer), without statistics."""
    file = setup.folder / "aquatic.toml"
    file.write_text(f"""
socket_workers = 1
[network]
address = "{address(setup)}"
use_io_uring = true
[protocol]
max_response_peers = 30
[statistics]
interval = 0
""")
    return [str(program("aquatic_udp", AQUATIC_VERSION)), "-c", str(file)], {}


def opentracker(setup: Setup) -> tuple[list[str], dict[str, str]]:
    """UDP only. Debian's build serves what is on a whitelist."""
    population = setup.population
    whitelist = setup.folder / f"whitelist-{population.seed}-{population.torrents}.txt"
    if not whitelist.exists():
        list_torrents(population, whitelist)
    setup.folder.chmod(0o755)
    # It refuses to run as root. A change of user undoes the bond to us, which therefore comes after it.
    user = ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups"] if os.geteuid() == 0 else []
    executable = shutil.which("opentracker") or "opentracker"
    return [*user, *bound_to_us([executable, "-i", "127.0.0.1", "-P", str(setup.port), "-d", str(setup.folder),
                                 "-w", str(whitelist)])], {}


def torrust(setup: Setup) -> tuple[list[str], dict[str, str]]:
    """UDP only, nothing counted, logged or kept in its database, which it makes all the same."""
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
bind_address = "{address(setup)}"
[health_check_api]
bind_address = "127.0.0.1:0"
"""}


COMMANDS: dict[str, Callable[[Setup], tuple[list[str], dict[str, str]]]] = {
    "echo": echo,
    "ringtrack": ringtrack,
    "aquatic_udp": aquatic,
    "opentracker": opentracker,
    "torrust-tracker": torrust,
}


def address(setup: Setup) -> str:
    """On this machine only."""
    return f"127.0.0.1:{setup.port}"
