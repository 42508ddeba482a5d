"""The program, from the command line to the report."""

import argparse
import contextlib
import os
import random
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from comparison.builds import build_ours
from comparison.interruption import run_to_end
from comparison.machine import in_words as of_machine
from comparison.machine import machine, ours
from comparison.management import Place, make_keys
from comparison.open_files import allow_open_files
from comparison.speech import say
from comparison.succession import entries, succession
from soaking import configuration, report
from soaking.actions import identity_in, point, without_snapshots
from soaking.browsers import Browsers, browsing
from soaking.configuration import TOKEN, Ports
from soaking.databases import KINDS, installed, open_database
from soaking.loads import FIRST, Loads
from soaking.samples import Samples, sampling
from soaking.scene import Scene
from soaking.speed import Second, watching
from soaking.swarms import KnownSwarms
from soaking.verdict import Evidence, checks
from soaking.windows import WINDOW_S, WINDOWS_MIN, Soak, Window

DESCRIPTION = """Runs one tracker for hours on the loopback under 70 % of the load that saturates it, with everything on, while
operators, browsers, attackers and machines disturb it, and checks that it stays as it was.

The tracker and its clients come before everything else on their cores. The load comes in windows of a minute, each at 70 % of what
saturates the tracker just before it. The first one is without disturbances; the others have actions in the order of the seed: reloads,
changes of lists and keys, scans, bans, a source that is banned by itself, outages of the database, new certificates, aborted connections,
snapshots and a browser. In the first part every fourth window has a handover by `ringtrack upgrade`, every eighth a restart; then one
process lives through half of the soak, until a last handover. What this build or this machine does not have is left out, and the report
says so.

The exit code is 0 if everything holds, 1 if something does not, and 2 if the soak could not run.

  tests/soak 1                                     an hour
  tests/soak 0.02                                  a quick trial of a minute, in shorter windows
  RINGTRACK_PROGRAMS=/tmp/build tests/soak 12      with the programs of that folder, which are not built
"""
EXIT_FAULTS, EXIT_FAILURE = 1, 2
# A key has at most 16,384 sessions on each core: each peer has one.
KEYS = 200
# Cores of the tracker; the load and everything else has one more.
WORKERS_MAX = 2


def main() -> int:
    """Runs the program and returns its exit code."""
    options = parse_options()
    return run_to_end("tests/soak", EXIT_FAILURE, lambda: work(options))


def work(options: argparse.Namespace) -> int:
    """Runs the soak with what it needs."""
    allow_open_files()
    build_ours()
    return run(options)


def parse_options() -> argparse.Namespace:
    """Parses the command line; a wrong one ends the program."""
    parser = argparse.ArgumentParser(prog="tests/soak", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("hours", type=float, metavar="HOURS", help="how long, such as 1 or 0.02")
    parser.add_argument("--seed", type=int, default=1, help="of the actions (default 1)")
    parser.add_argument("--database", choices=KINDS, help="default: the first of these that is installed")
    parser.add_argument("--torrents", type=int, default=100_000, help="over UDP (default 100000)")
    parser.add_argument("--peers", type=int, default=300_000, help="over UDP at a time; others replace them (default 300000)")
    parser.add_argument("--port", type=int, default=18_969, help="the first of five (default 18969)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every check, window and sample to this file")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="copy the logs to this folder")
    options = parser.parse_args()
    options.database = options.database or next(kind for kind in KINDS if installed(kind))
    return options


