"""Under attack: what strangers can do to the tracker and to the clients beside them."""

from collections.abc import Callable
from dataclasses import asdict

from comparison import ringtrack
from comparison.bench import Bench
from comparison.protocols import Protocol
from comparison.report import Report, count, decimal
from comparison.scenarios import filling, guard_cost, poisoning, small_group, wrong_ids
from comparison.scenarios.attacks import ATTACKS, FILL, GOOD_HTTP_PER_S, GOOD_PER_S, POISON, Attack, Beside, trial, trial_elsewhere
from comparison.speech import say
from comparison.summary import highest, lowest

ANSWERED_PERCENT_MIN, P99_RATIO_MAX = 99.9, 3
SURVIVED_PERCENT_MIN, FOUND_PERCENT_MIN = 99, 99
OF_HOST_MAX = 4
COST_RATIO_MIN = 0.98
WORKER_RATIO_MAX, MACHINE_RATIO_MAX = 0.1, 0.33
# A group is flat if the second half of an attack adds no more than this share and this much. A shorter attack may still fill.
FLAT_RATIO_MAX, FLAT_MIB_MAX = 1.05, 8
FLAT_S_MIN = 60
# How the rows of a small control group begin; `group` stands for all.
GROUP = "group-"
# How the control of a row ends.
ELSEWHERE = "-elsewhere"
COLUMNS = ["row", "what strangers do", "found", "target", "met"]
# Sources that stay below all limits fill as quickly as the tracker takes their announces.
NO_LIMITS = {"RINGTRACK_SOURCES_REQUESTS_PER_S": "0", "RINGTRACK_SOURCES_NEW_PEERS_PER_S": "0",
             "RINGTRACK_SOURCES_NEW_TORRENTS_PER_S": "0"}
SITE_NOTE = (f"Tracker and load are in two network namespaces with a virtual cable between them, each on its own core. Good "
             f"clients of 200 addresses make {GOOD_PER_S:,} requests/s over UDP (25/72/3), or {GOOD_HTTP_PER_S} announces/s over HTTP with a "
             "connection for each; a lost request counts in p99 with at least its time-out. They are woken before "
             "the attackers, with whom they share the load's core unless they have another one. Ratios of reflection include the "
             "heads of Ethernet, IP and UDP. What the tracker sends crosses the cable at its own cost, also the errors to made-up sources.")


def measure(bench: Bench) -> Report:
    """Measures the requested rows, or all."""
    options = bench.options
    in_groups = [name for name in ROWS if name.startswith(GROUP)]
    chosen = options.rows or [name for name in ROWS if name not in in_groups and not name.endswith(ELSEWHERE)]
    chosen = [row for name in chosen for row in (in_groups if name == "group" else [name])]
    if unknown := [name for name in chosen if name not in ROWS]:
        raise RuntimeError(f"there is no row {unknown[0]}: choose from {', '.join(ROWS)}")
    rows: list[list[str]] = []
    runs: list[dict] = []
    for name in chosen:
        try:
            more_rows, more_runs = ROWS[name](bench)
        except RuntimeError as error:
            # The tracker may have been killed, and the other rows are still of use.
            say(f"  {name} failed: {error}")
            more_rows, more_runs = [[name, "", f"failed: {str(error)[-200:]}", "", met(False)]], []
        rows += more_rows
        runs += more_runs
    sizes = f"--announces {options.announces} --ceiling-mib {options.ceiling_mib} --group-mib {options.group_mib}"
    places = "" if options.good_core is None else f" --good-core {options.good_core}"
    commands = [f"bench/compare flood --rows {' '.join(chosen)} --seconds {options.seconds:g} {sizes}{places}"]
    return Report("flood", "Under attack", commands, COLUMNS, rows, [SITE_NOTE], runs)


# The cells of a table and the measurements behind them.
Found = tuple[list[list[str]], list[dict]]


def good_beside(attack: Attack) -> Callable[[Bench], Found]:
    """Returns the measurement of a row of a good client beside an attack."""
    def one(bench: Bench) -> Found:
        result = trial(bench, attack)
        return [row_beside(attack, result)], [asdict(result)]
    return one


