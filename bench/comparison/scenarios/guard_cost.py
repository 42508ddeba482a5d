"""The cost of the limits by source when nobody is over them, against an earlier build."""

from dataclasses import asdict, dataclass, replace

from comparison import ringtrack
from comparison.bench import Bench, Run
from comparison.load import Load, Population
from comparison.options import Options
from comparison.protocols import Protocol
from comparison.report import count
from comparison.scenarios.usual_load import usual_load
from comparison.servers import running
from comparison.setup import Running
from comparison.tracker_log import figures

ROUNDS = 6
BUILDS = ["ringtrack", ringtrack.BEFORE]
# Every source has limits, also those of this machine. Peers announce again within seconds, which is not to be early.
GUARD_ASKED = {"RINGTRACK_SOURCES_ALLOW": "[]", "RINGTRACK_ANNOUNCE_INTERVAL_S_MIN": "0"}
# Over UDP, sources of which none reaches a default limit. Over HTTP each has a connection, and more would be another load:
# a higher limit of requests is asked in the same way.
UDP_SOURCES = 60_000
HTTP_PEERS = Population(torrents=400, peers=20_000, skew=1, sources=200)
HTTP_REQUESTS_PER_S = 100_000


@dataclass(frozen=True)
class Case:
    """A load within its limits."""

    load: Load
    # Of the limits, those that are not the default.
    settings: dict[str, str]
    title: str


def cases(options: Options) -> list[Case]:
    """Returns the loads over UDP and HTTP."""
    usual = usual_load(options)
    of_udp = replace(usual, population=replace(usual.population, sources=UDP_SOURCES))
    of_http = replace(usual, population=HTTP_PEERS, protocol=Protocol.HTTP)
    does = "nothing: sources on the loopback announce at full speed, none over a limit"
    return [
        Case(of_udp, {}, f"{does} ({count(UDP_SOURCES)} sources, default limits)"),
        Case(of_http, {"RINGTRACK_SOURCES_REQUESTS_PER_S": str(HTTP_REQUESTS_PER_S)},
             f"{does} ({HTTP_PEERS.sources} sources, sources.requests_per_s = {HTTP_REQUESTS_PER_S}, other limits by default)"),
    ]


def pairs(bench: Bench, case: Case) -> list[dict]:
    """Runs both builds in turn at full speed."""
    asking = replace(bench, ringtrack_settings=ringtrack.known({**GUARD_ASKED, **case.settings}))

    def one(name: str, number: int) -> Run:
        with running(name, asking.setup_for(name, case.load)) as server:
            run = asking.measure_running(server, case.load, number)
            if name == "ringtrack":
                require_within_limits(server)
        return run
    return [asdict(run) for run in bench.alternate(BUILDS, bench.options.rounds_or(ROUNDS), one)]


def require_within_limits(server: Running) -> None:
    """Checks that no source was over a limit: what is refused costs less than what is served."""
    over = {name: value for name, value in figures(server).values.items() if value and "unproved" not in name
            and ("over_limit" in name or name.startswith(("peers_refused_source", "http_refused")))}
    if over:
        raise RuntimeError(f"sources were over their limits: {over}")
