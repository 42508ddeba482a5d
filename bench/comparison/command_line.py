"""The program, from the command line to the reports."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from comparison import readme, ringtrack
from comparison.bench import Bench
from comparison.builds import available, build_ours
from comparison.interruption import run_to_end
from comparison.load import Population
from comparison.machine import in_words, machine, versions
from comparison.open_files import allow_open_files
from comparison.options import SCENARIOS, Options, parse_options
from comparison.report import Report
from comparison.scenarios import MEASURE, USUAL_SERVERS
from comparison.servers import ALL_NAMES, first_protocol, running
from comparison.socket_buffers import ample_receive_buffers
from comparison.speech import say

EXIT_FAILURE = 1


def main() -> int:
    """Runs the program and returns its exit code."""
    options = parse_options()
    return run_to_end("bench/compare", EXIT_FAILURE, lambda: work(options))


def work(options: Options) -> int:
    """Runs all scenarios with the limits that they need."""
    allow_open_files()
    with ample_receive_buffers():
        run(options)
    return 0


def run(options: Options) -> None:
    """Runs all scenarios. Writes each report at once: a later scenario may fail, and an hour would be lost."""
    chosen = SCENARIOS if options.all else options.scenarios or ["announces"]
    build_ours()
    bench = Bench(options, available(wanted(options, chosen)), Path())
    bench.servers = [name for name in bench.servers if starts(bench, name)]
    about = {"machine": machine(), "versions": versions(bench.servers)}
    print(heading(about), flush=True)
    reports: list[Report] = []
    failures: list[str] = []
    for name in chosen:
        try:
            report = measure(bench, name)
        except (RuntimeError, subprocess.SubprocessError) as error:
            say(f"{name} failed: {error}")
            failures.append(name)
            continue
        print(report.markdown(), flush=True)
        reports.append(report)
        write(options, about, reports)
    print(readme.tables(reports), flush=True)
    if failures:
        raise RuntimeError(f"failed: {', '.join(failures)}")


def measure(bench: Bench, scenario: str) -> Report:
    """Runs a scenario in its own folder."""
    say(f"{scenario}:")
    with tempfile.TemporaryDirectory(prefix="ringtrack-compare-") as folder:
        bench.folder = Path(folder)
        return MEASURE[scenario](bench)


def starts(bench: Bench, name: str) -> bool:
    """Returns whether a server can run here. Ringtrack must."""
    with tempfile.TemporaryDirectory(prefix="ringtrack-compare-") as folder:
        bench.folder = Path(folder)
        try:
            with running(name, bench.setup(Population(torrents=1, peers=1), protocol=first_protocol(name))):
                return True
        except RuntimeError as error:
            if name == "ringtrack":
                raise
            say(f"{name} is left out: {error}")
            return False


def wanted(options: Options, scenarios: list[str]) -> list[str]:
    """Returns the servers of the scenarios, always with ringtrack, from which the load of the others follows."""
    names = set(options.only or []).union(*[USUAL_SERVERS[name] for name in scenarios if not options.only])
    needed = {"ringtrack", ringtrack.BEFORE} if options.before else {"ringtrack"}
    return [name for name in ALL_NAMES if name in names - {ringtrack.BEFORE} | needed]


def write(options: Options, about: dict, reports: list[Report]) -> None:
    """Writes the requested files."""
    if options.json:
        whole = {**about, "command": sys.argv[1:], "reports": [vars(report) for report in reports]}
        options.json.write_text(json.dumps(whole, indent=2) + "\n")
    if options.markdown:
        sections = [heading(about), *[report.markdown() for report in reports], readme.tables(reports)]
        options.markdown.write_text("\n".join(sections))


def heading(about: dict) -> str:
    """Returns a line with the machine and the versions."""
    of_programs = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    return f"{in_words(about['machine'])}; {of_programs}.\n"