def good_beside_elsewhere(attack: Attack) -> Callable[[Bench], Found]:
    """Returns the measurement of the control of a row: the same attack at another tracker."""
    def one(bench: Bench) -> Found:
        result = trial_elsewhere(bench, attack)
        name, _, found, *_ = row_beside(attack, result)
        return [[f"{name}{ELSEWHERE}", f"{attack.title}, at another tracker", found, "a control", ""]], [asdict(result)]
    return one


def row_beside(attack: Attack, result: Beside) -> list[str]:
    """Returns the row of a good client beside an attack."""
    is_met = result.answered_percent >= ANSWERED_PERCENT_MIN and result.p99_us <= P99_RATIO_MAX * result.quiet_p99_us
    found = (f"{result.answered_percent:.2f} % answered, p99 {count(result.p99_us)} us (quiet {count(result.quiet_p99_us)}), at "
             f"{count(result.attack_per_s)} {'requests' if attack.protocol is Protocol.UDP else 'steps'}/s; tracker {result.server_busy_percent:.0f} % busy")
    target = f"{ANSWERED_PERCENT_MIN} % answered, p99 at most {P99_RATIO_MAX} x quiet"
    if attack.reflection_max is not None:
        found += f"; reflected {result.reflected_bytes:.3f} of bytes, {result.reflected_datagrams:.3f} of datagrams"
        target += f", reflection at most {attack.reflection_max}"
        is_met = is_met and max(result.reflected_bytes, result.reflected_datagrams) <= attack.reflection_max
    return [attack.name, attack.title, found, target, met(is_met)]


def fill_with(name: str, title: str, settings: dict[str, str]) -> Callable[[Bench], Found]:
    """Returns the measurement of a row of filling."""
    def one(bench: Bench) -> Found:
        result = filling.measure(bench, settings)
        is_met = (result.peak_mib <= result.ceiling_mib and result.survived_percent >= SURVIVED_PERCENT_MIN
                  and result.found_percent >= FOUND_PERCENT_MIN)
        found = (f"{count(result.announces)} announces at {count(result.announces_per_s)}/s; {count(result.peers)} peers held; peak {count(result.peak_mib)} MiB; "
                 f"{result.survived_percent:.2f} % of {count(result.live)} live swarms survived; in {result.found_percent:.1f} % of {count(result.newcomers)} new "
                 f"torrents the second peer found the first; {result.refreshes_answered_percent:.2f} % of refreshes answered")
        target = (f"at most {count(result.ceiling_mib)} MiB, {SURVIVED_PERCENT_MIN} % of live swarms survive, the second peer finds the "
                  f"first ({FOUND_PERCENT_MIN} %)")
        does = (f"{title}; live peers announce twice before, {filling.PROVED_AFTER_S} s apart, and every {filling.REFRESHED_EVERY_S} s on "
                f"average meanwhile, with announce.interval_s_min = {filling.INTERVAL_S_MIN}")
        return [[name, does, found, target, met(is_met)]], [{"row": name, **asdict(result)}]
    return one


def poison(bench: Bench) -> Found:
    """Measures the row of poisoning."""
    result = poisoning.measure(bench, {})
    found = (f"at most {result.of_host_most} of {result.peers_mean:.0f} peers in an answer are that host's, {result.of_host_mean:.1f} on average; "
             f"{result.during} clients were answered during the attack, and {result.after} after it")
    return [[POISON.name, POISON.title, found, f"at most {OF_HOST_MAX} of 50", met(result.of_host_most <= OF_HOST_MAX)]], [asdict(result)]


