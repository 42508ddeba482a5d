"""The tracker and everything beside it, as the actions need them."""

import http.client
import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from comparison.management import Place, connection
from comparison.succession import Succession, entries
from soaking.configuration import TOKEN, Ports
from soaking.databases import Database
from soaking.swarms import KnownSwarms

# Between two looks at something that is to happen.
LOOK_S = 0.05
Body = str | dict | None


@dataclass
class Scene:
    """One soak."""

    folder: Path
    ports: Ports
    place: Place
    tracker: Succession
    settings: dict[str, object]
    database: Database
    keys: list[str]
    swarms: KnownSwarms
    rng: random.Random
    # None if the build has no snapshots.
    snapshots: Path | None
    # For everything but the tracker and the load, and for the load.
    core: int
    load_core: int
    identities: int = 1

    @property
    def configuration(self) -> Path:
        """Returns the file that the tracker reads."""
        return self.folder / "ringtrack.toml"

    def ask(self, method: str, path: str, body: Body = None) -> bytes:
        """Returns the response of the management API."""
        headers = {"Authorization": f"Bearer {TOKEN}"}
        if isinstance(body, dict):
            body, headers["Content-Type"] = json.dumps(body), "application/json"
        with connection(self.ports.api) as api:
            api.request(method, f"/api/v1/{path}", body, headers)
            response = api.getresponse()
            text = response.read()
        if response.status != http.client.OK:
            raise RuntimeError(f"{method} {path}: status {response.status}: {text[:200]!r}")
        return text

    def ask_json(self, method: str, path: str, body: Body = None) -> object:
        """Returns the response of the management API as an object."""
        return json.loads(self.ask(method, path, body))

    def log(self) -> list[dict]:
        """Returns the lines of the present log."""
        return entries(self.tracker.logs[-1])

    def logged(self, message: str) -> list[dict]:
        """Returns the lines of the present log with a message."""
        return [entry for entry in self.log() if entry.get("message") == message]


def wait_for(what: str, seconds_max: float, is_there: Callable[[], object]) -> None:
    """Waits until something is there."""
    deadline = time.monotonic() + seconds_max
    while not is_there():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what} has not happened within {seconds_max:g} s")
        time.sleep(LOOK_S)
