"""The command."""

import argparse
import contextlib
import os
import random
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from comparison.paths import ROOT
from differences import http
from differences.answers import Answer, in_words
from differences.documented import DOCUMENT, Difference, as_rows, kind_of, rows
from differences.plan import Plan, plan
from differences.steps import Datagram, Family, Http, Step
from differences.trackers import OURS, TRACKERS, Place, Tracker, free_port, is_available, running
from differences.udp import UdpClients
from differences.ws import CLOSED, WebSockets

DESCRIPTION = f"""Sends the same requests to ringtrack and to other trackers, compares what they answer, and checks that every
difference is in {DOCUMENT.relative_to(ROOT)} and that each one listed there is found. The requests are drawn from a seed."""
SEEDS = 1_000_000
# A run takes about ten seconds.
SEED_S_MAX = 170
ENDED: Answer = {"outcome": "the tracker ends"}
# Between the last sign of a tracker and its end.
END_S_MAX = 0.5
# The answers of a tracker, by family and number of the step.
Answers = dict[tuple[Family, int], Answer]


def main() -> int:
    """Runs the command and returns its exit code."""
    options = parse_options()
    program = options.ringtrack or build()
    others = [tracker for tracker in TRACKERS[1:] if tracker.name in options.only]
    missing = [tracker.name for tracker in others if not is_available(tracker.name)]
    trackers = [TRACKERS[0], *(tracker for tracker in others if tracker.name not in missing)]
    failed = [seed for seed in options.seeds if not is_as_documented(seed, trackers, program)]
    if missing:
        print(f"NOT COMPARED, because they are not available: {', '.join(missing)}")
    return 1 if failed else 0


def parse_options() -> argparse.Namespace:
    """Parses the command line; a wrong one ends the program."""
    names = [tracker.name for tracker in TRACKERS[1:]]
    parser = argparse.ArgumentParser(prog="tests/differential", description=DESCRIPTION)
    parser.add_argument("seeds", nargs="*", type=int, metavar="SEED", help="of a plan (default: one that is drawn)")
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="TRACKER", help=f"of {', '.join(names)}")
    parser.add_argument("--ringtrack", type=Path, metavar="PROGRAM", help="our program (default: built with debug assertions)")
    options = parser.parse_args()
    options.seeds = options.seeds or [random.randrange(SEEDS)]
    return options


def build() -> Path:
    """Builds our program and returns its path."""
    subprocess.run(["cargo", "build", "--quiet", "-p", "ringtrack"], cwd=ROOT, check=True)
    return ROOT / "target" / "debug" / "ringtrack"


def is_as_documented(seed: int, trackers: list[Tracker], program: Path) -> bool:
    """Compares all trackers with a plan, prints the result, and returns whether it is the documented one."""
    started_s = time.monotonic()
    plans = {family: plan(seed, family) for family in Family}
    with limited(seed):
        answers = {tracker.name: ask_all(tracker, plans, program) for tracker in trackers}
    differences = compare(answers, plans)
    unknown, stale = judge(set(differences), [tracker.name for tracker in trackers])
    steps = ", ".join(f"{len(found)} of {name}" for name, found in answers.items())
    print(f"seed {seed}: {steps} answers, {len(differences)} differences, {time.monotonic() - started_s:.0f} s", flush=True)
    if unknown:
        print(f"These differences are not in {DOCUMENT.relative_to(ROOT)}:")
        print("\n".join(as_rows(unknown, [tracker.name for tracker in TRACKERS[1:]])))
        for one in sorted(unknown)[:20]:
            print(f"{one.tracker} at {', '.join(differences[one][:3])}: {one.kind}, {one.aspect}")
    for line, pattern, tracker in sorted(stale):
        print(f"{DOCUMENT.relative_to(ROOT)}:{line}: {tracker} does not differ so at `{pattern}`")
    if unknown or stale:
        print(repeat(seed))
    return not unknown and not stale


def repeat(seed: int) -> str:
    """Returns how to repeat a run."""
    return f"Repeat with: tests/differential {seed}"


