"""Clients of what ringtrack shows of itself: a dashboard, Prometheus, the browser of a guest, and a service manager."""

import contextlib
import http.client
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

# Between two rounds of requests.
EVERY_S = 1.0
# A response that takes longer fails: the tracker waits 30 s for a core.
ANSWER_S_MAX = 40
# Requests of an open dashboard with all of its views, and of Torrust's clients. The last torrent of the sorted page follows, with
# all of its peers.
SORTED = "torrents/sorted?order=peers&limit=100"
ASKED = ["stats", "metrics", "health", "cores", "totals", "torrents?limit=4000", SORTED, "storage", "latency"]
# As Prometheus and browsers request figures and pages.
COMPRESSED = {"Accept-Encoding": "gzip"}


@dataclass(frozen=True)
class Place:
    """The ports of the APIs, and their token."""

    api_port: int
    health_port: int
    token: str
    # The clients' core.
    core: int
    # The ports of the figures for Prometheus and of the statistics page, if they are on.
    metrics_port: int | None = None
    page_port: int | None = None

    def headers(self) -> dict[str, str]:
        """Returns the headers of a request to the management API."""
        return {"Authorization": f"Bearer {self.token}"}


@dataclass
class Asked:
    """Counts of requests and responses. Each client writes its own fields."""

    answers_ms: dict[str, list[float]] = field(default_factory=dict)
    events: int = 0
    health_checks: int = 0
    scrapes: int = 0
    pages: int = 0
    # When health checks reported an unhealthy listener.
    unwell_at_s: list[float] = field(default_factory=list)
    changes_stored: int = 0
    # Reasons why clients failed.
    failures: list[str] = field(default_factory=list)

    def answers(self) -> int:
        """Returns the number of responses to all clients, without events."""
        return self.health_checks + self.scrapes + self.pages + sum(map(len, self.answers_ms.values()))

    def slowest_ms(self) -> float:
        """Returns the time of the dashboard's slowest response."""
        return max((max(times) for times in self.answers_ms.values()), default=0.0)


Client = Callable[[Place, Asked, threading.Event], None]


@contextlib.contextmanager
def asked_by_clients(place: Place) -> Iterator[Asked]:
    """Runs clients during the block. A client that fails fails the block."""
    asked, done = Asked(), threading.Event()
    clients = [threading.Thread(target=run, args=(client, place, asked, done)) for client in clients_of(place)]
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


def clients_of(place: Place) -> list[Client]:
    """Returns a client of each kind that has a port."""
    return [dashboard, monitor, checker, *([prometheus] if place.metrics_port else []), *([guest] if place.page_port else [])]


def make_keys(place: Place, keys: list[str]) -> None:
    """Creates keys that never expire."""
    wanted = "".join(json.dumps({"key": key, "seconds_valid": None}) + "\n" for key in keys)
    with connection(place.api_port) as api:
        api.request("POST", "/api/v1/keys/bulk", wanted, place.headers())
        made = [json.loads(line) for line in checked(api.getresponse(), "keys/bulk").read().splitlines()]
    if [line.get("key") for line in made] != keys:
        raise RuntimeError(f"the tracker did not create the keys: {made[:1]}")


def run(client: Client, place: Place, asked: Asked, done: threading.Event) -> None:
    """Runs a client on its core until it is done."""
    # Of this thread only.
    os.sched_setaffinity(0, {place.core})
    try:
        client(place, asked, done)
    except (OSError, http.client.HTTPException, RuntimeError, ValueError) as error:
        asked.failures.append(f"{client.__name__}: {error!r}")


def dashboard(place: Place, asked: Asked, done: threading.Event) -> None:
    """Requests everything once a second."""
    with connection(place.api_port) as api:
        for _ in each_second(done):
            answers = {path: timed(asked, path, api, place) for path in ASKED}
            if torrents := json.loads(answers[SORTED])["torrents"]:
                timed(asked, "torrent", api, place, f"torrent/{torrents[-1]['info_hash']}")


def monitor(place: Place, asked: Asked, done: threading.Event) -> None:
    """Reads the event stream."""
    with connection(place.api_port) as api:
        api.request("GET", "/api/v1/events", headers=place.headers())
        response = checked(api.getresponse(), "events")
        while not done.is_set():
            if not (line := response.readline()):
                raise ConnectionResetError("the event stream has ended")
            asked.events += line.startswith(b"data:")


def checker(place: Place, asked: Asked, done: threading.Event) -> None:
    """Makes a health check once a second."""
    with connection(place.health_port) as health:
        for _ in each_second(done):
            if json.loads(get(health, "/health_check", {}))["status"] != "Ok":
                asked.unwell_at_s.append(time.monotonic())
            asked.health_checks += 1


def prometheus(place: Place, asked: Asked, done: threading.Event) -> None:
    """Scrapes the figures once a second."""
    with connection(place.metrics_port) as figures:
        for _ in each_second(done):
            get(figures, "/metrics", COMPRESSED)
            asked.scrapes += 1


def guest(place: Place, asked: Asked, done: threading.Event) -> None:
    """Loads the statistics page once a second, each time over a connection of its own."""
    for _ in each_second(done):
        with connection(place.page_port) as page:
            get(page, "/stats", {"Accept": "text/html", **COMPRESSED})
        asked.pages += 1


def each_second(done: threading.Event) -> Iterator[None]:
    """Yields at once and then every second; missed seconds are skipped."""
    begun = time.monotonic()
    while not done.is_set():
        yield
        done.wait(EVERY_S - (time.monotonic() - begun) % EVERY_S)


def timed(asked: Asked, name: str, api: http.client.HTTPConnection, place: Place, path: str | None = None) -> bytes:
    """Returns a response of the management API, and records its time by name."""
    begun = time.monotonic()
    answer = get(api, f"/api/v1/{path or name}", place.headers())
    asked.answers_ms.setdefault(name, []).append((time.monotonic() - begun) * 1000)
    return answer


@contextlib.contextmanager
def connection(port: int) -> Iterator[http.client.HTTPConnection]:
    """Opens a connection to this machine, kept for all requests of a client."""
    kept = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_S_MAX)
    try:
        yield kept
    finally:
        kept.close()


def get(api: http.client.HTTPConnection, path: str, headers: dict[str, str]) -> bytes:
    """Returns the body of a response."""
    api.request("GET", path, headers=headers)
    return checked(api.getresponse(), path).read()


def checked(response: http.client.HTTPResponse, path: str) -> http.client.HTTPResponse:
    """Returns a response with status 200, and raises otherwise."""
    if response.status != http.client.OK:
        raise RuntimeError(f"{path}: status {response.status}: {response.read()[:200]!r}")
    return response
