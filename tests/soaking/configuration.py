"""The configuration of the tracker, and the changes that take effect without a restart."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from comparison.protocols import HERE

TOKEN = "0123456789abcdef-soak"
# The sources of the greatest load, and of the browsers. All others have the usual limits.
GOOD_NETWORKS = ["127.0.0.0/16", "127.1.0.0/16"]
REQUESTS_PER_S, BURST_S = 200, 3
# About the shortest that the configuration allows, with any of the changes below: peers come and go all the time.
INTERVAL_S, LIFETIME_S = 60, 122
# Values of keys that a reload changes, and then changes back.
LIVE: dict[str, object] = {
    "access.mode": "public",
    "announce.interval_jitter_percent": 1,
    "announce.interval_s": 61,
    "announce.numwant_max": 60,
    "announce.peer_lifetime_s": 130,
    "connection_ids.lifetime_s": 150,
    "database.flush_every_s": 1,
    "http.idle_s": 45,
    "http.scrape_torrents_max": 70,
    "limits.peers_max": 50_000_000,
    "limits.peers_per_source_max": 5,
    "shutdown.deadline_s": 11,
    "sources.ban_s": 30,
    "sources.requests_per_s": REQUESTS_PER_S + 50,
    "statistics.interval_s": 30,
    "udp.filter": "off",
    "udp.path_mtu_bytes": 1400,
    "websocket.interval_s": 50,
    "websocket.offers_per_announce_max": 9,
}


@dataclass(frozen=True)
class Ports:
    """The ports of all listeners, above the first one."""

    # For UDP and for HTTP.
    tracker: int

    @property
    def https(self) -> int:
        """Returns the port of HTTPS."""
        return self.tracker + 1

    @property
    def api(self) -> int:
        """Returns the port of the management API."""
        return self.tracker + 2

    @property
    def health(self) -> int:
        """Returns the port of health checks."""
        return self.tracker + 3

    @property
    def metrics(self) -> int:
        """Returns the port of the figures for Prometheus."""
        return self.tracker + 4


def settings(folder: Path, ports: Ports, cores: list[int], database_url: str) -> dict[str, object]:
    """Returns the values of the keys: everything is on."""
    return {
        "workers.cores": cores,
        "udp.listen": at(ports.tracker),
        "http.listen": at(ports.tracker),
        "http.connections_max": 8192,
        "https.listen": at(ports.https),
        "https.certificate_file": str(folder / "tls" / "certificate.pem"),
        "https.key_file": str(folder / "tls" / "key.pem"),
        "websocket.interval_s": INTERVAL_S,
        "announce.interval_s": INTERVAL_S,
        "announce.interval_jitter_percent": 0,
        "announce.peer_lifetime_s": LIFETIME_S,
        "access.mode": "private",
        "sources.allow": GOOD_NETWORKS,
        "sources.requests_per_s": REQUESTS_PER_S,
        "sources.burst_s": BURST_S,
        "sources.ban_after_s": 2,
        "database.url": database_url,
        "database.remember_completed": "on",
        "database.flush_every_s": 2,
        "api.listen": at(ports.api),
        "api.tokens": {"soak": TOKEN},
        "health_check_api.listen": at(ports.health),
        "metrics.listen": at(ports.metrics),
        "statistics.page": "on",
        "log.format": "json",
        "latency.directory": str(folder),
    }


def at(port: int) -> list[str]:
    """Returns the addresses of a listener."""
    return [f"{HERE}:{port}"]


def write(file: Path, values: dict[str, object]) -> None:
    """Replaces the file at once, readable for its owner alone because it has a token."""
    sections: dict[str, list[str]] = {}
    for name, value in values.items():
        section, key = name.split(".")
        sections.setdefault(section, []).append(f"{key} = {in_toml(value)}")
    text = "\n".join(f"[{section}]\n" + "\n".join(lines) + "\n" for section, lines in sections.items())
    written = file.with_suffix(".new")
    with os.fdopen(os.open(written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(text)
    written.replace(file)


def in_toml(value: object) -> str:
    """Returns a text, a number, a list or a table."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {in_toml(item)}" for key, item in value.items()) + " }"
    return json.dumps(value)
