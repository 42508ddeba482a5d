"""One sitting: the options, the available servers, and runs of one server at a time."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import cycle
from pathlib import Path

from comparison import ringtrack
from comparison.load import Load, Population, blast
from comparison.options import Options
from comparison.processes import Used, resident_bytes, used
from comparison.protocols import Protocol
from comparison.servers import NAMES, running
from comparison.setup import Running, Setup
from comparison.speech import say

MIB = 1 << 20
# More than the servers started in a minute.
TCP_PORTS = 200


@dataclass(frozen=True)
class Run:
    """The result of one run of a load."""

    server: str
    round: int
    offered_per_s: float | None
    responses_per_s: float
    cpu_us_per_response: float
    context_switches_per_s: float
    p50_us: float
    p99_us: float
    p999_us: float
    peers_per_reply: float
    bytes_per_reply: float
    loss_percent: float
    error_replies: int
    wrong_replies: int
    resident_mib: float
    # Near 100, the load's core is saturated.
    load_busy_percent: float


@dataclass
class Bench:
    """State shared by all scenarios."""

    options: Options
    servers: list[str]
    # For configurations and logs, removed at the end.
    folder: Path
    echo_peers: dict[Load, int] = field(default_factory=dict)
    answer_bytes: dict[Load, int] = field(default_factory=dict)
    # Of each server, in a closed loop.
    saturations_per_s: dict[tuple[str, Load], float] = field(default_factory=dict)
    # Settings of ringtrack only, and not of the build before.
    ringtrack_settings: dict[str, str] = field(default_factory=dict)
    # For servers over TCP. Closed connections of one server block its port for some others, for a minute.
    ports: Iterator[int] = field(init=False)

    def __post_init__(self) -> None:
        """Uses the ports above the one for UDP and its successor."""
        self.ports = cycle(range(self.options.port + 2, self.options.port + 2 + TCP_PORTS))

    def names(self, usual: list[str], possible: list[str] = NAMES) -> list[str]:
        """Returns the servers of a scenario: the requested or else the usual ones, if they are available and possible."""
        asked = [*(self.options.only or usual), ringtrack.BEFORE]
        return [name for name in possible if name in asked and name in self.servers]

    def setup(self, population: Population, **more: object) -> Setup:
        """Returns a setup, on the server's core unless `more` says otherwise."""
        over_udp = more.get("protocol", Protocol.UDP) is Protocol.UDP
        usual = {"port": self.options.port if over_udp else next(self.ports), "cores": [self.options.server_core]}
        return Setup(folder=self.folder, population=population, before=self.options.before, **{**usual, **more})

    def setup_for(self, name: str, load: Load) -> Setup:
        """Returns a setup for a load; replies of floors are as long as ringtrack's under it."""
        settings = self.ringtrack_settings if name == "ringtrack" else {}
        return self.setup(load.population, protocol=load.protocol, environment=settings, echo_peers=self.peers_for_echo(name, load),
                          answer_bytes=self.bytes_for_nginx(name, load))

    def blast(self, load: Load, server: Running) -> dict:
        """Runs a load on its own core."""
        return blast(load, server.port, self.options.load_core)

    def measure(self, name: str, load: Load, round_number: int = 1) -> Run:
        """Measures a fresh server under a load."""
        with running(name, self.setup_for(name, load)) as server:
            return self.measure_running(server, load, round_number)

    def measure_running(self, server: Running, load: Load, round_number: int) -> Run:
        """Runs a load, and measures what the server spent on it."""
        before = used(server.pid)
        result = self.blast(load, server)
        run = as_run(server.name, round_number, result, used(server.pid).since(before), resident_bytes(server.pid))
        say(f"  round {round_number}: {server.name}: {run.responses_per_s:,.0f}/s, "
            f"{run.cpu_us_per_response:.2f} us CPU, p99 {run.p99_us:,.0f} us, {run.loss_percent:.2f} % lost")
        return run

    def alternate(self, names: list[str], rounds: int, one: Callable[[str, int], Run]) -> list[Run]:
        """Runs all servers in turn, round by round, so that drift of the machine affects all of them alike."""
        return [one(name, number + 1) for number in range(rounds) for name in names]

    def peers_for_echo(self, name: str, load: Load) -> int:
        """Returns the mean peers of ringtrack's replies: the floor must send as many bytes as the tracker."""
        if name != "echo":
            return load.numwant
        if load not in self.echo_peers:
            with running("ringtrack", self.setup(load.population)) as server:
                mean = self.blast(load, server)["kinds"]["announce"]["peers_per_reply"]
            self.echo_peers[load] = round(mean)
            say(f"  ringtrack's replies have {mean:.1f} peers under this load; so will echo's")
        return self.echo_peers[load]

    def bytes_for_nginx(self, name: str, load: Load) -> int:
        """Returns the mean bytes for the floor over HTTP; 0, for its own default, if ringtrack is not measured."""
        if name != "nginx" or (self.options.only and "ringtrack" not in self.options.only):
            return 0
        if load not in self.answer_bytes:
            with running("ringtrack", self.setup(load.population, protocol=load.protocol)) as server:
                mean = self.blast(load, server)["reply_bytes_mean"]
            self.answer_bytes[load] = round(mean)
            say(f"  ringtrack's replies have {mean:.0f} bytes under this load; so will nginx's")
        return self.answer_bytes[load]

    def verify(self, name: str, load: Load) -> str | None:
        """Checks every reply of a run against the announces, and returns the faults of another tracker. The run is a
        separate one, because checking costs the load generator more than some trackers need."""
        with running(name, self.setup_for(name, load)) as server:
            result = self.blast(replace(load, checks=True), server)
        say(f"  {name}: {result['answered']:,} replies checked, wrong: {result['wrong'] or 'none'}")
        if not result["wrong"]:
            return None
        if name == "ringtrack":
            raise RuntimeError(f"ringtrack sends wrong replies: {result['wrong']}")
        faults = ", ".join(f"{replies:,} {fault}" for fault, replies in result["wrong"].items())
        return f"{name}: wrong replies, including those of the warm-up: {faults}."


def as_run(name: str, round_number: int, result: dict, spent: Used, bytes_resident: int) -> Run:
    """Converts a result. The use includes the warm-up, so the responses of both are counted."""
    answered = max(1, result["answered_with_warmup"])
    return Run(
        server=name,
        round=round_number,
        offered_per_s=result["offered_per_s"],
        responses_per_s=result["responses_per_s"],
        cpu_us_per_response=spent.cpu_s * 1e6 / answered,
        context_switches_per_s=spent.context_switches / answered * result["responses_per_s"],
        p50_us=result["latency_us"]["p50"],
        p99_us=result["latency_us"]["p99"],
        p999_us=result["latency_us"]["p99.9"],
        peers_per_reply=result["kinds"]["announce"]["peers_per_reply"],
        bytes_per_reply=result["reply_bytes_mean"],
        loss_percent=result["loss_percent"],
        error_replies=sum(result["errors"].values()),
        wrong_replies=sum(result["wrong"].values()),
        resident_mib=bytes_resident / MIB,
        load_busy_percent=result["load_busy_percent"],
    )


def of_server(runs: list[Run], name: str) -> list[Run]:
    """Returns the runs of one server."""
    return [run for run in runs if run.server == name]
