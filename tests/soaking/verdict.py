"""What must hold, with its bounds."""

import datetime
import json
import statistics
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from comparison.bench import MIB
from soaking.actions import ABUSER, Effect
from soaking.browsers import UNWELL, Failure
from soaking.loads import CONNECTIONS, HTTP_KEPT, HTTP_NEW, HTTPS_NEW, UDP, WSS, WSS_AGAIN, Result
from soaking.samples import Sample
from soaking.speed import Second, is_kept, is_measured
from soaking.windows import Done, Window

# The 99th percentile of a window over that of the first one. Below the least bound no client notices a difference. Loads other than
# UDP have fewer requests, of which a moment without the core takes a greater part.
P99_FACTOR, P99_US_LEAST = 2.0, 2_000.0
P99_FACTOR_BESIDE, P99_US_LEAST_BESIDE = 3.0, 20_000.0
# Of the requests that are due, those that a load must have sent.
SENT_SHARE_MIN = 0.95
# The generator's reason for a response that comes too late.
LATE = "no answer before the time-out"
# Requests over kept connections that a handover may cost. The old process closes a connection after a response, and the generator
# repeats a request that was sent meanwhile, unless the connection had no response before.
HTTP_LOST_MAX = 5
# Requests over UDP that are not answered at once, of a million: a virtual machine can lose its core for longer than the kernel's buffer
# lasts.
LATE_PER_MILLION = 100
# Of the windows without a restart, those that must prove something: in which the machine kept its speed, or what is judged held although it
# did not. In the others the kernel may drop datagrams, and latencies may be higher.
PROOF_SHARE_MIN = 0.5
# A process gets to its peers and its memory in this time, or in this part of a short life: each of three windows has other peers.
WARM_UP_S, WARM_UP_PART = 240.0, 1 / 2
# After that, memory at the end of its life over that at the begin, and the growth by a straight line.
END_OVER_BEGIN, END_BYTES_MORE = 1.1, 16 * MIB
GROWTH_OVER_BEGIN, GROWTH_BYTES_MORE = 0.05, 16 * MIB
# Descriptors and threads at rest: those of the browsers' connections and of timers come and go.
DESCRIPTORS_MORE, THREADS_MORE = 8, 2
# Responses of each kind to browsers, which ask once a second and need a moment for each.
RESPONSES_PER_S_MIN = 0.2
# Health checks without a disturbance that report an unhealthy listener, of a million. Over UDP they send one datagram only once, which
# may be among those that the kernel drops.
UNWELL_PER_MILLION = 1_000
# Parts of a series at its begin and its end.
PART = 0.1
# After a disturbance its consequences may be seen for this long.
AFTERMATH_S = 5.0
# Lines of level WARN that actions cause while they are done, and those that a machine causes at any time.
WARNINGS_OF_ACTIONS = {
    "the database is away": "database outage",
    "the database is still away": "database outage",
    # PostgreSQL's words, which the driver logs if they come before the end of the connection.
    "terminating connection due to immediate shutdown command": "database outage",
    f"{ABUSER} is banned for": "abuse",
    f"{ABUSER} is over its limit": "abuse",
}
WARNINGS_OF_MACHINES = {
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
    # The seconds of each core, and of the cache line that two of them share.
    speed: dict[str, list[Second]]
    ended_s: float

    def is_steady(self, window: Window) -> bool:
        """Returns whether the machine kept the speed that it had while the saturation was measured."""
        return is_kept(self.speed, (window.measured_s, window.begun_s), window.loaded_s)


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
    """Every request of a good client is answered, except while the tracker is restarted. Where the machine was slower than while the
    saturation was measured, the kernel may drop some."""
    faults = [f"window {window.number}: {result.name}: {fault}" for window in evidence.windows for result in window.results
              for fault in faults_of(result, window, evidence)]
    faults += [f"window {window.number}: the speed of the machine was not measured" for window in evidence.windows
               if not is_measured(evidence.speed, (window.measured_s, window.begun_s), window.loaded_s)]
    served = [window for window in evidence.windows if window.effect is not Effect.OUTAGE]
    steady = sum(map(evidence.is_steady, served))
    unharmed = sum(window.dropped == 0 and not evidence.is_steady(window) for window in served)
    if steady + unharmed < PROOF_SHARE_MIN * len(served):
        faults.append("the machine is too slow at times for a judgement")
    of_udp = [result.measured for window in served for result in window.results if result.name == UDP and result.measured]
    sent, repeated, lost = (sum(result[count] for result in of_udp) for count in ("sent", "repeated", "lost"))
    dropped = sum(window.dropped for window in served)
    return Check("answered", f"{sent:,} requests over udp without restarts, {repeated:,} repeated, {lost:,} unanswered; {dropped:,} datagrams "
                 f"dropped by the kernel; the machine kept its speed in {steady} of {len(served)} windows, and none was dropped in {unharmed} "
                 "others", faults)


def faults_of(result: Result, window: Window, evidence: Evidence) -> list[str]:
    """Returns what is wrong with a load."""
    measured, effect = result.measured, window.effect
    if not measured:
        # Its connections are closed by a disturbance, and it opens no others.
        return [] if effect is not Effect.NONE and result.name == WSS else [f"has ended early: {result.reason}"]
    if result.name == WSS_AGAIN:
        # The disturbance is over when it begins.
        effect = Effect.NONE
    found = {f"wrong: {measured['wrong']}": bool(measured["wrong"]),
             # Clients use the connection ids of the process before.
             f"errors: {measured['errors']}": bool(measured["errors"]) and (effect is not Effect.OUTAGE or evidence.has_snapshots)}
    if effect is not Effect.OUTAGE:
        found |= faults_over_udp(measured, window, evidence) if result.name == UDP else faults_of_service(result.name, measured, effect)
    if effect is Effect.NONE:
        found |= faults_of_calm(measured)
    return [fault for fault, holds in found.items() if holds]


def faults_over_udp(measured: dict, window: Window, evidence: Evidence) -> dict[str, bool]:
    """Returns what may be wrong over UDP in a window without a restart, and whether it is: where the machine was slow, each datagram
    without an answer is one that the kernel dropped because a receive buffer was full."""
    is_steady, missing = evidence.is_steady(window), measured["repeated"] + measured["lost"]
    dropped_max = 0 if is_steady else window.dropped
    late_max = measured["sent"] * LATE_PER_MILLION / 1e6
    return {f"{missing:,} datagrams of {measured['sent']:,} requests were not answered, at most {dropped_max:,} expected":
            missing > dropped_max + late_max,
            f"{measured['lost']:,} requests were not answered at all": is_steady and measured["lost"] > 0}


def faults_of_service(name: str, measured: dict, effect: Effect) -> dict[str, bool]:
    """Returns what may be wrong over connections in a window without a restart, and whether it is."""
    lost_max = {HTTP_KEPT: HTTP_LOST_MAX, WSS: CONNECTIONS}.get(name, 0) if effect is Effect.HANDOVER else 0
    return {f"{measured['lost']:,} of {measured['sent']:,} are unanswered": measured["lost"] > lost_max,
            f"connections were refused: {measured['connections']}": "refused" in json.dumps(measured["connections"]).lower()}


def faults_of_calm(measured: dict) -> dict[str, bool]:
    """Returns what may be wrong in a window without a disturbance, and whether it is."""
    due = measured["offered_per_s"] * measured["seconds"]
    # Over UDP there are none.
    connections = measured["connections"] or {"failures": {}, "ended_by_tracker": 0, "idle_asked_for": 0, "idle_open_at_end": 0}
    # Late responses of the warm-up are among them; those after it are counted as lost.
    failures = set(connections["failures"]) - {LATE}
    return {f"{measured['sent']:,} of {due:,.0f} requests were sent": measured["sent"] + 1 < due * SENT_SHARE_MIN,
            f"connections failed: {connections}": bool(failures or connections["ended_by_tracker"]),
            f"idle connections were closed: {connections}": connections["idle_open_at_end"] < connections["idle_asked_for"]}


def latency(evidence: Evidence) -> Check:
    """The 99th percentile of each load stays as it was in the first steady window, except in windows with a disturbance."""
    found = [latency_of(evidence, name) for name in (UDP, HTTP_KEPT, HTTP_NEW, HTTPS_NEW, WSS)]
    return Check("p99", "; ".join(shown for shown, _ in found), [fault for _, faults in found for fault in faults])


def latency_of(evidence: Evidence, name: str) -> tuple[str, list[str]]:
    """Returns the 99th percentiles of a load in words, and those that are too high."""
    by_window = [(window, result.measured["latency_us"]["p99_with_lost"]) for window in evidence.windows for result in window.results
                 if result.name == name and result.measured]
    all_calm = [(window, p99_us) for window, p99_us in by_window if window.effect is Effect.NONE]
    calm = [(window.number, p99_us) for window, p99_us in all_calm if evidence.is_steady(window)]
    others_us = [p99_us for window, p99_us in all_calm if not evidence.is_steady(window)]
    if not calm:
        return f"{name}: nothing was measured", [f"no steady window has a result over {name}"]
    factor, us_least = (P99_FACTOR, P99_US_LEAST) if name == UDP else (P99_FACTOR_BESIDE, P99_US_LEAST_BESIDE)
    most_us = max(factor * calm[0][1], us_least)
    shown = f"{name}: first {calm[0][1]:,.0f} us, calm {span([p99_us for _, p99_us in calm])}"
    for effect in (Effect.HANDOVER, Effect.OUTAGE):
        if disturbed := [p99_us for window, p99_us in by_window if window.effect is effect]:
            shown += f", {effect.name.lower()} {span(disturbed)}"
    within = sum(p99_us <= most_us for p99_us in others_us)
    faults = [f"window {number}: {name}: {p99_us:,.0f} us" for number, p99_us in calm if p99_us > most_us]
    if len(calm) + within < PROOF_SHARE_MIN * len(all_calm):
        faults.append(f"{name}: the machine is too slow at times for a judgement")
    return (f"{shown}; at most {most_us:,.0f} us allowed, which {within} of {len(others_us)} calm windows of a slower machine kept to",
            faults)


def span(values: list[float]) -> str:
    """Returns the least and the greatest value."""
    return f"{min(values):,.0f} to {max(values):,.0f} us"


def longest_life(samples: list[Sample], of_all: list[Sample]) -> list[Sample]:
    """Returns those of the samples that are of the process that lived longest, after its warm-up."""
    lives: dict[int, list[float]] = {}
    for sample in of_all:
        lives.setdefault(sample.pid, []).append(sample.at_s)
    if not lives:
        return []
    pid, at_s = max(lives.items(), key=lambda life: life[1][-1] - life[1][0])
    warm_s = at_s[0] + min(WARM_UP_S, (at_s[-1] - at_s[0]) * WARM_UP_PART)
    return [sample for sample in samples if sample.pid == pid and sample.at_s >= warm_s]


def memory(evidence: Evidence) -> Check:
    """Memory of a process is flat."""
    series = [(sample.at_s, sample.resident_bytes) for sample in longest_life(evidence.samples, evidence.samples)
              if not is_disturbed(evidence, sample)]
    if len(series) < 4:
        return Check("memory", f"{len(series)} samples", ["there are too few samples"])
    begin, end = around([value for _, value in series], 0), around([value for _, value in series], 1)
    seconds = series[-1][0] - series[0][0]
    growth = statistics.linear_regression(*zip(*series, strict=True)).slope * seconds
    end_max, growth_max = END_OVER_BEGIN * begin + END_BYTES_MORE, GROWTH_OVER_BEGIN * begin + GROWTH_BYTES_MORE
    faults = [f"at the end it is above {end_max / MIB:,.0f} MiB"] if end > end_max else []
    faults += [f"it grows by more than {growth_max / MIB:,.0f} MiB"] if growth > growth_max else []
    return Check("memory", f"{begin / MIB:,.0f} MiB, {end / MIB:,.0f} after {seconds:,.0f} s of one process, "
                 f"growth {growth / MIB:+,.1f} MiB", faults)


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
    """Descriptors of a process are flat."""
    return flat("descriptors", [sample.descriptors for sample in longest_life(evidence.at_rest, evidence.samples)], DESCRIPTORS_MORE)


def threads(evidence: Evidence) -> Check:
    """Threads of a process are flat."""
    return flat("threads", [sample.threads for sample in longest_life(evidence.at_rest, evidence.samples)], THREADS_MORE)


def flat(name: str, values: list[int], more: int) -> Check:
    """Compares the later windows of a process with its earlier ones."""
    half = len(values) // 2
    if not half:
        return Check(name, f"{len(values)} windows of one process", ["there are too few windows"])
    first, second = statistics.median(values[:half]), statistics.median(values[half:])
    found = (f"{len(values)} windows of one process, median {first:g} in the first half, {second:g} in the second, "
             f"{values[-1]} at the end")
    return Check(name, found, [f"more than {first + more:g}"] if max(second, values[-1]) > first + more else [])


def sums(evidence: Evidence) -> Check:
    """Sums of figures agree after each window."""
    return Check("sums of figures", f"after {len(evidence.windows)} windows",
                 [f"window {window.number}: {fault}" for window in evidence.windows for fault in window.disagreements])


def browsers(evidence: Evidence) -> Check:
    """The dashboard, Prometheus and the others are served, and are disconnected by a disturbance only."""
    unexpected = [failure for failure in evidence.failures if not is_expected(evidence, failure)]
    unwell = [failure for failure in unexpected if failure.reason == UNWELL]
    if len(unwell) <= 1 + evidence.responses["health checks"] * UNWELL_PER_MILLION / 1e6:
        unexpected = [failure for failure in unexpected if failure.reason != UNWELL]
    faults = [f"{failure.client}: {failure.reason}" for failure in unexpected]
    least = (evidence.ended_s - evidence.windows[0].begun_s) * RESPONSES_PER_S_MIN if evidence.windows else 1
    faults += [f"{number:,} {kind}, at least {least:,.0f} expected" for kind, number in evidence.responses.items() if number < least]
    shown = ", ".join(f"{number:,} {kind}" for kind, number in evidence.responses.items())
    return Check("browsers", f"{shown}; {len(evidence.failures)} disconnections", faults)


def is_expected(evidence: Evidence, failure: Failure) -> bool:
    """Returns whether a failure follows from a disturbance, or a slow machine drops the datagram of a health check. A handover refuses no
    connection."""
    if failure.reason == UNWELL and any(window.begun_s <= failure.at_s <= window.ended_s and window.dropped
                                        and not evidence.is_steady(window) for window in evidence.windows):
        return True
    during = {action.effect for window in evidence.windows for action in window.actions
              if action.begun_s <= failure.at_s <= action.ended_s + AFTERMATH_S}
    return Effect.OUTAGE in during or (Effect.HANDOVER in during and failure.fits_handover)


def log(evidence: Evidence) -> Check:
    """The log has no error, and no warning other than those that the actions cause."""
    faults, expected = Counter(), Counter()
    done = [action for window in evidence.windows for action in window.actions]
    for entry in evidence.log:
        level = entry.get("level")
        if level == "WARN" and (cause := cause_of(entry, done)):
            expected[cause] += 1
        elif level not in ("INFO", "DEBUG"):
            faults[f"{level or 'not a line of the log'}: {str(entry.get('message'))[:300]}"] += 1
    shown = ", ".join(f"{count} of {cause}" for cause, count in expected.items()) or "none"
    return Check("log", f"{len(evidence.log):,} lines; expected warnings: {shown}", [f"{count} x {line}" for line, count in faults.items()])


def cause_of(entry: dict, done: list[Done]) -> str | None:
    """Returns what causes an expected warning."""
    message = str(entry.get("message"))
    if causes := [cause for part, cause in WARNINGS_OF_MACHINES.items() if part in message]:
        return causes[0]
    causes = [cause for part, cause in WARNINGS_OF_ACTIONS.items() if part in message]
    # Actions are timed by a clock that is never set.
    at_s = datetime.datetime.fromisoformat(entry["timestamp"]).timestamp() - time.time() + time.monotonic()
    return next((action.action for action in done
                 if action.action in causes and action.begun_s <= at_s <= action.ended_s + AFTERMATH_S), None)
