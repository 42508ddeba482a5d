"""The command line."""

import argparse
from dataclasses import dataclass
from pathlib import Path

from comparison.paths import PLOTS
from comparison.servers import ALL_NAMES

SCENARIOS = ["announces", "mix", "loaded", "memory", "workers", "expiry", "latency", "curve", "loads", "huge", "restart",
             "control", "private", "forwarding", "flood", "http", "http-new", "https", "http-beside-udp",
             "http-idle", "http-loads", "ws", "ws-idle"]
DESCRIPTION = """Compares trackers side by side, and measures ringtrack against itself.

Short runs alternate, each with a fresh server on one core and the load on another: the machine's speed drifts, so
only runs of one sitting are comparable. Everything runs on the loopback and ends by itself. Tables go to the standard
output, progress to the standard error.

  announces  all servers at full speed, announces only (the default)
  mix        the same with connects, announces and scrapes 50/50/1
  loaded     ringtrack with ten million peers against an empty one
  memory     resident bytes of a peer, of ten million peers
  workers    cost of a reply with two workers on two cores, against one on one
  expiry     ringtrack while a million peers expire, against a quiet one (200 s a round)
  latency    at half of each one's own saturation and at one rate for all, open loop
  curve      throughput and latency against the offered load, as plots too
  loads      cost of a response, latency and context switches from 5,000 to 200,000 announces/s, and idle
  huge       ringtrack with fifty million peers (3 GiB of memory, up to an hour)
  restart    ringtrack with ten million peers: snapshots, a handover to a new process at half load, and a restart
  control    ringtrack with its APIs and database on, queried each second, against one without
  private    a private and listed ringtrack against a public one, with 200 keys and 100,000 torrents
  forwarding ringtrack with ten upstream trackers that hang against one without forwarding
  flood      good clients beside attackers, over a virtual cable between two network namespaces (as root)

Over HTTP, where nginx with `return 200` is the floor:

  http       all servers at full speed, announces over connections that are kept
  http-new   the same with a new connection for each announce
  https      the same over kept connections with TLS
  http-beside-udp  HTTP while UDP saturates the same core, and the other way round
  http-idle  announces beside 50,000 idle connections, and the memory of one of those
  http-loads cost of a response at 5,000 and 20,000 announces/s over kept connections

Over WebSocket:

  ws         all servers at full speed, announces with offers and answers to them, with TLS and without
  ws-idle    the memory of an idle connection, with TLS and without

  bench/compare                                     announces
  bench/compare latency workers --rounds 3
  bench/compare --only echo ringtrack
  bench/compare http http-new https
  bench/compare announces latency http https --rounds 3     and the tables of README.md after the others
  bench/compare announces http --only ringtrack --before /tmp/ringtrack     against the build before a change
  bench/compare flood --rows source wrong-ids --seconds 10
  bench/compare flood --rows fill-within --announces 100_000_000 --ceiling-mib 2048
  bench/compare flood --rows group --seconds 300    every attack in a control group of 512 MiB
  bench/compare flood --rows cost --before /tmp/ringtrack
  bench/compare flood --rows wrong-ids-cost         the CPU of a wrong id, with the kernel's filter and without
  bench/compare --all --markdown report.md --json report.json
"""


@dataclass(frozen=True)
class Options:
    """The requested options; None leaves one to the scenario."""

    scenarios: list[str]
    all: bool
    only: list[str] | None
    before: Path | None
    rounds: int | None
    seconds: float
    warmup: float
    torrents: int
    peers: int
    numwant: int
    window: int
    segments: int | None
    rate: float
    steps: int
    loaded_peers: int
    loaded_torrents: int
    expiry_peers: int
    expiry_seconds: float
    huge_peers: int
    huge_torrents: int
    huge_lifetime_s: int
    huge_wait_s: int
    restart_peers: int
    restart_torrents: int
    http_rate: float
    idle_connections: int
    idle_rate: float
    ws_idle_connections: int
    listed_torrents: int
    rows: list[str] | None
    announces: int
    ceiling_mib: int
    group_mib: int
    server_core: int
    load_core: int
    good_core: int | None
    port: int
    json: Path | None
    markdown: Path | None
    plots: Path

    def rounds_or(self, usual: int) -> int:
        """Returns the rounds of a scenario."""
        return self.rounds or usual