def run(options: argparse.Namespace) -> int:
    """Runs the soak and prints the report."""
    for name, reason in report.left_out().items():
        say(f"LEFT OUT: {name}: {reason}")
    with tempfile.TemporaryDirectory(prefix="ringtrack-soak-") as folder, prepared(options, Path(folder)) as scene:
        segments = 1 if len(scene.tracker.cores) > 1 else None
        loads = Loads(scene.ports, scene.load_core, tuple(f"/{key}" for key in scene.keys), options.torrents, options.peers, segments)
        scene.swarms.begin()
        begun_s = time.monotonic()
        watched = sorted({*scene.tracker.cores, scene.load_core})
        with sampling(scene.tracker, begun_s) as samples, browsing(scene.place) as browsers, watching(watched, Path(folder)) as speed:
            window_s = min(WINDOW_S, options.hours * 3600 / WINDOWS_MIN)
            end_s = begun_s + options.hours * 3600
            soak = Soak(scene, loads, window_s, samples, (begun_s, end_s))
            windows, failure = run_windows(soak, end_s)
        evidence = end(scene, windows, samples, browsers, speed.seconds(), failure)
        if options.keep:
            options.keep.mkdir(parents=True, exist_ok=True)
            for log in scene.tracker.logs:
                shutil.copy(log, options.keep)
    found = checks(evidence)
    about = (f"{of_machine(machine())}; ringtrack {ours()}, {options.database}, {len(scene.tracker.cores)} worker(s); "
             f"{evidence.ended_s - begun_s:,.0f} s, {len(windows)} windows, seed {options.seed}")
    print(report.in_words(found, about), flush=True)
    if options.json:
        report.write(options.json, found, evidence, about)
    return EXIT_FAULTS if any(check.faults for check in found) else 0


@contextlib.contextmanager
def prepared(options: argparse.Namespace, folder: Path) -> Iterator[Scene]:
    """Starts the tracker and everything it needs."""
    usable = sorted(os.sched_getaffinity(0))
    cores = usable[:WORKERS_MAX] if len(usable) > WORKERS_MAX else usable[:1]
    # On a fourth core, everything beside the load does not disturb it.
    load_core, core = usable[len(cores) % len(usable)], usable[min(len(cores) + 1, len(usable) - 1)]
    os.sched_setaffinity(0, {core})
    ports, rng = Ports(options.port), random.Random(options.seed)
    database = open_database(options.database, folder, core)
    try:
        settings = configuration.settings(folder, ports, cores, database.url)
        snapshots = folder / "snapshot" if without_snapshots() is None else None
        if snapshots:
            settings["snapshot.directory"] = str(snapshots)
        keys = [f"{rng.getrandbits(128):032x}" for _ in range(KEYS)]
        place = Place(ports.api, ports.health, TOKEN, core, ports.metrics, ports.tracker)
        file = folder / "ringtrack.toml"
        with succession({}, cores, folder, ("--config", str(file))) as tracker:
            tracker.around = tuple(FIRST)
            scene = Scene(folder, ports, place, tracker, settings, database, keys, KnownSwarms(ports, keys[-1], rng), rng, snapshots, core,
                          load_core)
            point(folder / "tls", identity_in(folder, scene.identities))
            configuration.write(file, settings)
            tracker.start()
            make_keys(place, keys)
            yield scene
    finally:
        database.close()


def run_windows(soak: Soak, end_s: float) -> tuple[list[Window], str]:
    """Runs windows until the time is over or the tracker has ended. Returns also why it had to stop."""
    windows: list[Window] = []
    try:
        while time.monotonic() < end_s:
            say(f"  window {len(windows)}, {max(0.0, end_s - time.monotonic()):,.0f} s left")
            windows.append(soak.window(len(windows)))
            soak.scene.tracker.alive()
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        return windows, f"window {len(windows)}: {error!r}"
    return windows, ""


def end(scene: Scene, windows: list[Window], samples: Samples, browsers: Browsers, speed: dict[str, list[Second]], failure: str) -> Evidence:
    """Stops the tracker and collects everything."""
    ended_s = time.monotonic()
    log: list[dict] = [{"level": "FAILURE", "message": failure}] if failure else []
    try:
        scene.tracker.stop()
    except RuntimeError as error:
        log.append({"level": "FAILURE", "message": str(error)})
    log += [entry for file in scene.tracker.logs for entry in entries(file)]
    return Evidence(windows, samples.taken, samples.at_rest, browsers.failed(), browsers.responses(), log, scene.snapshots is not None,
                    speed, ended_s)
