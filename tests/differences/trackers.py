"""The trackers: how each is started on loopback, with which protocols it is compared."""

import contextlib
import shutil
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from comparison import builds, opentracker, servers
from comparison.http_servers import ringtrack_over_http
from comparison.load import Population
from comparison.paths import ROOT
from comparison.processes import spawn, stop
from comparison.setup import Setup
from comparison.udp_client import CONNECT, PROTOCOL_ID
from differences.steps import Family

START_S_MAX = 20
PROBE_S = 0.1
# Characters of a tracker's output that are shown if a run fails.
LOG_SHOWN = 1000
# Where `tests/install` puts Node.js and its packages.
TEST_CLIENTS = ROOT / "target" / "test-clients"
INSTALLED = TEST_CLIENTS / "node" / "node_modules" / "bittorrent-tracker"


@dataclass(frozen=True)
class Place:
    """Where a tracker is to run."""

    family: Family
    port: int
    folder: Path
    # Of which ringtrack uses one.
    cores: list[int]
    # Our program.
    ringtrack: Path
    # The torrents that a tracker with a list has on it.
    info_hashes: tuple[bytes, ...]

    def setup(self, environment: dict[str, str] | None = None) -> Setup:
        """Returns the same for the commands of the benchmark."""
        return Setup(self.port, self.folder, Population(), [self.cores[0]], host=self.family.in_url(), connections=None,
                     environment=environment or {})


Command = tuple[list[str], dict[str, str]]


@dataclass(frozen=True)
class Tracker:
    """A tracker, and what can be asked of it."""

    name: str
    command: Callable[[Place], Command]
    protocols: frozenset[str]
    families: frozenset[Family] = frozenset(Family)


def ringtrack(place: Place) -> Command:
    """Returns the command of our program with its defaults, but for a scrape of all torrents, which is off by default."""
    (_, *options), environment = ringtrack_over_http(place.setup({"RINGTRACK_HTTP_FULL_SCRAPE_EVERY_S": "1"}))
    return [str(place.ringtrack), *options], environment


def listed_opentracker(place: Place) -> Command:
    """Returns the command of Debian's build, which serves only torrents on a list."""
    whitelist = place.folder / "whitelist"
    whitelist.write_text("".join(f"{info_hash.hex()}\n" for info_hash in place.info_hashes))
    return opentracker.command(place.family.value, place.port, place.folder, whitelist), {}


def bittorrent(place: Place) -> Command:
    """Returns the command of a server with all protocols."""
    package = INSTALLED if INSTALLED.exists() else builds.bittorrent_tracker()
    node = TEST_CLIENTS / "venv" / "bin" / "node"
    file = place.folder / "bittorrent-tracker.mjs"
    file.write_text(f"""
import Server from '{package.resolve()}/server.js'
const tracker = new Server({{ stats: false }})
tracker.on('error', error => {{ console.error(error); process.exit(1) }})
tracker.on('warning', () => {{}})
tracker.listen({place.port}, {{ http: '{place.family.value}', udp: '127.0.0.1', udp6: '::1' }})
""")
    return [str(node if node.exists() else shutil.which("node") or "node"), str(file)], {}


OURS = "ringtrack"
TRACKERS = [
    Tracker(OURS, ringtrack, frozenset({"udp", "http", "ws"})),
    Tracker("aquatic_udp", lambda place: servers.aquatic(place.setup()), frozenset({"udp"})),
    # Debian builds it for IPv4 only.
    Tracker("opentracker", listed_opentracker, frozenset({"udp", "http"}), frozenset({Family.V4})),
    Tracker("bittorrent-tracker", bittorrent, frozenset({"udp", "http", "ws"})),
]


def is_available(name: str) -> bool:
    """Returns whether a tracker is installed, or could be."""
    return (name == "bittorrent-tracker" and INSTALLED.exists()) or builds.is_available(name)


@contextlib.contextmanager
def running(tracker: Tracker, place: Place) -> Iterator[subprocess.Popen]:
    """Runs a fresh tracker during the block."""
    place.folder.chmod(0o755)
    command, environment = tracker.command(place)
    log = place.folder / f"{tracker.name}.log"
    process = spawn(command, place.cores, environment, log)
    try:
        wait_until_answering(process, place, tracker)
        yield process
    except Exception as error:
        error.add_note(f"{tracker.name} wrote at the end: {log.read_text(errors='replace')[-LOG_SHOWN:]}")
        raise
    finally:
        stop(process)


def wait_until_answering(process: subprocess.Popen, place: Place, tracker: Tracker) -> None:
    """Waits until a tracker answers over UDP, and accepts connections if it has any."""
    deadline = time.monotonic() + START_S_MAX
    while time.monotonic() < deadline and process.poll() is None:
        if is_connected(place) and (tracker.protocols == {"udp"} or is_accepted(place)):
            return
        time.sleep(PROBE_S)
    raise RuntimeError("it did not start")


def is_connected(place: Place) -> bool:
    """Returns whether a connect over UDP is answered."""
    kind = socket.AF_INET if place.family is Family.V4 else socket.AF_INET6
    with socket.socket(kind, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
        probe.settimeout(PROBE_S)
        probe.connect((place.family.value, place.port))
        probe.send(struct.pack(">QII", PROTOCOL_ID, CONNECT, 0))
        return len(probe.recv(64)) == 16
    return False


def is_accepted(place: Place) -> bool:
    """Returns whether a connection is accepted."""
    with contextlib.suppress(OSError), socket.create_connection((place.family.value, place.port), PROBE_S):
        return True
    return False


def free_port(family: Family) -> int:
    """Returns a port that is free for UDP and TCP."""
    stream, kind = socket.SOCK_STREAM, socket.AF_INET if family is Family.V4 else socket.AF_INET6
    for _ in range(100):
        with socket.socket(kind, stream) as tcp, socket.socket(kind, socket.SOCK_DGRAM) as udp, contextlib.suppress(OSError):
            tcp.bind((family.value, 0))
            udp.bind((family.value, tcp.getsockname()[1]))
            return tcp.getsockname()[1]
    raise RuntimeError("no port is free for UDP and TCP")
