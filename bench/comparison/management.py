"""Clients of ringtrack's management API and of its health checks, as a dashboard, a monitor and a service manager are."""

import contextlib
import http.client
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

# Between two rounds of questions.
EVERY_S = 1.0
# An answer that takes longer fails: the tracker waits 30 s for a core.
ANSWER_S_MAX = 40
# What a dashboard asks for; it looks at the last torrent of the sorted page with all of its peers.
SORTED = "torrents/sorted?order=peers&limit=100"
ASKED = ["stats", "metrics", "torrents?limit=4000", SORTED, "storage", "latency"]


@dataclass(frozen=True)
class Place:
    """Where the APIs are, and what lets in."""

    api_port: int
    health_port: int
    token: str
    # The clients' core.
    core: int

    def headers(self) -> dict[str, str]:
        """Of each request to the management API."""
        return {"Authorization": f"Bearer {self.token}"}


@dataclass
class Asked:
    """What was asked and answered. Each client writes its own fields."""

    answers_ms: dict[str, list[float]] = field(default_factory=dict)
    events: int = 0
    health_checks: int = 0
    # Health checks that found a listener that does not do well.
    unwell: int = 0
    changes_stored: int = 0
    # Why a client gave up.
    failures: list[str] = field(default_factory=list)

    def answers(self) -> int:
        """Of all clients; an event is not one."""
        return self.health_checks + sum(map(len, self.answers_ms.values()))

    def slowest_ms(self) -> float:
        """Of the questions of the dashboard."""
        return max((max(times) for times in self.answers_ms.values()), default=0.0)


@contextlib.contextmanager
def asked_by_clients(place: Place) -> Iterator[Asked]:
    """Clients that ask as long as the block lasts. One that fails fails the block."""
    asked, done = Asked(), threading.Event()
    clients = [threading.Thread(target=run, args=(client, place, asked, done)) for client in (dashboard, monitor, checker)]
    for client in clients:
        client.start()
    try:
        yield asked
    finally:
        done.set()
        for client in clients:
            client.join()
    if asked.failures:
        raise RuntimeError(f"a client of the APIs failed: {asked.failures[0]}")
    with connection(place.api_port) as api:
        asked.changes_stored = json.loads(get(api, "/api/v1/storage", place.headers()))["writes_done"]



def make_keys(place: Place, keys: list[str]) -> None:
    """Makes keys that are valid for ever."""
    wanted = "".join(json.dumps({"key": key, "seconds_valid": None}) + "\n" for key in keys)
    with connection(place.api_port) as api:
        api.request("POST", "/api/v1/keys/bulk", wanted, place.headers())
        made = [json.loads(line) for line in checked(api.getresponse(), "keys/bulk").read().splitlines()]
    if [line.get("key") for line in made] != keys:
        raise RuntimeError(f"the tracker did not make the keys: {made[:1]}")

def run(client: Callable[[Place, Asked, threading.Event], None], place: Place, asked: Asked, done: threading.Event) -> None:
    """A client on its core, until it is done."""
    # Of this thread alone.
    os.sched_setaffinity(0, {place.core})
    try:
        client(place, asked, done)
    except (OSError, http.client.HTTPException, RuntimeError, ValueError) as error:
        asked.failures.append(f"{client.__name__}: {error!r}")


def dashboard(place: Place, asked: Asked, done: threading.Event) -> None:
    """Asks for everything, then waits for the next second."""
    with connection(place.api_port) as api:
        for _ in each_second(done):
            answers = {path: timed(asked, path, api, place) for path in ASKED}
            if torrents := json.loads(answers[SORTED])["torrents"]:
                timed(asked, "torrent", api, place, f"torrent/{torrents[-1]['info_hash']}")


def monitor(place: Place, asked: Asked, done: threading.Event) -> None:
    """Reads the stream of events."""
    with connection(place.api_port) as api:
        api.request("GET", "/api/v1/events", headers=place.headers())
        response = checked(api.getresponse(), "events")
        while not done.is_set():
            if not (line := response.readline()):
                raise RuntimeError("the stream of events has ended")
            asked.events += line.startswith(b"data:")


def checker(place: Place, asked: Asked, done: threading.Event) -> None:
    """Makes a health check a second."""
    with connection(place.health_port) as health:
        for _ in each_second(done):
            asked.unwell += json.loads(get(health, "/health_check", {}))["status"] != "Ok"
            asked.health_checks += 1


def each_second(done: threading.Event) -> Iterator[None]:
    """At once, and at each second since; one that was missed is left out."""
    begun = time.monotonic()
    while not done.is_set():
        yield
        done.wait(EVERY_S - (time.monotonic() - begun) % EVERY_S)


def timed(asked: Asked, name: str, api: http.client.HTTPConnection, place: Place, path: str | None = None) -> bytes:
    """An answer of the management API, whose time is noted by its name."""
    begun = time.monotonic()
    answer = get(api, f"/api/v1/{path or name}", place.headers())
    asked.answers_ms.setdefault(name, []).append((time.monotonic() - begun) * 1000)
    return answer


@contextlib.contextmanager
def connection(port: int) -> Iterator[http.client.HTTPConnection]:
    """A connection to this machine that is kept for all requests of a client."""
    kept = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_S_MAX)
    try:
        yield kept
    finally:
        kept.close()


def get(api: http.client.HTTPConnection, path: str, headers: dict[str, str]) -> bytes:
    """The body of an answer."""
    api.request("GET", path, headers=headers)
    return checked(api.getresponse(), path).read()


def checked(response: http.client.HTTPResponse, path: str) -> http.client.HTTPResponse:
    """An answer that has what was asked for."""
    if response.status != http.client.OK:
        raise RuntimeError(f"{path}: status {response.status}: {response.read()[:200]!r}")
    return response
