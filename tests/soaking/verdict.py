"""What must hold, with its bounds."""

import json
import statistics
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from comparison.bench import MIB
from soaking.actions import Effect
from soaking.browsers import Failure
from soaking.loads import CONNECTIONS, HTTP_KEPT, UDP, WSS, Result
from soaking.samples import Sample
from soaking.windows import Window

# The 99th percentile of a window over that of the first one. Below the least bound no client notices a difference.
P99_FACTOR, P99_US_LEAST = 2.0, 2_000.0
# Requests over UDP that are sent again without a disturbance, of a million: a virtual machine can lose its core for longer than the
# kernel's buffer lasts.
REPEATED_PER_MILLION = 100
# Memory at the end over that in the middle, and its growth by a straight line over the second half.
END_OVER_MIDDLE, END_BYTES_MORE = 1.1, 16 * MIB
GROWTH_OVER_MIDDLE, GROWTH_BYTES_MORE = 0.05, 16 * MIB
# Descriptors and threads at rest: those of the browsers' connections and of timers come and go.
DESCRIPTORS_MORE, THREADS_MORE = 8, 2
# Responses of each kind to browsers, which ask once a second and need a moment for each.
RESPONSES_PER_S_MIN = 0.2
# Parts of a series around its middle and at its end.
PART = 0.1
# After a disturbance its consequences may be seen for this long.
AFTERMATH_S = 5.0
# Lines of level WARN that the actions cause.
EXPECTED_WARNINGS = {
    "the database is away": "database outage",
    "the database is still away": "database outage",
    "is banned for": "abuse",
    "is over its limit": "abuse",
    "the kernel grants smaller receive buffers": "a machine without CAP_NET_ADMIN",
    "the limit on open files has no room": "a machine with few open files",
}


@dataclass(frozen=True)
class Check:
    """A thing that must hold."""

    name: str
    # What was found, also if it holds.
    found: str
    faults: list[str]


@dataclass(frozen=True)
class Evidence:
    """Everything that was observed."""

    windows: list[Window]
    samples: list[Sample]
    at_rest: list[Sample]
    failures: list[Failure]
    # Responses to browsers by their kind.
    responses: dict[str, int]
    log: list[dict]
    # Whether a restart loses nothing.
    has_snapshots: bool
    ended_s: float


def checks(evidence: Evidence) -> list[Check]:
    """Returns all checks."""
    found: list[Callable[[Evidence], Check]] = [actions, answered, latency, memory, descriptors, threads, sums, browsers, log]
    return [check(evidence) for check in found]


def actions(evidence: Evidence) -> Check:
    """Every action succeeds."""
    done = [action for window in evidence.windows for action in window.actions]
    counts = Counter(action.action for action in done)
    return Check("actions", ", ".join(f"{count} {name}" for name, count in sorted(counts.items())),
                 [f"{action.action}: {action.failure}" for action in done if action.failure])


def answered(evidence: Evidence) -> Check:
    """Every request of a good client is answered, except while the tracker is restarted."""
    faults = [f"window {window.number}: {result.name}: {fault}" for window in evidence.windows for result in window.results
              for fault in faults_of(result, window.effect, evidence.has_snapshots)]
    of_udp = [result.measured for window in evidence.windows for result in window.results if result.name == UDP and result.measured]
    sent, repeated, lost = (sum(result[count] for result in of_udp) for count in ("sent", "repeated", "lost"))
    return Check("answered", f"{sent:,} requests over udp, {repeated:,} repeated, {lost:,} unanswered", faults)


def faults_of(result: Result, effect: Effect, has_snapshots: bool) -> list[str]:
    """Returns what is wrong with a load."""
    if effect is Effect.OUTAGE:
        # Clients use the connection ids of the process before.
        errors = result.measured.get("errors")
        return [f"errors: {errors}"] if has_snapshots and errors else []
    if not result.measured:
        # Its connections are closed by a handover, and it opens no others.
        return [] if effect is Effect.HANDOVER and result.name == WSS else [f"has ended early: {result.reason}"]
    measured = result.measured
    # A request over a connection that is closed meanwhile is lost, and is not repeated.
    lost_max = CONNECTIONS if effect is Effect.HANDOVER and result.name in (HTTP_KEPT, WSS) else 0
    repeated_max = measured["sent"] if effect is Effect.HANDOVER else measured["sent"] * REPEATED_PER_MILLION / 1e6
    found = {f"{measured['lost']:,} of {measured['sent']:,} are unanswered": measured["lost"] > lost_max,
             f"{measured['repeated']:,} of {measured['sent']:,} were repeated": measured["repeated"] > repeated_max,
             f"errors: {measured['errors']}": bool(measured["errors"]),
             f"wrong: {measured['wrong']}": bool(measured["wrong"]),
             f"connections were refused: {measured['connections']}": "refused" in json.dumps(measured["connections"]).lower()}
    return [fault for fault, holds in found.items() if holds]


def latency(evidence: Evidence) -> Check:
    """The 99th percentile stays as it was in the first window, except in windows with a disturbance."""
    by_window = [(window, result.measured["latency_us"]["p99_with_lost"]) for window in evidence.windows for result in window.results
                 if result.name == UDP and result.measured]
    if not by_window:
        return Check("p99", "nothing was measured", ["no window has a result over udp"])
    most_us = max(P99_FACTOR * by_window[0][1], P99_US_LEAST)
    calm = [(window.number, p99_us) for window, p99_us in by_window if window.effect is Effect.NONE]
    shown = f"first {by_window[0][1]:,.0f} us, calm {span([p99_us for _, p99_us in calm])}"
    for effect in (Effect.HANDOVER, Effect.OUTAGE):
        if disturbed := [p99_us for window, p99_us in by_window if window.effect is effect]:
            shown += f", {effect.name.lower()} {span(disturbed)}"
    return Check("p99", f"{shown}; at most {most_us:,.0f} us allowed",
                 [f"window {number}: {p99_us:,.0f} us" for number, p99_us in calm if p99_us > most_us])


