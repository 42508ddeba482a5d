"""Every attack against a tracker with default settings in a small control group."""

import threading
from dataclasses import dataclass

from comparison.bench import MIB, Bench
from comparison.control_group import ControlGroup, control_group
from comparison.network import cable
from comparison.scenarios.attacks import Attack, beside, on_cable
from comparison.servers import running
from comparison.speech import say

LOOK_S = 0.5


@dataclass(frozen=True)
class Grouped:
    """The memory of a control group during an attack."""

    attack: str
    answered_percent: float
    # Before the attack, half-way through it, at its end, and the most.
    start_mib: float
    middle_mib: float
    end_mib: float
    most_mib: float
    kills: int


def measure(bench: Bench, attack: Attack) -> Grouped:
    """Runs a good client beside an attack on a tracker in a group. A tracker that was killed fails it."""
    readings: list[int] = []
    with cable() as network, control_group(bench.options.group_mib * MIB) as group:
        setup = on_cable(bench, network, attack.protocol, {}, group.around())
        with running("ringtrack", setup) as server:
            done = threading.Event()
            watcher = threading.Thread(target=watch, args=(group, readings, done))
            watcher.start()
            try:
                answered = beside(bench, attack, network, setup, server, setup).answered_percent
            finally:
                done.set()
                watcher.join()
        found = Grouped(attack.name, answered, *(each / MIB for each in (
            readings[0], readings[len(readings) // 2], readings[-1], max(readings))), group.kills())
    say(f"  {attack.name} in a group: {found}")
    return found


def watch(group: ControlGroup, readings: list[int], done: threading.Event) -> None:
    """Reads the memory of the group until it is done."""
    while True:
        readings.append(group.used_bytes())
        if done.wait(LOOK_S):
            return