def parse_options(arguments: list[str] | None = None) -> Options:
    """Parses the command line; a wrong one ends the program."""
    parser = argparse.ArgumentParser(prog="bench/compare", description=DESCRIPTION,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help="what to measure (default announces)")
    parser.add_argument("--all", action="store_true", help="all scenarios")
    parser.add_argument("--only", nargs="+", choices=ALL_NAMES, metavar="SERVER",
                        help=f"of {', '.join(ALL_NAMES)}")
    parser.add_argument("--before", type=Path, metavar="PROGRAM",
                        help="announces, mix, private, http, http-new, https, ws, ws-idle, flood: another build of ringtrack to compare with")
    parser.add_argument("--rounds", type=positive, help="runs of each (default 6; curve 3; memory, huge 1)")
    add_load(parser)
    add_scenarios(parser)
    add_places(parser)
    options = Options(**vars(parser.parse_args(arguments)))
    if unknown := [name for name in options.scenarios if name not in SCENARIOS]:
        parser.error(f"there is no scenario {unknown[0]}: choose from {', '.join(SCENARIOS)}")
    return options


def add_load(parser: argparse.ArgumentParser) -> None:
    """Adds the options of most scenarios."""
    group = parser.add_argument_group("load")
    group.add_argument("--seconds", type=float, default=4, help="measured seconds of a run (default 4)")
    group.add_argument("--warmup", type=float, default=4, help="seconds of load before (default 4)")
    group.add_argument("--torrents", type=positive, default=1_000_000)
    group.add_argument("--peers", type=positive, default=2_000_000)
    group.add_argument("--numwant", type=int, default=30)
    group.add_argument("--window", type=positive, default=1024, help="outstanding requests (default 1024)")
    group.add_argument("--segments", type=positive, help="datagrams in one message of the load (default up to 64)")


def add_scenarios(parser: argparse.ArgumentParser) -> None:
    """Adds the options of single scenarios."""
    group = parser.add_argument_group("single scenarios")
    group.add_argument("--rate", type=float, default=200_000, help="workers: requests/s (default 200000)")
    group.add_argument("--steps", type=positive, default=10, help="curve: loads from 10 %% to 120 %% (default 10)")
    group.add_argument("--loaded-peers", type=positive, default=10_000_000, help="loaded, memory: peers")
    group.add_argument("--loaded-torrents", type=positive, default=2_000_000, help="loaded, memory: skewed torrents")
    group.add_argument("--expiry-peers", type=positive, default=1_000_000, help="expiry: peers that expire")
    group.add_argument("--expiry-seconds", type=float, default=65, help="expiry: measured seconds (default 65)")
    group.add_argument("--huge-peers", type=positive, default=50_000_000)
    group.add_argument("--huge-torrents", type=positive, default=10_000_000)
    group.add_argument("--huge-lifetime-s", type=positive, default=600, help="huge: must exceed the time of the fill")
    group.add_argument("--restart-peers", type=positive, default=10_000_000)
    group.add_argument("--restart-torrents", type=positive, default=2_000_000)
    group.add_argument("--http-rate", type=float, default=2_000, help="http-beside-udp: announces/s (default 2000)")
    group.add_argument("--idle-connections", type=positive, default=50_000, help="http-idle: number (default 50000)")
    group.add_argument("--idle-rate", type=float, default=5_000, help="http-idle: announces/s (default 5000)")
    group.add_argument("--ws-idle-connections", type=positive, default=10_000, help="ws-idle: number (default 10000)")
    group.add_argument("--listed-torrents", type=positive, default=100_000, help="private: torrents on the list (default 100000)")
    group.add_argument("--rows", nargs="+", metavar="ROW", help="flood: some rows of its table, and `group` (default all but that)")
    group.add_argument("--announces", type=positive, default=5_000_000, help="flood: random announces of a fill (default 5000000)")
    group.add_argument("--ceiling-mib", type=positive, default=256, help="flood: memory of the tracker that is filled (default 256)")
    group.add_argument("--group-mib", type=positive, default=512, help="flood: memory of the control group (default 512)")
    group.add_argument("--huge-wait-s", type=positive, default=3000, help="huge: limit for the expiry of all (default 3000)")


def add_places(parser: argparse.ArgumentParser) -> None:
    """Adds the options of cores, ports and files."""
    group = parser.add_argument_group("places")
    group.add_argument("--server-core", type=int, default=0)
    group.add_argument("--load-core", type=int, default=1)
    group.add_argument("--good-core", type=int, help="flood: the core of good clients (default: the load's, whose kernel works for the attack)")
    group.add_argument("--port", type=positive, default=17969, help="UDP; expiry also uses the next one, HTTP the 200 after that")
    group.add_argument("--json", type=Path, help="write machine, versions, commands and every run to this file")
    group.add_argument("--markdown", type=Path, help="write the tables to this file too")
    group.add_argument("--plots", type=Path, default=PLOTS, metavar="DIR", help="curve, loads: for the plots and their data")


def positive(text: str) -> int:
    """Parses a positive integer."""
    number = int(text.replace("_", ""))
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number
