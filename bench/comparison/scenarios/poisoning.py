"""Poisoning: one host announces all of its ports into a swarm, so that others are sent to it."""

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass

from comparison.bench import Bench
from comparison.load import fill, list_torrents
from comparison.network import cable
from comparison.scenarios.attacks import LEAD_S, POISON, POISONED, POISONER, attacking, on_cable
from comparison.servers import running
from comparison.speech import say
from comparison.udp_client import STARTED, NoAnswer, UdpClient, clients

# Clients that ask for peers, each once during the attack and once after it, and how many each asks for.
ASKERS = [f"198.19.40.{number}" for number in range(1, 41)]
NUMWANT = 50
# Each asks under two ports: as another peer, which was not answered before.
DURING, AFTER = 6_881, 6_882
Answer = list[tuple[str, int]]


@dataclass(frozen=True)
class Poisoned:
    """The answers that the swarm's clients got, during the attack and after it."""

    during: int
    after: int
    peers_mean: float
    of_host_most: int
    of_host_mean: float


def measure(bench: Bench, settings: dict[str, str]) -> Poisoned:
    """Poisons a swarm of a fresh tracker."""
    seconds = bench.options.seconds
    file = bench.folder / "poisoned.txt"
    list_torrents(POISONED, file)
    torrent = bytes.fromhex(file.read_text().split()[0])
    with cable() as network:
        setup = on_cable(bench, network, POISON.protocol, settings)
        with running("ringtrack", setup):
            fill(POISONED, setup.port, bench.options.load_core, setup.host, setup.around_load)
            with attacking(bench, POISON, setup, LEAD_S + seconds) as attacked, clients(network, setup.port, ASKERS) as askers:
                time.sleep(LEAD_S)
                during = answers(askers, torrent, DURING, lambda: not attacked.done())
                attacked.result()
                after = answers(askers, torrent, AFTER, lambda: True)
    if not during or not after:
        raise RuntimeError(f"{len(during)} clients were answered during the attack, and {len(after)} after it")
    of_host = [sum(ip == POISONER for ip, _ in answer) for answer in during + after]
    found = Poisoned(len(during), len(after), sum(map(len, during + after)) / len(of_host), max(of_host), sum(of_host) / len(of_host))
    say(f"  poison: {found}")
    return found


def answers(askers: list[UdpClient], torrent: bytes, port: int, is_in_time: Callable[[], bool]) -> list[Answer]:
    """Asks for peers, and returns the answers that came in time. Some clients may get none."""
    found = []
    for asker in askers:
        with contextlib.suppress(NoAnswer):
            answer = asker.announce(torrent, port, event=STARTED, numwant=NUMWANT)
            if not is_in_time():
                break
            found.append(answer)
    return found
