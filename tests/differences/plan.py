"""The plan of a seed: episodes on torrents of their own, mixed with one another.

What trackers do differently stays within its episode, because no other has its torrents.
"""

import random
from dataclasses import dataclass

from differences import http_episodes, udp_episodes, ws_episodes
from differences.draw import Draw
from differences.steps import Datagram, Family, Http, Ids, Step

@dataclass(frozen=True)
class Planned:
    """A step, with the protocols that its whole episode needs."""

    step: Step
    protocols: frozenset[str]


@dataclass(frozen=True)
class Plan:
    """The steps for one address family."""

    steps: tuple[Planned, ...]
    info_hashes: tuple[bytes, ...]


def plan(seed: int, family: Family) -> Plan:
    """Returns the plan of a seed. All randomness of a run comes from it."""
    source = random.Random(f"{seed} {family.name}")
    draw = Draw(Ids(source), source, family)
    first = [*udp_episodes.EPISODES, *http_episodes.EPISODES, *ws_episodes.EPISODES]
    mixed = [step for part in (first, ws_episodes.LAST)
             for step in mix(source, [planned(list(episode(draw))) for episode in part])]
    return Plan(tuple(mixed), tuple(draw.info_hashes))


def planned(steps: list[Step]) -> list[Planned]:
    """Returns the steps of an episode with its protocols."""
    protocols = frozenset(protocol(step) for step in steps)
    return [Planned(step, protocols) for step in steps]


def protocol(step: Step) -> str:
    """Returns the protocol of a step."""
    if isinstance(step.request, Datagram):
        return "udp"
    return "http" if isinstance(step.request, Http) else "ws"


def mix(source: random.Random, episodes: list[list[Planned]]) -> list[Planned]:
    """Returns the steps of all episodes in a drawn order, in which those of an episode keep theirs."""
    turns = [number for number, steps in enumerate(episodes) for _ in steps]
    source.shuffle(turns)
    rests = [iter(steps) for steps in episodes]
    return [next(rests[number]) for number in turns]
