"""A dashboard, Prometheus, a guest and a service manager, which ask every second and connect again when they are disconnected."""

import contextlib
import http.client
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from comparison.management import Asked, Client, Place, clients_of

# After a failure.
PAUSE_S = 0.5
# Failures of a kept connection that has been closed meanwhile. A refused connection and a status other than 200 are none of them.
DISCONNECTED = (ConnectionResetError, BrokenPipeError, http.client.HTTPException)
# The reason of a health check that was answered, but not well.
UNWELL = "a listener is unhealthy"
# Clients without a token, whose connections the tracker closes after some seconds: they connect again, as others of their kind do.
SHORT_LIVED = ("checker", "prometheus")


@dataclass(frozen=True)
class Failure:
    """A request that failed."""

    at_s: float
    client: str
    reason: str
    # Whether a handover may cause it.
    fits_handover: bool


@dataclass
class Browsers:
    """All clients of what the tracker shows of itself."""

    place: Place
    asked: Asked = field(default_factory=Asked)
    failures: list[Failure] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)

    def responses(self) -> dict[str, int]:
        """Returns the responses by their kind."""
        views = min(map(len, self.asked.answers_ms.values()), default=0)
        return {"views of a dashboard": views, "events": self.asked.events, "health checks": self.asked.health_checks,
                "scrapes of figures": self.asked.scrapes, "statistics pages": self.asked.pages}

    def failed(self) -> list[Failure]:
        """Returns the requests that failed, and the health checks that reported an unhealthy listener."""
        return self.failures + [Failure(at_s, "checker", UNWELL, True) for at_s in self.asked.unwell_at_s]

    def keep(self, client: Client) -> None:
        """Runs a client, again after each failure."""
        # Of this thread only.
        os.sched_setaffinity(0, {self.place.core})
        while not self.done.is_set():
            try:
                client(self.place, self.asked, self.done)
            except (OSError, http.client.HTTPException, RuntimeError, ValueError) as error:
                if isinstance(error, http.client.RemoteDisconnected) and client.__name__ in SHORT_LIVED:
                    continue
                self.failures.append(Failure(time.monotonic(), client.__name__, repr(error), isinstance(error, DISCONNECTED)))
                self.done.wait(PAUSE_S)


@contextlib.contextmanager
def browsing(place: Place) -> Iterator[Browsers]:
    """Runs all clients during the block."""
    browsers = Browsers(place)
    threads = [threading.Thread(target=browsers.keep, args=(client,), daemon=True) for client in clients_of(place)]
    for thread in threads:
        thread.start()
    try:
        yield browsers
    finally:
        browsers.done.set()
        for thread in threads:
            thread.join(PAUSE_S * 10)