def cost(bench: Bench) -> Found:
    """Measures the rows of the cost when nobody attacks, against an earlier build."""
    if not bench.options.before:
        say("  cost is left out: it needs --before PROGRAM")
        return [], []
    rows, runs = [], []
    for case in guard_cost.cases(bench.options):
        of_case = guard_cost.pairs(bench, case)
        rates, costs = ({name: of(run[figure] for run in of_case if run["server"] == name) for name in guard_cost.BUILDS}
                        for of, figure in ((highest, "responses_per_s"), (lowest, "cpu_us_per_response")))
        over, cpu_over = (each["ringtrack"].over(each[ringtrack.BEFORE]) for each in (rates, costs))
        found = (f"{count(rates['ringtrack'].best)} responses/s against {count(rates[ringtrack.BEFORE].best)}: {over.best:.3f} (best over best), "
                 f"{over.median:.3f} (median over median); CPU per response {cpu_over.best:.3f}, {cpu_over.median:.3f}")
        rows.append([f"cost, {case.load.protocol.value}", case.title, found, f"{COST_RATIO_MIN} of the build before", met(over.best >= COST_RATIO_MIN)])
        runs += of_case
    return rows, runs


def wrong_ids_cost(bench: Bench) -> Found:
    """Measures the rows of the cost of wrong ids. Replies, which only cost without the filter, are also left out."""
    rows, runs = [], []
    for invalid in ("error", "drop"):
        result = wrong_ids.measure(bench, invalid)
        worker, machine = result.ratio("worker_us"), result.ratio("machine_us")
        found = (f"us of CPU per datagram, without the filter and with it: the owner's core {decimal(result.median('off', 'worker_us'))}, "
                 f"{result.median('auto', 'worker_us'):.3f} ({worker:.3f}); the machine {decimal(result.median('off', 'machine_us'))}, "
                 f"{decimal(result.median('auto', 'machine_us'))} ({machine:.2f})")
        rows.append(["wrong-ids-cost", f"{wrong_ids.RATE_PER_S:,} announces/s with wrong ids at one info hash, from made-up sources "
                     f'(connection_ids.invalid = "{invalid}")', found,
                     f"at most {WORKER_RATIO_MAX} for the owner's core and {MACHINE_RATIO_MAX} for the machine",
                     met(worker <= WORKER_RATIO_MAX and machine <= MACHINE_RATIO_MAX)])
        runs += [{"row": "wrong-ids-cost", "invalid": invalid, **asdict(run)} for run in result.runs]
    return rows, runs


def in_group(attack: Attack) -> Callable[[Bench], Found]:
    """Returns the measurement of a row of a small control group."""
    def one(bench: Bench) -> Found:
        result = small_group.measure(bench, attack)
        found = (f"memory {count(result.start_mib)} MiB at first, {count(result.middle_mib)} half-way, {count(result.end_mib)} at the end, at most "
                 f"{count(result.most_mib)}; {result.kills} killed; {result.answered_percent:.2f} % of good requests answered")
        return [[f"{GROUP}{attack.name}", attack.title, found, f"alive and flat in {bench.options.group_mib} MiB for {bench.options.seconds:g} s, "
                 "good clients are answered", met_in_group(result, bench.options.seconds)]], [asdict(result)]
    return one


def met_in_group(result: small_group.Grouped, seconds: float) -> str:
    """Returns a cell. A tracker that answers nobody is not alive."""
    if result.kills or not result.answered_percent:
        return met(False)
    if seconds < FLAT_S_MIN:
        return "too short to judge"
    return met(result.end_mib <= FLAT_RATIO_MAX * result.middle_mib + FLAT_MIB_MAX)


def met(is_met: bool) -> str:
    """Returns a cell."""
    return "yes" if is_met else "**no**"


ROWS: dict[str, Callable[[Bench], Found]] = {
    **{attack.name: good_beside(attack) for attack in ATTACKS},
    **{f"{attack.name}{ELSEWHERE}": good_beside_elsewhere(attack) for attack in ATTACKS},
    FILL.name: fill_with(FILL.name, FILL.title, {}),
    "fill-within": fill_with("fill-within", f"{FILL.title}, none over a limit", NO_LIMITS),
    POISON.name: poison,
    "wrong-ids-cost": wrong_ids_cost,
    "cost": cost,
    **{f"{GROUP}{attack.name}": in_group(attack) for attack in [*ATTACKS, FILL, POISON]},
}