def span(values: list[float]) -> str:
    """Returns the least and the greatest value."""
    return f"{min(values):,.0f} to {max(values):,.0f} us"


def memory(evidence: Evidence) -> Check:
    """Memory is flat in the second half, after the first peers have expired."""
    series = [(sample.at_s, sample.resident_bytes) for sample in evidence.samples if not is_disturbed(evidence, sample)]
    if len(series) < 4:
        return Check("memory", f"{len(series)} samples", ["there are too few samples"])
    half = series[len(series) // 2:]
    middle, end = around([value for _, value in series], 0.5), around([value for _, value in series], 1)
    growth = statistics.linear_regression(*zip(*half, strict=True)).slope * (half[-1][0] - half[0][0])
    end_max, growth_max = END_OVER_MIDDLE * middle + END_BYTES_MORE, GROWTH_OVER_MIDDLE * middle + GROWTH_BYTES_MORE
    faults = [f"at the end it is above {end_max / MIB:,.0f} MiB"] if end > end_max else []
    faults += [f"it grows by more than {growth_max / MIB:,.0f} MiB over the second half"] if growth > growth_max else []
    return Check("memory", f"{middle / MIB:,.0f} MiB in the middle, {end / MIB:,.0f} at the end, growth {growth / MIB:+,.1f} MiB over the "
                 f"second half", faults)


def is_disturbed(evidence: Evidence, sample: Sample) -> bool:
    """Returns whether a sample was taken during a handover or a restart, or soon after."""
    begun_s = evidence.windows[0].begun_s if evidence.windows else 0.0
    return any(action.effect is not Effect.NONE and action.begun_s - begun_s <= sample.at_s <= action.ended_s - begun_s + AFTERMATH_S
               for window in evidence.windows for action in window.actions)


def around(values: list[int], place: float) -> float:
    """Returns the median of the part of a series around a place from 0 to 1."""
    first = int(len(values) * max(0.0, min(place - PART / 2, 1 - PART)))
    return statistics.median(values[first:first + max(1, int(len(values) * PART))])


def descriptors(evidence: Evidence) -> Check:
    """Descriptors are flat."""
    return flat("descriptors", [sample.descriptors for sample in evidence.at_rest], DESCRIPTORS_MORE)


def threads(evidence: Evidence) -> Check:
    """Threads are flat."""
    return flat("threads", [sample.threads for sample in evidence.at_rest], THREADS_MORE)


def flat(name: str, values: list[int], more: int) -> Check:
    """Compares the windows of the second half with those of the first."""
    half = len(values) // 2
    if not half:
        return Check(name, f"{len(values)} windows", ["there are too few windows"])
    first, second = statistics.median(values[:half]), statistics.median(values[half:])
    found = f"median {first:g} in the first half, {second:g} in the second, {values[-1]} at the end"
    return Check(name, found, [f"more than {first + more:g}"] if max(second, values[-1]) > first + more else [])


def sums(evidence: Evidence) -> Check:
    """Sums of figures agree after each window."""
    return Check("sums of figures", f"after {len(evidence.windows)} windows",
                 [f"window {window.number}: {fault}" for window in evidence.windows for fault in window.disagreements])


def browsers(evidence: Evidence) -> Check:
    """The dashboard, Prometheus and the others are served, and are disconnected by a disturbance only."""
    faults = [f"{failure.client}: {failure.reason}" for failure in evidence.failures if not is_expected(evidence, failure)]
    least = (evidence.ended_s - evidence.windows[0].begun_s) * RESPONSES_PER_S_MIN if evidence.windows else 1
    faults += [f"{number:,} {kind}, at least {least:,.0f} expected" for kind, number in evidence.responses.items() if number < least]
    shown = ", ".join(f"{number:,} {kind}" for kind, number in evidence.responses.items())
    return Check("browsers", f"{shown}; {len(evidence.failures)} disconnections", faults)


def is_expected(evidence: Evidence, failure: Failure) -> bool:
    """Returns whether a failure follows from a disturbance. A handover refuses no connection."""
    during = {action.effect for window in evidence.windows for action in window.actions
              if action.begun_s <= failure.at_s <= action.ended_s + AFTERMATH_S}
    return Effect.OUTAGE in during or (Effect.HANDOVER in during and failure.is_disconnection)


def log(evidence: Evidence) -> Check:
    """The log has no error, and no warning other than those that the actions cause."""
    faults, expected = Counter(), Counter()
    for entry in evidence.log:
        level, message = entry.get("level"), str(entry.get("message"))
        causes = [cause for part, cause in EXPECTED_WARNINGS.items() if part in message]
        if level == "WARN" and causes:
            expected[causes[0]] += 1
        elif level not in ("INFO", "DEBUG"):
            faults[f"{level or 'not a line of the log'}: {message[:300]}"] += 1
    shown = ", ".join(f"{count} of {cause}" for cause, count in expected.items()) or "none"
    return Check("log", f"{len(evidence.log):,} lines; expected warnings: {shown}", [f"{count} x {line}" for line, count in faults.items()])