@contextlib.contextmanager
def limited(seed: int) -> Iterator[None]:
    """Ends a run that takes too long. An error in it says how to repeat it."""
    def give_up(*_: object) -> None:
        raise RuntimeError(f"the trackers have not answered all steps within {SEED_S_MAX} s")

    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(SEED_S_MAX)
    try:
        yield
    except Exception as error:
        error.add_note(repeat(seed))
        raise
    finally:
        signal.alarm(0)


def ask_all(tracker: Tracker, plans: dict[Family, Plan], program: Path) -> Answers:
    """Returns what a tracker answers to the plans of its families, in each of which it is started afresh."""
    answers: Answers = {}
    for family in Family:
        if family in tracker.families:
            with tempfile.TemporaryDirectory(prefix="differential-") as folder:
                cores = sorted(os.sched_getaffinity(0))
                place = Place(family, free_port(family), Path(folder), cores, program, plans[family].info_hashes)
                with running(tracker, place) as process:
                    answers |= ask_plan(tracker, plans[family], place, process)
    return answers


def ask_plan(tracker: Tracker, mine: Plan, place: Place, process: subprocess.Popen) -> Answers:
    """Returns the answers to the episodes whose protocols a tracker has, up to the one at which it ends."""
    answers: Answers = {}
    with contextlib.closing(Clients(place)) as clients:
        for number, planned in enumerate(mine.steps):
            if planned.protocols <= tracker.protocols:
                answers[place.family, number] = answer = clients.ask(planned.step, process)
                if answer == ENDED and tracker.name == OURS:
                    raise RuntimeError(f"ringtrack ended at the step: {planned.step.kind}")
                if answer == ENDED:
                    break
    return answers


class Clients:
    """The clients of all protocols."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.udp, self.ws = UdpClients(place.family, place.port), WebSockets(place.family, place.port)

    def close(self) -> None:
        """Closes all connections."""
        self.udp.close()
        self.ws.close()

    def ask(self, step: Step, process: subprocess.Popen) -> Answer:
        """Returns the answer to a step."""
        try:
            answer = self.answer(step)
        except Exception as error:
            if has_ended(process):
                return ENDED
            error.add_note(f"at the step: {step.kind}")
            raise
        return ENDED if answer == CLOSED and has_ended(process) else answer

    def answer(self, step: Step) -> Answer:
        """Sends a request and returns what the answer says."""
        if isinstance(step.request, Datagram):
            return self.udp.ask(step.client, step.request, step.view)
        if isinstance(step.request, Http):
            return http.ask(self.place.family, self.place.port, step.client, step.request, step.view)
        return self.ws.ask(step.client, step.request, step.view)


def has_ended(process: subprocess.Popen) -> bool:
    """Returns whether a tracker has ended, or does in a moment."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(END_S_MAX)
    return process.poll() is not None


def compare(answers: dict[str, Answers], plans: dict[Family, Plan]) -> dict[Difference, list[str]]:
    """Returns the differences, each with the steps in which it was found. Where outcomes differ, the rest is not compared."""
    places: dict[Difference, list[str]] = {}
    for name, theirs in answers.items():
        for (family, number), their in theirs.items():
            our = answers[OURS][family, number]
            aspects = ["outcome"] if our["outcome"] != their["outcome"] else sorted(our.keys() | their.keys())
            for aspect in aspects:
                if our.get(aspect) != their.get(aspect):
                    step = plans[family].steps[number].step
                    shown = in_words(aspect, our, their, step.view)
                    one = Difference(kind_of(step.kind, family), aspect, shown[0], name, shown[1])
                    places.setdefault(one, []).append(f"step {number} over {family.name}")
    return places


def judge(differences: set[Difference], trackers: list[str]) -> tuple[set[Difference], set[tuple[int, str, str]]]:
    """Returns the differences that are not documented, and what is documented and was not found."""
    documented, unknown = rows(), set()
    claims = {claim for row in documented for claim in row.claims() if claim[2] in trackers}
    for difference in differences:
        found = {(row.line, pattern, difference.tracker) for row in documented if (pattern := row.pattern_of(difference))}
        claims -= found
        if not found:
            unknown.add(difference)
    return unknown, claims
